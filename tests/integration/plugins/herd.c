/* SPDX-License-Identifier: Apache-2.0 */
/* Input `herd`: has threads of its own that no signal reaches, and declares whatever capabilities a
 * test wants. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sonde/plugin.h>

enum { HERD_LIMIT = 16 };

struct herd {
	uint32_t threads;                  /* option, knob: how many threads there are */
	struct sonde_texts start, running; /* options: capabilities, as numbers */
	bool insist;                       /* option: start() fails while one of them is not held */

	uint64_t refused; /* counter: capabilities that were not held */
	pthread_t members[HERD_LIMIT];
	uint32_t count;
};

static const struct sonde_option herd_options[] = {
	{ .name = "members",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct herd, threads),
	  .value = "0",
	  .maximum = "16",
	  .knob = true },
	{ .name = "to_start", .type = SONDE_TEXTS, SONDE_MEMBER(struct herd, start) },
	{ .name = "to_run", .type = SONDE_TEXTS, SONDE_MEMBER(struct herd, running) },
	{ .name = "insist",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct herd, insist),
	  .value = "false" },
	{ 0 },
};

static const struct sonde_counter herd_counters[] = {
	{ .name = "refused", SONDE_MEMBER(struct herd, refused), .unit = "{capability}" }, { 0 }
};

static char early[] = "early", late[] = "late";

static void *member_run(void *name)
{
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

/* With every signal blocked, as libraries with threads of their own have it. */
static int members_make(struct herd *herd)
{
	sigset_t all, before;
	int result = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!result && herd->count < herd->threads) {
		result = pthread_create(&herd->members[herd->count], NULL, member_run,
					herd->count ? late : early);
		herd->count += result == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -result;
}

static uint64_t needs_declare(struct sonde_instance *instance)
{
	const struct herd *herd = instance->self;
	uint64_t refused = 0;

	for (uint32_t i = 0; i < herd->start.count; i++)
		refused += sonde_need(instance, (uint32_t)atoi(herd->start.items[i]),
				      SONDE_TO_START) < 0;
	for (uint32_t i = 0; i < herd->running.count; i++)
		refused += sonde_need(instance, (uint32_t)atoi(herd->running.items[i]),
				      SONDE_TO_RUN) < 0;
	return refused;
}

static int herd_check(struct sonde_instance *instance)
{
	if (needs_declare(instance))
		sonde_problem(instance, NULL, "what is declared in check() is never refused");
	return 0;
}

static int herd_start(struct sonde_instance *instance)
{
	struct herd *herd = instance->self;
	uint64_t refused = needs_declare(instance);

	sonde_count(&herd->refused, refused);
	if (herd->insist && refused)
		return sonde_fail(instance, EPERM, "a capability is missing");
	return members_make(herd);
}

static int herd_set(struct sonde_instance *instance)
{
	return members_make(instance->self);
}

static const struct sonde_plugin herd_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "herd",
	.summary = "threads of its own, and needs",
	.self_size = sizeof(struct herd),
	.options = herd_options,
	.counters = herd_counters,
	.check = herd_check,
	.start = herd_start,
	.set = herd_set,
};

SONDE_EXPORT(herd_plugin)
