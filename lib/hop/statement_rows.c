// SPDX-License-Identifier: Apache-2.0
/* Statements as rows of the schema "sonde.ledger", which the input `self` makes as well, and back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "statement.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

static const char *const kinds[] = {
	[SONDE_ACCOUNT_KERNEL] = "kernel", [SONDE_ACCOUNT_INPUT] = "input",
	[SONDE_ACCOUNT_ROUTE] = "route", [SONDE_ACCOUNT_PROCESSOR] = "processor",
};

enum {
	COLUMN_TIME, COLUMN_HOST, COLUMN_NAME, COLUMN_RUN, COLUMN_START, COLUMN_KIND, COLUMN_ACCOUNT,
	COLUMN_HOP, COLUMN_OUTCOME, COLUMN_REASON, COLUMN_ROWS, COLUMN_EVENTS, COLUMN_FLIGHT_ROWS,
	COLUMN_FLIGHT_EVENTS, COLUMN_COUNT,
};

static const struct sonde_field fields[COLUMN_COUNT] = {
	[COLUMN_TIME] = { .name = "time", .type = SONDE_TIME, .role = SONDE_ROLE_TIME },
	[COLUMN_HOST] = { .name = "service.instance.id", .type = SONDE_TEXT,
			  .scope = SONDE_SCOPE_RESOURCE },
	[COLUMN_NAME] = { .name = "sonde.name", .type = SONDE_TEXT, .scope = SONDE_SCOPE_RESOURCE },
	[COLUMN_RUN] = { .name = "sonde.run", .type = SONDE_U64, .scope = SONDE_SCOPE_RESOURCE },
	[COLUMN_START] = { .name = "start_time", .type = SONDE_TIME, .role = SONDE_ROLE_START_TIME },
	[COLUMN_KIND] = { .name = "sonde.account.kind", .type = SONDE_TEXT },
	[COLUMN_ACCOUNT] = { .name = "sonde.account.name", .type = SONDE_TEXT },
	[COLUMN_HOP] = { .name = "sonde.account.hop", .type = SONDE_BOOL },
	[COLUMN_OUTCOME] = { .name = "sonde.outcome", .type = SONDE_TEXT },
	[COLUMN_REASON] = { .name = "sonde.reason", .type = SONDE_TEXT },
	[COLUMN_ROWS] = { .name = "sonde.rows", .type = SONDE_U64, .role = SONDE_ROLE_SUM,
			  .temporality = SONDE_CUMULATIVE, .monotonic = true, .unit = "{row}" },
	[COLUMN_EVENTS] = { .name = "sonde.events", .type = SONDE_U64, .role = SONDE_ROLE_SUM,
			    .temporality = SONDE_CUMULATIVE, .monotonic = true, .unit = "{event}" },
	[COLUMN_FLIGHT_ROWS] = { .name = "sonde.in_flight.rows", .type = SONDE_U64,
				 .role = SONDE_ROLE_GAUGE, .unit = "{row}" },
	[COLUMN_FLIGHT_EVENTS] = { .name = "sonde.in_flight.events", .type = SONDE_U64,
				   .role = SONDE_ROLE_GAUGE, .unit = "{event}" },
};

/* clang-format on */

/* ---- writing ----------------------------------------------------------------------------- */

struct writer {
	struct sonde_instance *instance;
	struct sonde_dictionary *texts;
	struct sonde_batch *batch; /* NULL: rows are only counted */
	uint32_t row;
};

static void put(const struct writer *writer, uint32_t column, const void *value, size_t size)
{
	const struct sonde_column *at = sonde_column(writer->batch, column);

	memcpy(at->base + (size_t)writer->row * at->stride, value, size);
}

static void put_number(const struct writer *writer, uint32_t column, uint64_t value)
{
	put(writer, column, &value, sizeof(value));
}

static uint32_t code_of(const struct writer *writer, const char *text)
{
	uint32_t code = sonde_dictionary_add(writer->instance, writer->texts, text, strlen(text));

	return code == UINT32_MAX ? 0 : code;
}

