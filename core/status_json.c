/* SPDX-License-Identifier: Apache-2.0 */
/* Status for programs: one JSON object. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <json.h>
#include "capability.h"
#include "clock.h"
#include "push.h"
#include "status.h"

static void put_unsigned(struct json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	json_unsigned(json, value);
}

static void put_double(struct json *json, const char *key, double value)
{
	json_key(json, key);
	json_double(json, value);
}

static void put_text(struct json *json, const char *key, const char *value)
{
	json_key(json, key);
	json_text(json, value);
}

static void put_tally(struct json *json, const char *key, struct tally tally)
{
	json_key(json, key);
	json_open_object(json);
	put_unsigned(json, "rows", tally.rows);
	put_unsigned(json, "events", tally.events);
	json_close_object(json);
}

static void put_tallies(struct json *json, const char *key, const struct tally *tallies,
			uint32_t count, const char *(*name)(uint32_t))
{
	json_key(json, key);
	json_open_object(json);
	for (uint32_t i = 0; i < count; i++) {
		if (tallies[i].rows || tallies[i].events)
			put_tally(json, name(i), tallies[i]);
	}
	json_close_object(json);
}

static void put_account(struct json *json, const struct status_account *at)
{
	static const char *const kinds[] = { "free", "kernel", "input", "route", "processor" };
	const struct account *numbers = &at->numbers;

	json_open_object(json);
	put_text(json, "name", numbers->name);
	put_text(json, "kind", numbers->kind <= ACCOUNT_PROCESSOR ? kinds[numbers->kind] : "?");
	json_key(json, "running");
	json_boolean(json, at->known);
	json_key(json, "closes");
	if (at->silent)
		json_null(json);
	else
		json_boolean(json, at->closes);
	put_tally(json, "in", numbers->in);
	put_tally(json, "made", numbers->made);
	put_tally(json, "out", numbers->out);
	put_tallies(json, "reduced", numbers->reduced, SONDE_REDUCTION_COUNT, reduction_name);
	put_tallies(json, "lost", numbers->lost, SONDE_LOSS_COUNT, loss_name);
	if (numbers->repeated.rows)
		put_tally(json, "possibly_repeated", numbers->repeated);
	put_tally(json, "queued", at->queued);
	put_tally(json, "held", at->held);
	put_double(json, "rows_per_second", at->rate.rows);
	put_double(json, "events_per_second", at->rate.events);
	if (numbers->kind == ACCOUNT_ROUTE) {
		json_key(json, "leaving");
		json_boolean(json, at->leaving);
		put_unsigned(json, "queue_bytes", at->bytes);
		put_unsigned(json, "queue_limit_bytes", at->limit_bytes);
		put_unsigned(json, "queue_high_bytes", at->high_bytes);
		put_unsigned(json, "queue_disk_bytes", at->disk_bytes);
		put_unsigned(json, "queue_disk_limit_bytes", at->disk_limit_bytes);
	}
	json_close_object(json);
}

/* Cells of one table and row stand together: {"programs": {"sys_enter": {"runs": 12}}}. */
static void put_report(struct json *json, const struct sonde_report *report)
{
	const char *table = NULL, *row = NULL;

	json_key(json, "report");
	json_open_object(json);
	for (const struct report_cell *cell = report->first; cell; cell = cell->next) {
		bool new_table = !table || strcmp(table, cell->table);

		if (row && (new_table || strcmp(row, cell->row)))
			json_close_object(json);
		if (table && new_table)
			json_close_object(json);
		if (new_table) {
			json_key(json, cell->table);
			json_open_object(json);
			row = NULL;
		}
		if (!row || strcmp(row, cell->row)) {
			json_key(json, cell->row);
			json_open_object(json);
		}
		table = cell->table;
		row = cell->row;
		json_key(json, cell->column);
		if (cell->text)
			json_text(json, cell->text);
		else
			json_double(json, cell->number);
	}
	if (row)
		json_close_object(json);
	if (table)
		json_close_object(json);
	json_close_object(json);
}

