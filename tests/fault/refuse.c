// SPDX-License-Identifier: Apache-2.0
/* Memory that is refused on demand: preloaded into a daemon, it stands before malloc() and its kin,
 * counts what passes, and refuses what the file that SONDE_REFUSE names says. Whoever maps that
 * file too turns it on and off while the daemon runs.
 *
 * Libraries that end the process themselves when memory is refused are served always: libconfig. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* The file, in this machine's byte order. */
struct refusals {
	uint64_t at;      /* refuse this one, counted from 1; 0: none by number */
	uint64_t every;   /* refuse one in so many, spread unevenly; 0: none */
	uint64_t seen;    /* so far */
	uint64_t refused; /* of them */
};

static struct refusals none, *refusals = &none;
static uintptr_t exempt_begin, exempt_end;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int find_exempt(struct dl_phdr_info *info, size_t size, void *data)
{
	if (!strstr(info->dlpi_name, "libconfig.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
			continue;
		exempt_begin = info->dlpi_addr + header->p_vaddr;
		exempt_end = exempt_begin + header->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void refusals_open(void)
{
	const char *path = getenv("SONDE_REFUSE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *file;

	if (fd < 0)
		return;
	file = (void *)syscall(SYS_mmap, NULL, sizeof(*refusals), PROT_READ | PROT_WRITE,
			       MAP_SHARED, fd, 0L);
	close(fd);
	dl_iterate_phdr(find_exempt, NULL);
	if (file != MAP_FAILED)
		__atomic_store_n(&refusals, file, __ATOMIC_RELEASE);
}

/* The same for the same number, so that what one run finds the next one finds too. */
static uint64_t scatter(uint64_t number)
{
	number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
	number = (number ^ number >> 27) * 0x94d049bb133111ebu;
	return number ^ number >> 31;
}

static bool refuse(const void *caller)
{
	struct refusals *file = __atomic_load_n(&refusals, __ATOMIC_ACQUIRE);
	uint64_t every = __atomic_load_n(&file->every, __ATOMIC_RELAXED), number;

	if ((uintptr_t)caller >= exempt_begin && (uintptr_t)caller < exempt_end)
		return false;
	number = __atomic_add_fetch(&file->seen, 1, __ATOMIC_RELAXED);
	if (number != __atomic_load_n(&file->at, __ATOMIC_RELAXED) &&
	    (!every || scatter(number) % every))
		return false;
	__atomic_add_fetch(&file->refused, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return true;
}

EXPORTED void *malloc(size_t size)
{
	return refuse(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	return refuse(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
	return refuse(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

EXPORTED void *reallocarray(void *memory, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || refuse(__builtin_return_address(0)))
		return NULL;
	return __libc_realloc(memory, bytes);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	return refuse(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
	void *memory =
		refuse(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}

EXPORTED void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (refuse(__builtin_return_address(0)))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
