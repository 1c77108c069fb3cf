/* SPDX-License-Identifier: Apache-2.0 */
/* What a test found, told expectation by expectation. */
#include <errno.h>
#include <string.h>

#include "quantity.h"
#include "verdict.h"

enum { LINE_LIMIT = 2000 }; /* bytes of a row that are shown */

/* Where it goes, and whether anything was said of the expectation at hand. */
struct telling {
	FILE *file;
	const struct expectation *expectation;
	uint32_t said_count;
};

static void begin_line(struct telling *telling)
{
	const struct place *place = &telling->expectation->place;

	telling->said_count++;
	fprintf(telling->file, "%s:%u: %s: ", place->file, place->line, telling->expectation->path);
}

static const char *number_print(long double number, char buffer[32])
{
	if (number == (long double)(long long)number)
		(void)snprintf(buffer, 32, "%lld", (long long)number);
	else
		double_print((double)number, buffer);
	return buffer;
}

/* The rows that were kept, a line each. */
static void tell_sample(const struct telling *telling, const struct sample *sample, uint64_t count)
{
	const char *at = sample->text.data, *end = at + sample->text.length;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line_end ? line_end : end) - at);
		bool cut = length > LINE_LIMIT;

		fprintf(telling->file, "    %.*s%s\n", (int)(cut ? LINE_LIMIT : length), at,
			cut ? "…" : "");
		at += length + 1;
	}
	if (count > sample->count)
		fprintf(telling->file, "    and %llu more\n",
			(unsigned long long)(count - sample->count));
}

/* "rows of region where a = 1" */
static void tell_rows(const struct telling *telling)
{
	const struct expectation *expectation = telling->expectation;

	fprintf(telling->file, "rows of %s%s%s", expectation->output,
		expectation->where ? " where " : "", expectation->where ? expectation->where : "");
}

