// SPDX-License-Identifier: Apache-2.0
/* A ring a CPU: made, mapped, and woken for by one fd. */
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

struct ring_handle {
	struct sonde_ring ring; /* first, so that the reader's view is the handle */
	int fd;
	size_t data_bytes;
};

struct rings {
	uint32_t count;
	int wake_fd; /* epoll over all rings, edge-triggered */
	size_t page;
	struct ring_handle handles[];
};

static int ring_open(struct rings *rings, struct ring_handle *handle, uint64_t bytes, int outer_fd,
		     uint32_t cpu)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = cpu };
	void *memory;

	handle->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, (uint32_t)bytes, NULL);
	if (handle->fd < 0 || bpf_map_update_elem(outer_fd, &cpu, &handle->fd, BPF_ANY))
		return -errno;
	memory = mmap(NULL, rings->page, PROT_READ | PROT_WRITE, MAP_SHARED, handle->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	handle->ring.consumer = memory;
	handle->data_bytes = rings->page + 2 * bytes;
	memory = mmap(NULL, handle->data_bytes, PROT_READ, MAP_SHARED, handle->fd,
		      (off_t)rings->page);
	if (memory == MAP_FAILED)
		return -errno;
	handle->ring.producer = memory;
	handle->ring.data = (const unsigned char *)memory + rings->page;
	handle->ring.mask = bytes - 1;
	return epoll_ctl(rings->wake_fd, EPOLL_CTL_ADD, handle->fd, &event) ? -errno : 0;
}

int rings_create(struct sonde_kernel *kernel, const char *map, uint64_t ring_bytes)
{
	uint32_t count = sonde_kernel_cpu_count();
	struct rings *rings = calloc(1, sizeof(*rings) + count * sizeof(rings->handles[0]));
	int outer_fd = sonde_kernel_map(kernel, map), error = 0;
	uint64_t bytes;

	if (!rings)
		return -ENOMEM;
	kernel->rings = rings;
	rings->page = (size_t)sysconf(_SC_PAGESIZE);
	rings->count = count;
	for (uint32_t cpu = 0; cpu < count; cpu++)
		rings->handles[cpu].fd = -1;
	for (bytes = rings->page; bytes < ring_bytes && bytes < 1ull << 30;)
		bytes *= 2;
	rings->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (rings->wake_fd < 0)
		return -errno;
	for (uint32_t cpu = 0; cpu < count && !error; cpu++)
		error = ring_open(rings, &rings->handles[cpu], bytes, outer_fd, cpu);
	return error;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	for (uint32_t cpu = 0; cpu < rings->count; cpu++) {
		struct ring_handle *handle = &rings->handles[cpu];

		if (handle->ring.producer)
			munmap((void *)(uintptr_t)handle->ring.producer, handle->data_bytes);
		if (handle->ring.consumer)
			munmap(handle->ring.consumer, rings->page);
		if (handle->fd >= 0)
			close(handle->fd);
	}
	if (rings->wake_fd >= 0)
		close(rings->wake_fd);
	free(rings);
}

struct sonde_ring *sonde_kernel_ring(struct sonde_kernel *kernel, uint32_t cpu)
{
	return kernel->rings && cpu < kernel->rings->count ? &kernel->rings->handles[cpu].ring
							   : NULL;
}

uint32_t sonde_kernel_ring_count(const struct sonde_kernel *kernel)
{
	return kernel->rings ? kernel->rings->count : 0;
}

int sonde_kernel_rings_fd(const struct sonde_kernel *kernel)
{
	return kernel->rings ? kernel->rings->wake_fd : -ENOENT;
}

void sonde_kernel_rings_woken(struct sonde_kernel *kernel)
{
	struct epoll_event events[64];

	if (!kernel->rings)
		return;
	while (epoll_wait(kernel->rings->wake_fd, events, 64, 0) == 64)
		;
}
