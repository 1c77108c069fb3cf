// SPDX-License-Identifier: Apache-2.0
/* Attaches and detaches what is measured. */
#include "syscalls_subjects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embedded_syscalls_floor.h"

#define PEER "/usr/sbin/syscount"

static struct bpf_object *floor_object;
static struct bpf_link *floor_links[2];
static struct sonde_ring floor_rings[64];
static struct probe probe;
static pid_t peer;

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

static bool floor_ring_open(uint32_t cpu)
{
	int outer = bpf_object__find_map_fd_by_name(floor_object, "rings");
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "floor", 0, 0, FLOOR_RING_BYTES, NULL);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sonde_ring *ring = &floor_rings[cpu];
	char *memory;

	if (fd < 0 || bpf_map_update_elem(outer, &cpu, &fd, BPF_ANY))
		return false;
	ring->consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memory = mmap(NULL, page + 2ul * FLOOR_RING_BYTES, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (ring->consumer == MAP_FAILED || memory == MAP_FAILED)
		return false;
	ring->producer = (unsigned long *)(void *)memory;
	ring->data = (unsigned char *)memory + page;
	ring->mask = FLOOR_RING_BYTES - 1;
	return true;
}

static bool floor_open(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "floor");
	uint32_t cpus = sonde_kernel_cpu_count();

	libbpf_set_print(say_nothing);
	floor_object = bpf_object__open_mem(embedded_syscalls_floor, embedded_syscalls_floor_bytes,
					    &options);
	if (!floor_object)
		return false;
	bpf_map__set_max_entries(bpf_object__find_map_by_name(floor_object, "rings"), cpus);
	if (bpf_object__load(floor_object))
		return false;
	for (uint32_t cpu = 0; cpu < cpus && cpu < 64; cpu++)
		if (!floor_ring_open(cpu))
			return false;
	return true;
}

bool subjects_open(void)
{
	struct probe_shape shape = { .memory_bytes = 16u << 20,
				     .ring_bytes = FLOOR_RING_BYTES,
				     .group_count = 512 };
	char message[512];

	if (!floor_open()) {
		fprintf(stderr, "floor: %s\n", strerror(errno));
		return false;
	}
	if (probe_open(&probe, &shape, message, sizeof(message))) {
		fprintf(stderr, "sonde: %s\n", message);
		return false;
	}
	return true;
}

void subjects_close(void)
{
	probe_close(&probe);
	bpf_object__close(floor_object);
}

struct probe *sonde_probe(void)
{
	return &probe;
}

struct sonde_ring *floor_ring(uint32_t cpu)
{
	return &floor_rings[cpu];
}

void floor_attach(const char *enter, const char *exit_name)
{
	const char *names[2] = { enter, exit_name };

	for (int i = 0; i < 2; i++) {
		if (!names[i])
			continue;
		floor_links[i] = bpf_program__attach(
			bpf_object__find_program_by_name(floor_object, names[i]));
		if (!floor_links[i]) {
			perror(names[i]);
			exit(1);
		}
	}
}

void floor_detach(void)
{
	for (int i = 0; i < 2; i++) {
		bpf_link__destroy(floor_links[i]);
		floor_links[i] = NULL;
	}
}

void sonde_attach(const struct probe_settings *settings)
{
	int error = probe_apply(&probe, settings);

	if (error) {
		fprintf(stderr, "sonde: %s\n", strerror(-error));
		exit(1);
	}
}

void sonde_detach(void)
{
	static const struct probe_settings off;

	sonde_attach(&off);
}

bool peer_exists(void)
{
	return access(PEER, X_OK) == 0;
}

/* The peer is ready when it has said its first line. */
bool peer_attach(void)
{
	int out[2];
	char line[64];
	ssize_t got;

	if (pipe2(out, O_CLOEXEC))
		return false;
	peer = fork();
	if (!peer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The peer knows classic tracepoints only: give it tracefs where the host mounts
		 * none. */
		if (access("/sys/kernel/tracing/events", F_OK) &&
		    (unshare(CLONE_NEWNS) || mount(NULL, "/sys", NULL, MS_REC | MS_PRIVATE, NULL) ||
		     mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL)))
			_exit(126);
		dup2(out[1], STDOUT_FILENO);
		execl("/usr/bin/stdbuf", "stdbuf", "-oL", PEER, "-L", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	got = read(out[0], line, sizeof(line));
	close(out[0]);
	if (got > 0)
		return true;
	waitpid(peer, NULL, 0);
	return false;
}

void peer_detach(void)
{
	kill(peer, SIGINT);
	waitpid(peer, NULL, 0);
}
