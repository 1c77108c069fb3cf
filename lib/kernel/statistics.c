// SPDX-License-Identifier: Apache-2.0
/* The kernel's statistics of BPF programs: on while someone in this process needs them. */
#include <sonde/kernel.h>

#include <assert.h>
#include <bpf/bpf.h>
#include <pthread.h>
#include <unistd.h>

#include "message.h"

static pthread_mutex_t statistics_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t statistics_users;
static int statistics_fd; /* while there are users: the kernel counts as long as it is open */

int sonde_kernel_statistics_take(void)
{
	int error = 0;

	pthread_mutex_lock(&statistics_lock);
	if (!statistics_users) {
		message_capture();
		statistics_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		error = statistics_fd < 0 ? statistics_fd : 0;
	}
	if (!error)
		statistics_users++;
	pthread_mutex_unlock(&statistics_lock);
	return error;
}

void sonde_kernel_statistics_release(void)
{
	pthread_mutex_lock(&statistics_lock);
	assert(statistics_users);
	if (!--statistics_users)
		close(statistics_fd);
	pthread_mutex_unlock(&statistics_lock);
}