/* The texts of a row, which must be in the dictionary before a column is made that reads it. */
struct row_texts {
	uint32_t kind, account, outcome, reason;
};

static struct row_texts texts_of(const struct writer *writer,
				 const struct statement_account *account, const char *outcome,
				 const char *reason)
{
	bool is_known = account->kind && account->kind <= SONDE_ACCOUNT_PROCESSOR;

	return (struct row_texts){
		.kind = code_of(writer, is_known ? kinds[account->kind] : "other"),
		.account = code_of(writer, account->name),
		.outcome = code_of(writer, outcome),
		.reason = code_of(writer, reason),
	};
}

/* A row; without an outcome: what is under way. */
static void put_row(struct writer *writer, const struct statement_account *account,
		    const char *outcome, const char *reason, struct sonde_amount amount)
{
	struct row_texts texts = texts_of(writer, account, outcome, reason);
	bool flight = !*outcome;
	unsigned char hop = account->is_hop;

	if (writer->batch) {
		put_number(writer, COLUMN_START, (uint64_t)account->begun_ns);
		put(writer, COLUMN_KIND, &texts.kind, sizeof(texts.kind));
		put(writer, COLUMN_ACCOUNT, &texts.account, sizeof(texts.account));
		put(writer, COLUMN_HOP, &hop, 1);
		put(writer, COLUMN_OUTCOME, &texts.outcome, sizeof(texts.outcome));
		put(writer, COLUMN_REASON, &texts.reason, sizeof(texts.reason));
		put_number(writer, flight ? COLUMN_FLIGHT_ROWS : COLUMN_ROWS, amount.rows);
		put_number(writer, flight ? COLUMN_FLIGHT_EVENTS : COLUMN_EVENTS, amount.events);
	}
	writer->row++;
}

static bool is_some(struct sonde_amount amount)
{
	return amount.rows || amount.events;
}

static void put_account(struct writer *writer, const struct statement_account *account)
{
	put_row(writer, account, "in", "", account->in);
	put_row(writer, account, "out", "", account->out);
	put_row(writer, account, "", "", account->in_flight);
	if (is_some(account->made))
		put_row(writer, account, "made", "", account->made);
	if (is_some(account->repeated))
		put_row(writer, account, "repeated", "", account->repeated);
	for (uint32_t r = 0; r < SONDE_REDUCTION_COUNT; r++) {
		if (is_some(account->reduced[r]))
			put_row(writer, account, "reduced",
				sonde_reason_name(writer->instance, false, r), account->reduced[r]);
	}
	for (uint32_t r = 0; r < SONDE_LOSS_COUNT; r++) {
		if (is_some(account->lost[r]))
			put_row(writer, account, "lost",
				sonde_reason_name(writer->instance, true, r), account->lost[r]);
	}
}

static void put_accounts(struct writer *writer, const struct statement *statement)
{
	writer->row = 0;
	for (uint32_t i = 0; i < statement->count; i++)
		put_account(writer, &statement->accounts[i]);
}

static bool is_constant(uint32_t column)
{
	return column <= COLUMN_RUN;
}

/* The columns, in their order, those with one value for all filled. */
static int add_columns(struct writer *writer, const struct statement *statement)
{
	uint32_t host = code_of(writer, statement->host_id),
		 name = code_of(writer, statement->name);
	const void *constants[] = { [COLUMN_TIME] = &statement->time_ns,
				    [COLUMN_HOST] = &host,
				    [COLUMN_NAME] = &name,
				    [COLUMN_RUN] = &statement->epoch };

	for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
		struct sonde_dictionary *texts =
			fields[i].type == SONDE_TEXT ? writer->texts : NULL;
		const struct sonde_column *column =
			is_constant(i) ? sonde_batch_constant(writer->instance, writer->batch,
							      &fields[i], texts, constants[i])
				       : sonde_batch_add(writer->instance, writer->batch,
							 &fields[i], texts);

		if (!column)
			return -ENOMEM;
	}
	return 0;
}

