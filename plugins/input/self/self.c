// SPDX-License-Identifier: Apache-2.0
/* Input `self`: what sonde knows of itself as rows that any pipeline can name: the ledger, the
 * health of the daemon, its log and what was decided. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "self.h"

static const char *const part_names[] = { "ledger", "health", "log", "decisions", NULL };
static const char *const level_names[] = { "error", "warning", "info", "debug", NULL };

static const struct sonde_option self_options[] = {
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct self, interval_ns),
	  .value = "10s",
	  .minimum = "100ms",
	  .knob = true,
	  .help = "time between two readings" },
	{ .name = "parts",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct self, parts),
	  .value = "[\"ledger\", \"health\", \"log\", \"decisions\"]",
	  .choices = part_names,
	  .help = "what is read" },
	{ .name = "level",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct self, level),
	  .value = "info",
	  .choices = level_names,
	  .knob = true,
	  .help = "least urgent lines of the log that become rows, of those that it has" },
	{ 0 },
};

static const struct sonde_counter self_counters[] = {
	{ .name = "readings",
	  SONDE_MEMBER(struct self, readings),
	  .unit = "{reading}",
	  .help = "times that all parts were read" },
	{ .name = "missed",
	  SONDE_MEMBER(struct self, missed),
	  .unit = "{record}",
	  .help = "lines and decisions that came faster than they were read" },
	{ 0 },
};

uint32_t self_text(const struct reading *reading, const char *text)
{
	return sonde_text(reading->instance, text, strlen(text));
}

struct row_head self_head(const struct reading *reading, const char *component)
{
	struct row_head head = reading->head;

	head.component = self_text(reading, component);
	return head;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool has_part(const struct self *self, const char *name)
{
	for (uint32_t i = 0; i < self->parts.count; i++) {
		if (!strcmp(self->parts.items[i], name))
			return true;
	}
	return false;
}

static void reading_begin(struct reading *reading, struct sonde_instance *instance)
{
	*reading = (struct reading){ .instance = instance,
				     .process = { .size = sizeof(reading->process) } };
	sonde_read_process(instance, &reading->process);
	reading->head.time_ns = sonde_now_ns(instance);
	reading->head.service = self_text(reading, "sonde");
	reading->head.version = self_text(reading, instance->host->version);
	reading->head.host = self_text(reading, reading->process.host_id);
}

static int self_read(struct sonde_instance *instance)
{
	struct self *self = instance->self;
	struct reading reading;

	reading_begin(&reading, instance);
	if (self->ledger)
		ledger_read(&reading);
	if (self->health)
		health_read(&reading);
	if (self->log)
		log_read(&reading);
	if (self->decisions)
		decisions_read(&reading);
	self->has_read = true;
	sonde_count(&self->readings, 1);
	return sonde_emit(instance);
}

/* ---- life -------------------------------------------------------------------------------- */

static int self_check(struct sonde_instance *instance)
{
	const struct self *self = instance->self;

	if (!self->parts.count)
		sonde_problem(instance, "parts", "there is nothing to read (try [\"ledger\"])");
	return 0;
}

static int self_start(struct sonde_instance *instance)
{
	struct self *self = instance->self;

	self->ledger = has_part(self, "ledger");
	self->health = has_part(self, "health");
	self->log = has_part(self, "log");
	self->decisions = has_part(self, "decisions");
	return sonde_every(instance, 0, self->interval_ns);
}

static int self_set(struct sonde_instance *instance)
{
	const struct self *self = instance->self;

	return sonde_every(instance, 0, self->interval_ns);
}

static int self_timer(struct sonde_instance *instance, int timer)
{
	(void)timer;
	return self_read(instance);
}

/* The last reading: what came since, and where the ledger stands before its own end is counted. */
static int self_drain(struct sonde_instance *instance)
{
	return self_read(instance);
}

static void self_stop(struct sonde_instance *instance)
{
	struct self *self = instance->self;

	free(self->seen);
	self->seen = NULL;
	self->seen_count = 0;
	self->seen_capacity = 0;
}

static const char self_manual[] =
	"A row of `sonde.ledger` says how many rows, and how many origin events behind them, had "
	"one outcome in one account, for one reason: in + made = out + reduced + lost + in flight. "
	"The counts go on over restarts, and so do their start times, so that a row that comes "
	"twice changes nothing. Its own rows are counted like all others.\n"
	"\n"
	"Lines of the log are those that `sonde.log` lets through, with repeats held back: at most "
	"100 in 10 s of one instance. They are read once an interval, so that an output that logs "
	"a line for every batch gets one batch more an interval, and no more.\n"
	"\n"
	"docs/self.md tells how to read the rows, and how a region adds them up.";

static const struct sonde_plugin self_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "self",
	.summary = "the daemon's own ledger, health, log and decisions",
	.manual = self_manual,
	.self_size = sizeof(struct self),
	.options = self_options,
	.counters = self_counters,
	.schemas = rows_schemas,
	.check = self_check,
	.start = self_start,
	.set = self_set,
	.timer = self_timer,
	.drain = self_drain,
	.stop = self_stop,
};

SONDE_EXPORT(self_plugin)
