/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up privileges in every thread of a process that runs already.
 *
 * Credentials belong to threads, and there is no call that changes another's. Loops do it
 * themselves, each between two callbacks: what nobody needs goes, and the rest is to outlive the
 * change of user. Threads that plugins made cannot be asked: they may block every signal, and
 * libpsx knows only those that the program itself made. But the C library carries a change of user
 * into all of them, and as the last of root's ids goes, the kernel takes all capabilities from a
 * thread that did not ask to keep them. A thread that a loop makes in between inherits its wish,
 * and no more than it holds. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capability.h"
#include "clock.h"
#include "log.h"
#include "privilege.h"

enum { POLL_NS = NS_PER_MS };

static const int64_t loops_patience_ns = 30ll * NS_PER_SECOND;
static const int64_t verify_patience_ns = NS_PER_SECOND;

/* One giving up under way. Whoever leaves last frees it, as a loop may come late. */
struct privilege_drop {
	struct privilege *privilege;
	struct loop *home; /* of the thread that changes the user */
	struct loop_task finish;
	struct loop_timer bound;
	privilege_done *done;
	void *data;
	uint64_t held;
	pthread_mutex_t mutex; /* over what follows */
	uint32_t open_count;   /* loops that have not come yet */
	uint32_t user_count;
	bool finished;
	struct loop_task tasks[]; /* of each loop */
};

static void drop_leave(struct privilege_drop *drop)
{
	bool last;

	pthread_mutex_lock(&drop->mutex);
	last = --drop->user_count == 0;
	pthread_mutex_unlock(&drop->mutex);
	if (!last)
		return;
	pthread_mutex_destroy(&drop->mutex);
	free(drop);
}

/* On a loop's thread. */
static void drop_attend(void *data)
{
	struct privilege_drop *drop = data;
	int result = capabilities_hold(drop->held);

	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (result)
		log_write(SONDE_ERROR, NULL,
			  "a callback took so long that its thread has no capabilities any more: "
			  "what runs on it may need a restart");
	pthread_mutex_lock(&drop->mutex);
	if (!--drop->open_count && !drop->finished)
		loop_post(drop->home, &drop->finish);
	pthread_mutex_unlock(&drop->mutex);
	drop_leave(drop);
}

static int root_leave(const struct privilege *privilege)
{
	int result = 0;

	if (privilege->switches && setresuid(privilege->uid, privilege->uid, privilege->uid))
		result = -errno;
	if (privilege->switches)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return result;
}

/* Whether a thread has capabilities beyond `held`, or is still root's. One that is gone has not. */
static bool thread_exceeds(const char *thread, const struct privilege *privilege, uint64_t held)
{
	unsigned int uids[4] = { 1, 1, 1, 1 };
	unsigned long long permitted = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", thread);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Uid: %u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) == 4 ||
		    sscanf(line, "CapPrm: %llx", &permitted) == 1)
			continue;
	}
	if (file)
		fclose(file);
	return permitted & ~held ||
	       (privilege->uid && (!uids[0] || !uids[1] || !uids[2] || !uids[3]));
}

static uint32_t threads_count(const struct privilege *privilege, uint64_t held)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;
	uint32_t count = 0;

	if (!directory)
		return 0;
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.' && thread_exceeds(entry->d_name, privilege, held);
	closedir(directory);
	return count;
}

/* Looks at every thread; one that is on its way out may be seen as it was. Who was no root could
 * not be made another, so that threads of plugins keep what they were given to start. */
static int threads_verify(const struct privilege *privilege, uint64_t held)
{
	int64_t deadline_ns = clock_monotonic_ns() + verify_patience_ns;
	uint32_t count = threads_count(privilege, held);

	while (count && clock_monotonic_ns() < deadline_ns) {
		clock_sleep_ns(POLL_NS);
		count = threads_count(privilege, held);
	}
	if (!count)
		return 0;
	log_write(privilege->switches ? SONDE_ERROR : SONDE_WARNING, NULL,
		  "%u threads hold more privileges than are needed to run", count);
	return privilege->switches ? -EPERM : 0;
}

/* On the home loop. */
static void drop_end(struct privilege_drop *drop)
{
	pthread_mutex_lock(&drop->mutex);
	drop->finished = true;
	pthread_mutex_unlock(&drop->mutex);
	loop_cancel(drop->home, &drop->finish);
	loop_timer_end(drop->home, &drop->bound);
	drop->privilege->drop = NULL;
}

static void drop_finish(void *data)
{
	struct privilege_drop *drop = data;
	struct privilege *privilege = drop->privilege;
	char text[CAPABILITY_TEXT_BYTES];
	int result;

	drop_end(drop);
	result = root_leave(privilege);
	if (!result)
		result = threads_verify(privilege, drop->held);
	privilege->dropped = !result;
	if (privilege->given && !result)
		log_write(SONDE_INFO, NULL, "runs as %s with the capabilities %s", privilege->user,
			  capabilities_print(privilege->held, text));
	drop->done(drop->data, result);
	drop_leave(drop);
}

static struct privilege_drop *drop_create(struct privilege *privilege, uint32_t loop_count)
{
	struct privilege_drop *drop =
		calloc(1, sizeof(*drop) + loop_count * sizeof(drop->tasks[0]));

	if (!drop)
		return NULL;
	pthread_mutex_init(&drop->mutex, NULL);
	drop->privilege = privilege;
	drop->finish = (struct loop_task){ .run = drop_finish, .data = drop };
	drop->bound = (struct loop_timer){ .run = drop_finish, .data = drop };
	drop->open_count = loop_count;
	drop->user_count = loop_count + 1;
	return drop;
}

int privilege_drop(struct privilege *privilege, struct loop *home, const struct graph *graph,
		   privilege_done *done, void *data)
{
	struct privilege_drop *drop;
	uint32_t count = 0;
	int result;

	if (privilege->drop || privilege->dropped)
		return 0;
	for (uint32_t i = 0; i < graph->loop_count; i++)
		count += graph->loops[i].started;
	drop = drop_create(privilege, count);
	if (!drop)
		return -ENOMEM;
	drop->home = home;
	drop->done = done;
	drop->data = data;
	drop->held = capabilities_serving(
		privilege_needs_running(graph->config) | graph_needs(graph), privilege->held);
	result = capabilities_hold(drop->held);
	if (result) {
		drop->user_count = 1;
		drop_leave(drop);
		return result;
	}
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	privilege->held = drop->held;
	privilege->drop = drop;
	loop_timer_after(home, &drop->bound, loops_patience_ns);
	if (!count)
		loop_post(home, &drop->finish);
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		struct loop_task *task;

		if (!graph->loops[i].started)
			continue;
		task = &drop->tasks[--count];
		*task = (struct loop_task){ .run = drop_attend, .data = drop };
		loop_post(graph->loops[i].loop, task);
	}
	return 0;
}

void privilege_forget(struct privilege *privilege)
{
	struct privilege_drop *drop = privilege->drop;

	if (!drop)
		return;
	drop_end(drop);
	drop_leave(drop);
}