static struct sonde_batch *statement_batch(struct sonde_instance *instance,
					   const struct statement *statement)
{
	struct writer writer = { .instance = instance };
	int result;

	writer.texts = sonde_dictionary_create(instance, true);
	if (!writer.texts)
		return NULL;
	(void)code_of(&writer, ""); /* 0, which stands for what there is no memory for, too */
	put_accounts(&writer, statement);
	writer.batch = sonde_batch_table(instance, "sonde.ledger", SONDE_SIGNAL_LEDGER, writer.row);
	result = writer.batch ? add_columns(&writer, statement) : -ENOMEM;
	if (!result)
		put_accounts(&writer, statement);
	else if (writer.batch)
		sonde_batch_release(instance, writer.batch);
	sonde_dictionary_release(instance, writer.texts);
	return result ? NULL : writer.batch;
}

int statement_write(struct sonde_instance *instance, const struct statement *statement,
		    struct buffer *ret_frame)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_LEDGER };
	struct sonde_batch *batch = statement_batch(instance, statement);
	int result;

	if (!batch)
		return -ENOMEM;
	(void)sonde_batch_bytes(instance, batch); /* it does not change any more */
	result = sonde_frame_write(instance, &batch, 1, &frame);
	sonde_batch_release(instance, batch);
	if (result)
		return result;
	if (buffer_reserve(ret_frame, frame.length))
		return -ENOMEM;
	memcpy(ret_frame->data, frame.data, frame.length);
	ret_frame->length = frame.length;
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* A batch with the columns that it should have, by name and type; NULL: it has not. */
struct reader {
	const struct sonde_batch *batch;
	const struct sonde_column *columns[COLUMN_COUNT];
};

static void reader_open(struct reader *reader, const struct sonde_batch *batch)
{
	*reader = (struct reader){ .batch = batch };
	for (uint32_t c = 0; c < batch->column_count; c++) {
		const struct sonde_column *column = sonde_column(batch, c);

		for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
			if (column->type == fields[i].type && !strcmp(column->name, fields[i].name))
				reader->columns[i] = column;
		}
	}
}

static uint64_t number_at(const struct reader *reader, uint32_t index, uint32_t row)
{
	const struct sonde_column *column = reader->columns[index];
	uint64_t value = 0;

	if (column && sonde_valid(column, row) && column->value_size == sizeof(value))
		memcpy(&value, sonde_value(column, row), sizeof(value));
	return value;
}

/* Cut where it is too long. */
static void text_at(const struct reader *reader, uint32_t index, uint32_t row, char *text,
		    size_t size)
{
	const struct sonde_column *column = reader->columns[index];
	struct sonde_text value = { .data = "" };

	if (column)
		value = sonde_text_at(column, row);
	if (value.length >= size)
		value.length = (uint32_t)size - 1;
	memcpy(text, value.data, value.length);
	text[value.length] = '\0';
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
}

static uint32_t kind_of(const char *text)
{
	for (uint32_t k = SONDE_ACCOUNT_KERNEL; k <= SONDE_ACCOUNT_PROCESSOR; k++) {
		if (!strcmp(kinds[k], text))
			return k;
	}
	return 0;
}

/* The account of a row: mostly that of the row before. */
static struct statement_account *account_of(struct statement *statement, uint32_t kind,
					    const char *name)
{
	struct statement_account *accounts;
	uint32_t capacity = statement->capacity ? statement->capacity * 2 : 16;

	for (uint32_t i = statement->count; i--;) {
		accounts = &statement->accounts[i];
		if (accounts->kind == kind && !strcmp(accounts->name, name))
			return accounts;
	}
	if (statement->count >= STATEMENT_ACCOUNTS)
		return NULL;
	if (statement->count == statement->capacity) {
		accounts = reallocarray(statement->accounts, capacity, sizeof(*accounts));
		if (!accounts)
			return NULL;
		statement->accounts = accounts;
		statement->capacity = capacity;
	}
	accounts = &statement->accounts[statement->count++];
	memset(accounts, 0, sizeof(*accounts));
	accounts->kind = kind;
	memcpy(accounts->name, name, strlen(name) + 1);
	return accounts;
}