static void tell_amount(struct telling *telling, const struct amount *amount, long double found)
{
	char number[32];

	fprintf(telling->file, "expected %s, found %s\n", amount->text,
		number_print(found, number));
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What is named and never was there is a mistake in the test or in what makes the rows: nothing
 * that is said of it counts. */
static void tell_condition(struct telling *telling, const struct condition *condition,
			   const char *key)
{
	if (!condition->expression || condition->has_met || !condition->problem[0])
		return;
	begin_line(telling);
	fprintf(telling->file, "%s, %s\n", key, condition->problem);
}

static void tell_columns(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;
	const char *measured = expectation->sum     ? expectation->sum
			       : expectation->least ? expectation->least
						    : expectation->most;

	if (!judgement->row_count)
		return;
	for (uint32_t at = 0; at < expectation->columns.count; at++) {
		if (judgement->has_column[at])
			continue;
		begin_line(telling);
		fprintf(telling->file, "no row of %s has a column %s\n", expectation->output,
			expectation->columns.items[at]);
	}
	if (measured && !judgement->has_measured) {
		begin_line(telling);
		fprintf(telling->file, "no row of %s has a column %s\n", expectation->output,
			measured);
	}
}

static void tell_measure(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;
	const char *word = expectation->sum ? "sum" : expectation->least ? "least" : "greatest";
	const char *column = expectation->sum     ? expectation->sum
			     : expectation->least ? expectation->least
						  : expectation->most;
	long double found = expectation->sum     ? judgement->sum
			    : expectation->least ? judgement->least
						 : judgement->most;
	bool none = !judgement->measured_count && !expectation->sum;

	if (!judgement->has_measure || (!none && amount_holds(&expectation->is, found)))
		return;
	begin_line(telling);
	fprintf(telling->file, "%s %s of ", word, column);
	tell_rows(telling);
	fputs(": ", telling->file);
	if (none || (!judgement->measured_count && judgement->row_count))
		fprintf(telling->file, "expected %s, found no number\n", expectation->is.text);
	else
		tell_amount(telling, &expectation->is, found);
}

/* Rows of the table that did not come. */
static void tell_missing(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;
	uint32_t columns = expectation->columns.count, shown = 0;

	for (uint32_t row = 0; row < expectation->row_count && shown < 5; row++) {
		if (expectation->in_order ? row < judgement->place : judgement->taken[row])
			continue;
		shown++;
		fprintf(telling->file, "    row %u did not come: (", row + 1);
		for (uint32_t column = 0; column < columns; column++) {
			const struct cell *cell = &expectation->cells[row * columns + column];
			const char *quote = cell->kind == CELL_TEXT ? "\"" : "";

			fprintf(telling->file, "%s%s%s%s", column ? ", " : "", quote, cell->text,
				quote);
		}
		fputs(")\n", telling->file);
	}
}

static void tell_table(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;

	if (!expectation->has_table ||
	    (!judgement->mismatch_count && judgement->row_count == expectation->row_count))
		return;
	begin_line(telling);
	fputs("table of ", telling->file);
	tell_rows(telling);
	if (judgement->mismatch[0])
		fprintf(telling->file, ": %s", judgement->mismatch);
	if (judgement->row_count != expectation->row_count)
		fprintf(telling->file, "%s expected %u rows, found %llu",
			judgement->mismatch[0] ? ";" : ":", expectation->row_count,
			(unsigned long long)judgement->row_count);
	else if (!judgement->mismatch[0])
		fprintf(telling->file, ": rows that are not in it: %llu",
			(unsigned long long)judgement->mismatch_count);
	fputc('\n', telling->file);
	tell_sample(telling, &judgement->mismatched, judgement->mismatch_count);
	tell_missing(telling, judgement);
}

/* Rows that should not be there. */
static void tell_wrong(struct telling *telling, const char *what, const char *which, uint64_t count,
		       const struct sample *sample)
{
	if (!count)
		return;
	begin_line(telling);
	fprintf(telling->file, "%llu ", (unsigned long long)count);
	tell_rows(telling);
	fprintf(telling->file, " %s%s\n", what, which);
	tell_sample(telling, sample, count);
}

static void tell_counts(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;

	if (!amount_holds(&expectation->rows, judgement->row_count)) {
		begin_line(telling);
		tell_rows(telling);
		fputs(": ", telling->file);
		tell_amount(telling, &expectation->rows, judgement->row_count);
		if (judgement->row_count > expectation->rows.number)
			tell_sample(telling, &judgement->rows, judgement->row_count);
	}
	if (!amount_holds(&expectation->others, judgement->other_count)) {
		begin_line(telling);
		fprintf(telling->file, "rows of %s that no `where` takes: ", expectation->output);
		tell_amount(telling, &expectation->others, judgement->other_count);
		tell_sample(telling, &judgement->others, judgement->other_count);
	}
}

static void tell_output(struct telling *telling, const struct judgement *judgement)
{
	const struct expectation *expectation = telling->expectation;

	tell_condition(telling, &judgement->where, "where");
	tell_condition(telling, &judgement->every, "every");
	tell_columns(telling, judgement);
	tell_counts(telling, judgement);
	tell_wrong(telling, "for which this is not true: ", expectation->every,
		   judgement->broken_count, &judgement->broken);
	tell_wrong(telling, "that have a value in a column of ", "`absent`",
		   judgement->present_count, &judgement->present);
	tell_measure(telling, judgement);
	tell_table(telling, judgement);
}

/* ---- the ledger -------------------------------------------------------------------------- */

/* A reason that is none by now has nothing. */
static uint64_t tally_of(const struct account *account, uint32_t tally)
{
	uint64_t sum = 0;

	switch (tally) {
	case TALLY_IN:
		return account->in.rows;
	case TALLY_MADE:
		return account->made.rows;
	case TALLY_OUT:
		return account->out.rows;
	case TALLY_REDUCED:
		for (uint32_t at = 0; at < SONDE_REDUCTION_COUNT; at++)
			sum += account->reduced[at].rows;
		return sum;
	case TALLY_LOST:
		for (uint32_t at = 0; at < SONDE_LOSS_COUNT; at++)
			sum += account->lost[at].rows;
		return sum;
	default:
		return tally < TALLY_LOST_BY ? account->reduced[tally - TALLY_REDUCED_BY].rows
					     : account->lost[tally - TALLY_LOST_BY].rows;
	}
}

/* Over the account of that name, or all. False: there is no such account. */
static bool tally_sum(struct ledger *ledger, const char *name, uint32_t tally, uint64_t *ret_sum)
{
	const struct account *account;
	struct account copy;
	bool found = !name;
	uint64_t sum = 0;

	for (uint32_t at = 0; (account = ledger_at(ledger, at)); at++) {
		account_read(account, &copy);
		if (copy.kind == ACCOUNT_FREE || (name && strcmp(copy.name, name) != 0))
			continue;
		sum += tally_of(&copy, tally);
		found = true;
	}
	*ret_sum = sum;
	return found;
}

static void tell_ledger(struct telling *telling, struct ledger *ledger)
{
	const struct expectation *expectation = telling->expectation;
	uint64_t found;
	char key[48];

	if (!tally_sum(ledger, expectation->ledger, TALLY_IN, &found)) {
		const struct account *account;

		begin_line(telling);
		fprintf(telling->file, "the ledger has no account \"%s\"; there are",
			expectation->ledger);
		for (uint32_t at = 0; (account = ledger_at(ledger, at)); at++)
			if (account->kind != ACCOUNT_FREE)
				fprintf(telling->file, "%s \"%s\"", at ? "," : "", account->name);
		fputc('\n', telling->file);
		return;
	}
	for (uint32_t tally = 0; tally < TALLY_COUNT; tally++) {
		const struct amount *amount = &expectation->tallies[tally];

		(void)tally_sum(ledger, expectation->ledger, tally, &found);
		if (amount_holds(amount, found))
			continue;
		begin_line(telling);
		fprintf(telling->file, "rows %s%s%s: ", tally_key(tally, key, sizeof(key)),
			expectation->ledger ? " of " : "",
			expectation->ledger ? expectation->ledger : "");
		tell_amount(telling, amount, found);
	}
}

/* ---- the whole --------------------------------------------------------------------------- */

/* Whether some expectation speaks of rows that are lost. */
static bool is_loss_expected(const struct judge *judge)
{
	for (uint32_t at = 0; at < judge->count; at++) {
		const struct amount *tallies = judge->judgements[at].expectation->tallies;

		for (uint32_t tally = TALLY_LOST; tally < TALLY_COUNT; tally++)
			if (tallies[tally].comparison &&
			    (tally == TALLY_LOST || tally >= TALLY_LOST_BY))
				return true;
	}
	return false;
}

/* A test in which rows are lost and nobody says so has found something. */
static uint32_t tell_losses(const struct judge *judge, struct ledger *ledger, FILE *file)
{
	const struct account *account;
	struct account copy;
	uint32_t count = 0;

	if (is_loss_expected(judge))
		return 0;
	for (uint32_t at = 0; (account = ledger_at(ledger, at)); at++) {
		account_read(account, &copy);
		for (uint32_t loss = 0; loss < SONDE_LOSS_COUNT; loss++) {
			if (!copy.lost[loss].rows)
				continue;
			fprintf(file,
				"%llu rows of %s were lost: %s (say `lost` in an expectation if "
				"that is meant)\n",
				(unsigned long long)copy.lost[loss].rows, copy.name,
				loss_name(loss));
			count = 1;
		}
	}
	return count;
}

int64_t judge_tell(const struct judge *judge, struct ledger *ledger, FILE *file)
{
	uint32_t failed = 0;

	for (uint32_t at = 0; at < judge->output_count; at++)
		if (judge->outputs[at].failed)
			return -ENOMEM;
	for (uint32_t at = 0; at < judge->count; at++) {
		struct telling telling = { .file = file,
					   .expectation = judge->judgements[at].expectation };

		if (telling.expectation->of_ledger)
			tell_ledger(&telling, ledger);
		else
			tell_output(&telling, &judge->judgements[at]);
		failed += telling.said_count > 0;
	}
	return failed + tell_losses(judge, ledger, file);
}
