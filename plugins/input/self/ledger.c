// SPDX-License-Identifier: Apache-2.0
/* The ledger as rows, one for each account, outcome and reason; and queues. */
#include <string.h>

#include "self.h"

static const char *const account_kinds[] = {
	[SONDE_ACCOUNT_KERNEL] = "kernel",
	[SONDE_ACCOUNT_INPUT] = "input",
	[SONDE_ACCOUNT_ROUTE] = "route",
	[SONDE_ACCOUNT_PROCESSOR] = "processor",
};

struct sonde_text account_component(const char *account)
{
	const char *mark = strstr(account, " > "), *end;

	if (!mark)
		mark = strstr(account, " / ");
	if (mark)
		account = mark + 3;
	end = strchr(account, '#');
	return (struct sonde_text){ .data = account,
				    .length = (uint32_t)(end ? end - account
							     : (ptrdiff_t)strlen(account)) };
}

static struct row_head account_head(const struct reading *reading, const char *account)
{
	struct sonde_text component = account_component(account);
	struct row_head head = reading->head;

	head.component = sonde_text(reading->instance, component.data, component.length);
	return head;
}

/* ---- rows of an account ------------------------------------------------------------------ */

/* An account, with the row that is the same for all of its outcomes but for them. */
struct entry {
	const struct reading *reading;
	struct ledger_row row;
	struct sonde_account account;
};

static struct ledger_row *entry_row(const struct entry *entry, const char *outcome,
				    const char *reason)
{
	struct ledger_row *row = sonde_row(entry->reading->instance, SCHEMA_LEDGER);

	*row = entry->row;
	row->outcome = self_text(entry->reading, outcome);
	row->reason = self_text(entry->reading, reason);
	return row;
}

static void put_amount(const struct entry *entry, const char *outcome, const char *reason,
		       struct sonde_amount amount)
{
	struct ledger_row *row = entry_row(entry, outcome, reason);

	row->rows = amount.rows;
	row->events = amount.events;
	sonde_null(entry->reading->instance, SCHEMA_LEDGER, LEDGER_FLIGHT_ROWS);
	sonde_null(entry->reading->instance, SCHEMA_LEDGER, LEDGER_FLIGHT_EVENTS);
}

static void put_flight(const struct entry *entry)
{
	struct ledger_row *row = entry_row(entry, "", "");

	row->flight_rows = entry->account.in_flight.rows;
	row->flight_events = entry->account.in_flight.events;
	sonde_null(entry->reading->instance, SCHEMA_LEDGER, LEDGER_ROWS);
	sonde_null(entry->reading->instance, SCHEMA_LEDGER, LEDGER_EVENTS);
}

static bool is_some(struct sonde_amount amount)
{
	return amount.rows || amount.events;
}

static void put_reasons(const struct entry *entry, bool lost)
{
	const struct sonde_amount *amounts = lost ? entry->account.lost : entry->account.reduced;
	uint32_t count = lost ? SONDE_LOSS_COUNT : SONDE_REDUCTION_COUNT;

	for (uint32_t i = 0; i < count; i++) {
		if (is_some(amounts[i]))
			put_amount(entry, lost ? "lost" : "reduced",
				   sonde_reason_name(entry->reading->instance, lost, i),
				   amounts[i]);
	}
}

/* What has never happened has no row, but for coming and going. */
static void put_account(const struct entry *entry)
{
	const struct sonde_account *account = &entry->account;

	put_amount(entry, "in", "", account->in);
	if (is_some(account->made))
		put_amount(entry, "made", "", account->made);
	put_amount(entry, "out", "", account->out);
	put_reasons(entry, false);
	put_reasons(entry, true);
	if (is_some(account->repeated))
		put_amount(entry, "repeated", "", account->repeated);
	put_flight(entry);
}

/* A clock that was stepped back does not make what is counted begin after it was read. */
static int64_t start_of(const struct sonde_account *account, int64_t now_ns)
{
	return account->begun_ns < now_ns ? account->begun_ns : now_ns;
}

static void entry_fill(struct entry *entry)
{
	const struct reading *reading = entry->reading;
	const struct sonde_account *account = &entry->account;
	bool is_known = account->kind && account->kind <= SONDE_ACCOUNT_PROCESSOR;

	entry->row = (struct ledger_row){
		.head = account_head(reading, account->name),
		.start_time_ns = start_of(account, reading->head.time_ns),
		.kind = self_text(reading, is_known ? account_kinds[account->kind] : "other"),
		.account = self_text(reading, account->name),
	};
}

/* Accounts of former configs do not move: once a run is enough. */
void ledger_read(const struct reading *reading)
{
	const struct self *self = reading->instance->self;
	struct entry entry = { .reading = reading, .account = { .size = sizeof(entry.account) } };
	uint64_t cursor = 0;

	while (!sonde_next_account(reading->instance, &cursor, &entry.account)) {
		if (!entry.account.seen && self->has_read)
			continue;
		entry_fill(&entry);
		put_account(&entry);
	}
}

void queues_read(const struct reading *reading)
{
	struct sonde_account account = { .size = sizeof(account) };
	uint64_t cursor = 0;

	while (!sonde_next_account(reading->instance, &cursor, &account)) {
		struct queue_row *row;

		if (!account.queue_count)
			continue;
		row = sonde_row(reading->instance, SCHEMA_QUEUE);
		row->head = account_head(reading, account.name);
		row->account = self_text(reading, account.name);
		row->bytes = account.queue_bytes;
		row->limit_bytes = account.queue_limit_bytes;
		row->peak_bytes = account.queue_peak_bytes;
		row->rows = account.queue_rows;
	}
}