/* Reasons that this version does not know count as the last there is room for. */
static uint32_t reason_of(struct sonde_instance *instance, bool lost, const char *reason)
{
	uint32_t count = lost ? SONDE_LOSS_COUNT : SONDE_REDUCTION_COUNT;

	for (uint32_t r = 0; r < count; r++) {
		if (!strcmp(sonde_reason_name(instance, lost, r), reason))
			return r;
	}
	return count - 1;
}

static struct sonde_amount *amount_of(struct sonde_instance *instance,
				      struct statement_account *account, const char *outcome,
				      const char *reason)
{
	if (!*outcome)
		return &account->in_flight;
	if (!strcmp(outcome, "in"))
		return &account->in;
	if (!strcmp(outcome, "out"))
		return &account->out;
	if (!strcmp(outcome, "made"))
		return &account->made;
	if (!strcmp(outcome, "repeated"))
		return &account->repeated;
	if (!strcmp(outcome, "reduced"))
		return &account->reduced[reason_of(instance, false, reason)];
	if (!strcmp(outcome, "lost"))
		return &account->lost[reason_of(instance, true, reason)];
	return NULL;
}

static int read_row(struct sonde_instance *instance, const struct reader *reader, uint32_t row,
		    struct statement *statement)
{
	const struct sonde_column *hop = reader->columns[COLUMN_HOP];
	char kind[16], name[STATEMENT_NAME_BYTES], outcome[16], reason[64];
	struct statement_account *account;
	struct sonde_amount *amount;
	bool flight;

	text_at(reader, COLUMN_KIND, row, kind, sizeof(kind));
	text_at(reader, COLUMN_ACCOUNT, row, name, sizeof(name));
	text_at(reader, COLUMN_OUTCOME, row, outcome, sizeof(outcome));
	text_at(reader, COLUMN_REASON, row, reason, sizeof(reason));
	account = account_of(statement, kind_of(kind), name);
	if (!account)
		return statement->count < STATEMENT_ACCOUNTS ? -ENOMEM : -EBADMSG;
	account->begun_ns = (int64_t)number_at(reader, COLUMN_START, row);
	account->is_hop = hop && sonde_number_at(hop, row) != 0;
	amount = amount_of(instance, account, outcome, reason);
	flight = amount == &account->in_flight;
	if (amount) {
		amount->rows += number_at(reader, flight ? COLUMN_FLIGHT_ROWS : COLUMN_ROWS, row);
		amount->events +=
			number_at(reader, flight ? COLUMN_FLIGHT_EVENTS : COLUMN_EVENTS, row);
	}
	return 0;
}

static int read_batch(struct sonde_instance *instance, const struct sonde_batch *batch,
		      struct statement *statement)
{
	struct reader reader;
	int result = 0;

	reader_open(&reader, batch);
	if (!reader.columns[COLUMN_ACCOUNT] || !reader.columns[COLUMN_ROWS] || !batch->row_count)
		return 0;
	text_at(&reader, COLUMN_HOST, 0, statement->host_id, sizeof(statement->host_id));
	text_at(&reader, COLUMN_NAME, 0, statement->name, sizeof(statement->name));
	statement->epoch = number_at(&reader, COLUMN_RUN, 0);
	statement->time_ns = (int64_t)number_at(&reader, COLUMN_TIME, 0);
	for (uint32_t row = 0; row < batch->row_count && !result; row++) {
		if (sonde_selected(batch, row))
			result = read_row(instance, &reader, row, statement);
	}
	return result;
}

int statement_read(struct sonde_instance *instance, struct sonde_batch *const *batches,
		   uint32_t count, struct statement *ret)
{
	struct statement statement = { 0 };
	int result = 0;

	for (uint32_t i = 0; i < count && !result; i++) {
		(void)sonde_batch_bytes(instance, batches[i]); /* its texts may be read then */
		if (!strcmp(batches[i]->schema, "sonde.ledger"))
			result = read_batch(instance, batches[i], &statement);
	}
	if (!result && (!statement.count || !statement.host_id[0]))
		result = -EBADMSG;
	if (result) {
		statement_clear(&statement);
		return result;
	}
	*ret = statement;
	return 0;
}