/* The newest first. */
static void put_holders(struct json *json, const struct knobs *knobs, const char *instance,
			const char *knob)
{
	struct knob_holder holder;

	json_key(json, "holders");
	json_open_array(json);
	for (uint32_t i = 0; knob_holder(knobs, instance, knob, i, &holder); i++) {
		json_open_object(json);
		put_text(json, "actor", holder.actor);
		if (!holder.user)
			put_text(json, "name", holder.name);
		put_text(json, "value", holder.value);
		if (*holder.reason)
			put_text(json, "reason", holder.reason);
		put_double(json, "ends_in_s", (double)holder.left_ns / 1e9);
		json_close_object(json);
	}
	json_close_array(json);
}

static void put_knobs(struct json *json, const struct status *status,
		      const struct instance *instance)
{
	const struct sonde_option *option = instance->plugin->descriptor->options;
	char value[512];

	json_key(json, "knobs");
	json_open_object(json);
	for (; option && option->name; option++) {
		int64_t left_ns;

		if (!option->knob)
			continue;
		option_print(option, instance->base.self, value, sizeof(value));
		left_ns = knob_left_ns(status->sources->knobs, instance->base.name, option->name);
		json_key(json, option->name);
		json_open_object(json);
		put_text(json, "value", value);
		if (left_ns > 0) {
			put_double(json, "falls_back_in_s", (double)left_ns / 1e9);
			put_holders(json, status->sources->knobs, instance->base.name,
				    option->name);
		}
		json_close_object(json);
	}
	json_close_object(json);
}

static void put_counters(struct json *json, const struct instance *instance)
{
	const struct sonde_counter *counter = instance->plugin->descriptor->counters;

	json_key(json, "counters");
	json_open_object(json);
	for (; counter && counter->name; counter++) {
		const uint64_t *at =
			(const void *)((const char *)instance->base.self + counter->offset);

		put_unsigned(json, counter->name, __atomic_load_n(at, __ATOMIC_RELAXED));
	}
	json_close_object(json);
}

static void put_taken_one(void *context, const char *text)
{
	json_text(context, text);
}

/* What it does that pipelines asked for. */
static void put_taken(struct json *json, const struct instance *instance)
{
	if (!instance->plugin->descriptor->take)
		return;
	json_key(json, "done_at_source");
	json_open_array(json);
	push_taken(instance, put_taken_one, json);
	json_close_array(json);
}

static void put_memory(struct json *json, const struct status *status)
{
	const struct memory_snapshot *memory = &status->memory;

	json_key(json, "memory");
	json_open_object(json);
	put_unsigned(json, "limit_bytes", memory->limit_bytes);
	put_unsigned(json, "room_bytes", memory->room_bytes);
	put_unsigned(json, "used_bytes", memory->counted_bytes - status->idle_bytes);
	put_unsigned(json, "idle_bytes", status->idle_bytes);
	put_unsigned(json, "peak_bytes", memory->peak_bytes);
	put_unsigned(json, "reserved_bytes", memory->reserved_bytes);
	put_unsigned(json, "other_bytes", memory->other_bytes);
	put_unsigned(json, "shed_rows", memory->shed_rows);
	put_unsigned(json, "refused", memory->refused_count);
	put_unsigned(json, "failed", memory->failed_count);
	json_close_object(json);
}

static void put_descriptors(struct json *json, const struct descriptors_snapshot *descriptors)
{
	json_key(json, "descriptors");
	json_open_object(json);
	put_unsigned(json, "used", descriptors->used);
	put_unsigned(json, "limit", descriptors->limit);
	put_unsigned(json, "refused", descriptors->refused_count);
	json_close_object(json);
}

