// SPDX-License-Identifier: Apache-2.0
/* The log and the decisions of the daemon as rows. */
#include <stdio.h>

#include "self.h"

static const uint8_t severities[] = {
	[SONDE_ERROR] = 17,
	[SONDE_WARNING] = 13,
	[SONDE_INFO] = 9,
	[SONDE_DEBUG] = 5,
};
static const char *const severity_names[] = {
	[SONDE_ERROR] = "error",
	[SONDE_WARNING] = "warning",
	[SONDE_INFO] = "info",
	[SONDE_DEBUG] = "debug",
};

static void fill(const struct reading *reading, const struct sonde_record *record,
		 struct log_row *row)
{
	uint32_t level = record->level <= SONDE_DEBUG ? record->level : SONDE_DEBUG;

	row->head = self_head(reading, record->instance);
	row->head.time_ns = record->time_ns;
	row->severity = severities[level];
	row->severity_text = self_text(reading, severity_names[level]);
	row->body = self_text(reading, record->message);
	row->run = reading->process.epoch;
	row->number = record->number;
}

static void put_log(const struct reading *reading, const struct sonde_record *record)
{
	fill(reading, record, sonde_row(reading->instance, SCHEMA_LOG));
}

static void put_decision(const struct reading *reading, const struct sonde_record *record)
{
	struct decision_row *row = sonde_row(reading->instance, SCHEMA_DECISION);
	char event[128];

	fill(reading, record, &row->log);
	snprintf(event, sizeof(event), "sonde.%s", record->event);
	row->event = self_text(reading, event);
	row->actor = self_text(reading, record->actor);
	row->knob = self_text(reading, record->knob);
	row->before = self_text(reading, record->before);
	row->after = self_text(reading, record->after);
	row->for_ns = record->for_ns;
}

/* What came faster than it was read is counted, and lost to the ledger too. */
static void book_missed(const struct reading *reading, uint64_t count)
{
	struct self *self = reading->instance->self;

	if (!count)
		return;
	sonde_count(&self->missed, count);
	sonde_lose(reading->instance, count, count, SONDE_LOST_QUEUE_FULL);
}

/* Only what is there when it begins: what reading brings about is for the next time. */
static void records_read(const struct reading *reading, enum sonde_record_kind kind,
			 uint64_t *cursor, uint32_t level,
			 void (*put)(const struct reading *, const struct sonde_record *))
{
	struct sonde_record record = { .size = sizeof(record) };
	char texts[SONDE_RECORD_BYTES];

	while (!sonde_next_record(reading->instance, kind, cursor, &record, texts, sizeof(texts))) {
		book_missed(reading, record.missed);
		if (record.level <= level)
			put(reading, &record);
		if (record.time_ns > reading->head.time_ns)
			break;
	}
}

void log_read(const struct reading *reading)
{
	struct self *self = reading->instance->self;

	records_read(reading, SONDE_RECORD_LOG, &self->log_cursor, self->level, put_log);
}

void decisions_read(const struct reading *reading)
{
	struct self *self = reading->instance->self;

	records_read(reading, SONDE_RECORD_DECISION, &self->decision_cursor, SONDE_DEBUG,
		     put_decision);
}
