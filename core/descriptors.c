/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: how many there may be, how many there are, and one kept for when they run out.
 */
#include "descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* More than any config of this size needs; sets of all of them stay small. */
enum { LIMIT_MOST = 65536 };

static int kept_fd = -1;
static int list_fd = -1; /* /proc/self/fd, open as long as the process lives */
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER; /* over its place */
static uint64_t refused_count;

static void limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= LIMIT_MOST)
		return;
	limit.rlim_cur = limit.rlim_max < LIMIT_MOST ? limit.rlim_max : LIMIT_MOST;
	setrlimit(RLIMIT_NOFILE, &limit); /* else it stays as it is, and status shows it */
}

void descriptors_keep(void)
{
	if (kept_fd < 0)
		kept_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int descriptors_open(void)
{
	limit_raise();
	descriptors_keep();
	if (kept_fd < 0)
		return -errno;
	if (list_fd < 0)
		list_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return list_fd < 0 ? -errno : 0;
}

bool descriptors_note(int error)
{
	bool none_left = error == EMFILE || error == ENFILE;

	if (none_left)
		__atomic_fetch_add(&refused_count, 1, __ATOMIC_RELAXED);
	return none_left;
}

bool descriptors_lend(void)
{
	if (kept_fd < 0)
		return false;
	close(kept_fd);
	kept_fd = -1;
	return true;
}

/* The entries of the list less "." and "..". */
static uint64_t count_open(void)
{
	char buffer[4096] __attribute__((aligned(16)));
	uint64_t count = 0;
	ssize_t length;

	pthread_mutex_lock(&list_mutex);
	if (list_fd < 0 || lseek(list_fd, 0, SEEK_SET) < 0) {
		pthread_mutex_unlock(&list_mutex);
		return 0;
	}
	while ((length = getdents64(list_fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < length;) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			count += entry->d_name[0] != '.';
			at += entry->d_reclen;
		}
	}
	pthread_mutex_unlock(&list_mutex);
	return count;
}

uint64_t descriptors_refused(void)
{
	return __atomic_load_n(&refused_count, __ATOMIC_RELAXED);
}

void descriptors_read(struct descriptors_snapshot *ret_snapshot)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	*ret_snapshot = (struct descriptors_snapshot){
		.used = count_open(),
		.limit = limit.rlim_cur,
		.refused_count = descriptors_refused(),
	};
}