static void put_instance(struct json *json, const struct status *status,
			 const struct status_instance *at)
{
	const struct instance *instance = at->instance;

	json_open_object(json);
	put_text(json, "name", instance->base.name);
	put_text(json, "kind", at->section);
	put_text(json, "plugin", instance->plugin->descriptor->name);
	put_unsigned(json, "replica", instance->base.replica);
	put_text(json, "state", at->state);
	put_unsigned(json, "failures", at->failure_count);
	if (at->problem)
		put_text(json, "problem", at->problem);
	if (at->callback) {
		put_text(json, "callback", at->callback);
		put_double(json, "callback_seconds", at->busy_s);
	}
	if (!strcmp(at->section, "output"))
		put_unsigned(json, "retries", at->retry_count);
	put_counters(json, instance);
	if (!at->silent) { /* else its thread may be changing them */
		put_knobs(json, status, instance);
		put_report(json, &at->report);
	}
	put_taken(json, at->instance);
	json_close_object(json);
}

/* Who it is, and what its threads hold. */
static void put_privilege(struct json *json, const struct privilege *privilege)
{
	char name[CAPABILITY_NAME_BYTES];

	if (!privilege)
		return;
	put_text(json, "user", privilege->user);
	put_text(json, "group", privilege->group);
	json_key(json, "privileges_dropped");
	json_boolean(json, privilege->dropped);
	json_key(json, "capabilities");
	json_open_array(json);
	for (uint32_t number = 0; number < CAPABILITY_LIMIT; number++) {
		if (privilege->held & CAPABILITY(number))
			json_text(json, capability_name(number, name));
	}
	json_close_array(json);
}

static void put_log(struct json *json, const struct log_counts *log)
{
	json_key(json, "log");
	json_open_object(json);
	put_unsigned(json, "written", log->written);
	put_unsigned(json, "held_back", log->held);
	put_unsigned(json, "lost", log->lost);
	json_close_object(json);
}

/* Inputs that full queues have turned down. */
static void put_pressure(struct json *json, const struct pressure *pressure)
{
	struct pressure_input input;

	json_key(json, "turned_down");
	json_open_array(json);
	for (uint32_t i = 0; pressure && pressure_input(pressure, i, &input); i++) {
		json_open_object(json);
		put_text(json, "input", input.name);
		put_text(json, "knob", input.knob);
		put_unsigned(json, "to_one_in", input.one_in);
		put_text(json, "from", input.from);
		put_text(json, "to", input.to);
		put_double(json, "queue_share", input.share);
		put_double(json, "for_s", (double)(clock_monotonic_ns() - input.since_ns) / 1e9);
		json_close_object(json);
	}
	json_close_array(json);
}

int status_print_json(const struct status *status, FILE *file)
{
	struct json json = { 0 };
	int result = 0;

	json_open_object(&json);
	put_unsigned(&json, "format", 1);
	put_text(&json, "version", SONDE_VERSION);
	put_unsigned(&json, "pid", (uint64_t)getpid());
	put_text(&json, "config", status->sources->graph->config->path);
	put_text(&json, "state_directory", status->sources->state_path);
	put_text(&json, "host_id", status->sources->host_id);
	put_privilege(&json, status->sources->privilege);
	put_unsigned(&json, "epoch", ledger_epoch(status->sources->ledger));
	json_key(&json, "time");
	json_time(&json, status->now_wall_ns);
	put_double(&json, "uptime_seconds", status->uptime_s);
	put_double(&json, "cpu_seconds", status->cpu_s);
	put_unsigned(&json, "rss_bytes", status->rss_bytes);
	put_unsigned(&json, "threads", status->thread_count);
	put_memory(&json, status);
	put_descriptors(&json, &status->descriptors);
	put_log(&json, &status->log);
	put_pressure(&json, status->sources->pressure);
	json_key(&json, "ledger_closes");
	json_boolean(&json, status->closes);
	json_key(&json, "instances");
	json_open_array(&json);
	for (uint32_t i = 0; i < status->instance_count; i++)
		put_instance(&json, status, &status->instances[i]);
	json_close_array(&json);
	json_key(&json, "ledger");
	json_open_array(&json);
	for (uint32_t i = 0; i < status->account_count; i++)
		put_account(&json, &status->accounts[i]);
	json_close_array(&json);
	json_close_object(&json);
	json_newline(&json);
	if (json.failed)
		result = -ENOMEM;
	else
		fwrite(json.data, 1, json.length, file);
	json_release(&json);
	return result;
}
