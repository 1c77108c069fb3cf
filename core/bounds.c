/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the daemon as a whole: memory and file descriptors, set, watched and said. */
#include "bounds.h"

#include <string.h>

#include "chronicle.h"
#include "descriptors.h"
#include "log.h"
#include "machine.h"
#include "memory.h"
#include "quantity.h"
#include "relief.h"
#include "setting.h"

/* Seconds without a loss after which the log says that it is over. */
enum { QUIET_TICKS = 10 };

/* Something that is counted, and how the log follows it. */
struct trouble {
	uint64_t seen;
	uint32_t quiet_ticks; /* since the last one; 0 while none has been said */
};

static struct trouble short_memory, short_descriptors;

/* What bounds all memory under this config, on this machine. */
static uint64_t memory_bound(const struct config *config)
{
	uint64_t bytes = config->daemon.memory_bytes;

	if (!bytes)
		bytes = machine_memory_bytes();
	return bytes > MEMORY_LIMIT_LEAST ? bytes : MEMORY_LIMIT_LEAST;
}

/* A queue that all memory would not fill. */
static void queue_check(const struct queue_config *queue, struct place place, const char *name,
			uint64_t bound, struct problems *problems)
{
	char text[32], all[32];

	if (queue->memory_bytes > bound)
		problems_add(problems, PROBLEM_NOTE, place,
			     "%s: its queue may hold %s, but all memory of the daemon is bounded "
			     "by %s here: see sonde.memory",
			     name, size_print(queue->memory_bytes, text), size_print(bound, all));
}

static void queues_check(const struct config *config, struct problems *problems)
{
	uint64_t bound = memory_bound(config);

	for (uint32_t i = 0; i < config->instance_count; i++) {
		const struct instance_config *instance = &config->instances[i];

		if (instance->kind == SONDE_OUTPUT && instance->routed)
			queue_check(&instance->queue, config_place(instance, "queue.memory"),
				    instance->name, bound, problems);
	}
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		queue_check(&config->pipelines[i].queue, config->pipelines[i].place,
			    config->pipelines[i].name, bound, problems);
}

void bounds_check(const struct config *config, struct problems *problems)
{
	const struct setting_given *given = setting_find(config->daemon_given, "sonde.memory");
	uint64_t bytes = config->daemon.memory_bytes;
	char text[32], least[32];

	queues_check(config, problems);
	if (!given || !bytes || bytes >= MEMORY_LIMIT_LEAST)
		return;
	problems_add(problems, PROBLEM_ERROR, given->place,
		     "sonde.memory: %s is not enough for anything to run (give at least %s, or 0B "
		     "for a share of the machine's)",
		     size_print(bytes, text), size_print(MEMORY_LIMIT_LEAST, least));
}

int bounds_set(const struct config *config)
{
	uint64_t bytes = memory_bound(config);
	int result = descriptors_open();

	if (result) {
		log_write(SONDE_ERROR, NULL,
			  "too few file descriptors to begin with: %s (raise "
			  "LimitNOFILE, or ulimit -n)",
			  strerror(-result));
		return result;
	}
	memory_limit(bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX);
	memory_on_short(relief_make_room);
	memory_measure();
	return 0;
}

/* Whether the log should say that trouble began (1), or is over (-1), or nothing (0). */
static int trouble_follow(struct trouble *trouble, uint64_t count)
{
	bool more = count != trouble->seen;
	bool was = trouble->quiet_ticks > 0;

	trouble->seen = count;
	if (more) {
		trouble->quiet_ticks = 1;
		return was ? 0 : 1;
	}
	if (!was || ++trouble->quiet_ticks <= QUIET_TICKS)
		return 0;
	trouble->quiet_ticks = 0;
	return -1;
}

static void trouble_decide(const char *event, enum sonde_level level, const char *message)
{
	struct decision decision = { .level = level, .event = event, .actor = "daemon" };

	chronicle_decide(&decision, "%s", message);
}

static void watch_memory(void)
{
	struct memory_snapshot memory;
	char limit[32];

	memory_measure();
	relief_tell_room();
	memory_read(&memory);
	switch (trouble_follow(&short_memory,
			       memory.shed_rows + memory.refused_count + memory.failed_count)) {
	case 1:
		log_write(SONDE_WARNING, NULL,
			  "memory is short: rows are lost as \"memory\" (of %s, rows have %zu KiB "
			  "and the rest %zu KiB; see sonde.memory)",
			  size_print(memory.limit_bytes, limit), memory.counted_bytes >> 10,
			  memory.other_bytes >> 10);
		trouble_decide("memory.short", SONDE_WARNING, "rows are lost as \"memory\"");
		break;
	case -1:
		trouble_decide("memory.suffice", SONDE_INFO, "memory suffices again");
		log_write(SONDE_INFO, NULL, "memory suffices again");
		break;
	}
}

static void watch_descriptors(void)
{
	struct descriptors_snapshot descriptors;

	descriptors_keep();
	switch (trouble_follow(&short_descriptors, descriptors_refused())) {
	case 1:
		descriptors_read(&descriptors);
		log_write(SONDE_WARNING, NULL,
			  "file descriptors have run out: %llu of %llu are in use (raise "
			  "LimitNOFILE, or ulimit -n)",
			  (unsigned long long)descriptors.used,
			  (unsigned long long)descriptors.limit);
		trouble_decide("descriptors.short", SONDE_WARNING, "file descriptors have run out");
		break;
	case -1:
		trouble_decide("descriptors.suffice", SONDE_INFO, "file descriptors suffice again");
		log_write(SONDE_INFO, NULL, "file descriptors suffice again");
		break;
	}
}

void bounds_watch(void)
{
	watch_memory();
	watch_descriptors();
}
