// SPDX-License-Identifier: Apache-2.0
/* The health of the daemon and of its instances as rows. */
#include <stdlib.h>

#include "self.h"

enum { TEXT_BYTES = 1024 };

static const double ns_per_second = 1e9;

static const char *const state_names[SONDE_STATE_COUNT] = {
	[SONDE_STATE_STARTING] = "starting", [SONDE_STATE_RUNNING] = "running",
	[SONDE_STATE_DEGRADED] = "degraded", [SONDE_STATE_WAITING] = "waiting",
	[SONDE_STATE_BUSY] = "busy",         [SONDE_STATE_LEAVING] = "leaving",
	[SONDE_STATE_STOPPED] = "stopped",
};

static const char *const kind_names[] = {
	[SONDE_INPUT] = "input",
	[SONDE_PROCESSOR] = "processor",
	[SONDE_OUTPUT] = "output",
};

static const char *kind_name(uint32_t kind)
{
	return kind && kind <= SONDE_OUTPUT ? kind_names[kind] : "other";
}

/* ---- the process ------------------------------------------------------------------------- */

static double seconds(int64_t ns)
{
	return (double)ns / ns_per_second;
}

static void put_process(const struct reading *reading)
{
	const struct sonde_process *process = &reading->process;
	struct health_row *row = sonde_row(reading->instance, SCHEMA_HEALTH);

	*row = (struct health_row){
		.head = reading->head,
		.start_time_ns = process->started_ns,
		.uptime_s = seconds(reading->head.time_ns - process->started_ns),
		.cpu_s = seconds(process->user_ns + process->system_ns),
		.stuck_s = seconds(process->stuck_ns),
		.memory_limit_bytes = process->limit_bytes,
		.resident_bytes = process->resident_bytes,
		.room_bytes = process->room_bytes,
		.used_bytes = process->used_bytes,
		.idle_bytes = process->idle_bytes,
		.peak_bytes = process->peak_bytes,
		.reserved_bytes = process->reserved_bytes,
		.other_bytes = process->other_bytes,
		.kernel_bytes = process->kernel_bytes,
		.shed_rows = process->shed_rows,
		.refused_count = process->refused_count,
		.failed_count = process->failed_count,
		.descriptor_count = process->descriptor_count,
		.descriptor_limit = process->descriptor_limit,
		.descriptor_refused_count = process->descriptor_refused_count,
		.log_written = process->log_written,
		.log_held = process->log_held,
		.log_lost = process->log_lost,
		.run = process->epoch,
		.thread_count = process->thread_count,
	};
	if (process->limit_bytes == UINT64_MAX)
		sonde_null(reading->instance, SCHEMA_HEALTH, HEALTH_MEMORY_LIMIT);
}

/* ---- instances --------------------------------------------------------------------------- */

static void put_instance(const struct reading *reading, const struct sonde_health *health)
{
	struct instance_row *row = sonde_row(reading->instance, SCHEMA_INSTANCE);

	row->head = self_head(reading, health->name);
	row->start_time_ns = health->started_ns;
	row->kind = self_text(reading, kind_name(health->kind));
	row->plugin = self_text(reading, health->plugin);
	row->replica = health->replica;
	row->failure_count = health->failure_count;
	row->retry_count = health->retry_count;
	row->busy_s = seconds(health->busy_ns);
	if (health->kind != SONDE_OUTPUT)
		sonde_null(reading->instance, SCHEMA_INSTANCE, INSTANCE_RETRIES);
}

static void put_state(const struct reading *reading, const struct sonde_health *health,
		      uint32_t state)
{
	struct state_row *row = sonde_row(reading->instance, SCHEMA_STATE);
	const char *name = state < SONDE_STATE_COUNT ? state_names[state] : NULL;

	row->head = self_head(reading, health->name);
	row->kind = self_text(reading, kind_name(health->kind));
	row->replica = health->replica;
	row->state = self_text(reading, name ? name : "other");
	row->is_in_it = state == health->state;
}

/* Where the states of an instance are remembered; NULL: no memory, they are not. */
static struct self_seen *seen_of(struct self *self, uint64_t id)
{
	for (uint32_t i = 0; i < self->seen_count; i++) {
		if (self->seen[i].id == id)
			return &self->seen[i];
	}
	if (self->seen_count == self->seen_capacity) {
		uint32_t capacity = self->seen_capacity ? self->seen_capacity * 2 : 16;
		struct self_seen *seen = realloc(self->seen, capacity * sizeof(*seen));

		if (!seen)
			return NULL;
		self->seen = seen;
		self->seen_capacity = capacity;
	}
	self->seen[self->seen_count] = (struct self_seen){ .id = id };
	return &self->seen[self->seen_count++];
}

/* Those that were not met in this reading are gone. */
static void seen_sweep(struct self *self)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < self->seen_count; i++) {
		if (self->seen[i].is_met)
			self->seen[kept++] = self->seen[i];
	}
	self->seen_count = kept;
	for (uint32_t i = 0; i < kept; i++)
		self->seen[i].is_met = false;
}

/* A state that it has left is said once more with each reading, as 0: else a series of it would end
 * with a 1. Of one that leaves another may have the name already, so it says no more than that. */
static void put_states(const struct reading *reading, const struct sonde_health *health)
{
	struct self_seen *seen = seen_of(reading->instance->self, health->id);

	put_state(reading, health, health->state);
	if (!seen || health->state == SONDE_STATE_LEAVING)
		return;
	for (uint32_t state = 0; state < SONDE_STATE_COUNT; state++) {
		if (state != health->state && seen->states >> state & 1)
			put_state(reading, health, state);
	}
	seen->is_met = true;
	seen->states |= health->state < SONDE_STATE_COUNT ? 1u << health->state : 0;
}

void health_read(const struct reading *reading)
{
	struct sonde_health health = { .size = sizeof(health) };
	char texts[TEXT_BYTES];
	uint64_t cursor = 0;

	put_process(reading);
	while (!sonde_next_health(reading->instance, &cursor, &health, texts, sizeof(texts))) {
		put_states(reading, &health);
		if (health.state != SONDE_STATE_LEAVING)
			put_instance(reading, &health);
	}
	seen_sweep(reading->instance->self);
	queues_read(reading);
}
