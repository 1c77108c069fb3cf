/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a test expects holds: rows are looked at as they come and not kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "judge.h"
#include "judgement.h"
#include "verdict.h"

/* ---- conditions -------------------------------------------------------------------------- */

static void condition_mismatch(void *data, const char *schema, const struct expression_error *error)
{
	struct condition *condition = data;
	char explained[320];

	if (!condition->problem[0])
		(void)snprintf(condition->problem, sizeof(condition->problem),
			       "%s, in rows of %s: it is null there",
			       expression_explain(error, explained, sizeof(explained)), schema);
}

static int condition_open(struct condition *condition, const struct expression *expression)
{
	condition->expression = expression;
	if (!expression)
		return 0;
	condition->matcher = matcher_create(expression, NULL, condition_mismatch, condition);
	return condition->matcher ? 0 : -ENOMEM;
}

static void condition_close(struct condition *condition)
{
	matcher_release(condition->matcher);
	free(condition->bits);
}

/* Which column the first table lacked, and which may be meant. */
static void condition_missing(struct condition *condition, const struct sonde_batch *batch)
{
	struct sonde_field *fields;
	struct expression_error error;
	char explained[320];

	if (condition->problem[0])
		return;
	fields = calloc(batch->column_count + 1, sizeof(*fields));
	if (!fields)
		return;
	for (uint32_t at = 0; at < batch->column_count; at++) {
		const struct sonde_column *column = sonde_column(batch, at);

		fields[at] = (struct sonde_field){ .name = column->name,
						   .type = column->type,
						   .role = column->role,
						   .scope = column->scope };
	}
	if (expression_check(condition->expression, fields, &error) < 0)
		(void)snprintf(condition->problem, sizeof(condition->problem), "%s, in rows of %s",
			       expression_explain(&error, explained, sizeof(explained)),
			       batch->schema);
	free(fields);
}

/* Sets the bits of rows that count and for which it is true. -ENOMEM. */
static int condition_run(struct condition *condition, const struct sonde_batch *batch)
{
	size_t size = (size_t)batch->row_count / 8 + 1;
	uint64_t missing;

	if (size > condition->bits_size) {
		unsigned char *bits = realloc(condition->bits, size);

		if (!bits)
			return -ENOMEM;
		condition->bits = bits;
		condition->bits_size = size;
	}
	if (!condition->matcher) {
		if (batch->selected)
			memcpy(condition->bits, batch->selected, (batch->row_count + 7) / 8);
		else
			memset(condition->bits, 0xff, size);
		return 0;
	}
	missing = matcher_counts(condition->matcher).missing_batch_count;
	if (matcher_run(condition->matcher, batch, condition->bits) < 0)
		return -ENOMEM;
	if (matcher_counts(condition->matcher).missing_batch_count == missing)
		condition->has_met = true;
	else
		condition_missing(condition, batch);
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* The columns of a measure and of `absent`. */
static int take_values(struct judgement *judgement, const struct sonde_batch *batch, uint32_t row,
		       struct judged *output)
{
	const struct expectation *expectation = judgement->expectation;
	uint32_t found = judgement->has_measure ? expression_find(&expectation->measured, batch)
						: UINT32_MAX;
	long double number;

	if (found != UINT32_MAX && value_number(sonde_column(batch, found), row, &number)) {
		judgement->sum += number;
		if (!judgement->measured_count || number < judgement->least)
			judgement->least = number;
		if (!judgement->measured_count || number > judgement->most)
			judgement->most = number;
		judgement->measured_count++;
	}
	for (uint32_t at = 0; at < expectation->absent.count; at++) {
		found = expression_find(&expectation->absent_names[at], batch);
		if (found == UINT32_MAX || !sonde_valid(sonde_column(batch, found), row))
			continue;
		judgement->present_count++;
		return sample_add(&judgement->present, output->lines, row, output->sample_limit);
	}
	return 0;
}

/* Which of the columns that are named a table has. */
static void note_columns(struct judgement *judgement, const struct sonde_batch *batch)
{
	const struct expectation *expectation = judgement->expectation;
	uint32_t found;

	for (uint32_t at = 0; at < expectation->columns.count; at++)
		judgement->has_column[at] |=
			expression_find(&expectation->names[at], batch) != UINT32_MAX;
	if (!judgement->has_measure)
		return;
	found = expression_find(&expectation->measured, batch);
	if (found != UINT32_MAX)
		judgement->has_measured = true;
}

static int take_rows(struct judgement *judgement, const struct sonde_batch *batch,
		     struct judged *output)
{
	const struct expectation *expectation = judgement->expectation;
	int result = 0;

	for (uint32_t row = 0; row < batch->row_count && !result; row++) {
		if (!sonde_bit(judgement->where.bits, row))
			continue;
		judgement->row_count++;
		if (expectation->rows.comparison)
			result = sample_add(&judgement->rows, output->lines, row,
					    output->sample_limit);
		if (!result && expectation->every && !sonde_bit(judgement->every.bits, row)) {
			judgement->broken_count++;
			result = sample_add(&judgement->broken, output->lines, row,
					    output->sample_limit);
		}
		if (!result)
			result = take_values(judgement, batch, row, output);
	}
	if (!result && expectation->has_table)
		result = judgement_compare(judgement, batch, output->lines, output->sample_limit);
	return result;
}

/* Rows that no `where` of this output takes. */
static int take_others(struct judge *judge, struct judgement *judgement,
		       const struct sonde_batch *batch, struct judged *output)
{
	int result = 0;

	for (uint32_t row = 0; row < batch->row_count && !result; row++) {
		bool taken = !sonde_selected(batch, row);

		for (uint32_t at = 0; at < judge->count && !taken; at++) {
			const struct judgement *other = &judge->judgements[at];

			taken = other->output == judgement->output && other->where.expression &&
				sonde_bit(other->where.bits, row);
		}
		if (taken)
			continue;
		judgement->other_count++;
		result = sample_add(&judgement->others, output->lines, row, output->sample_limit);
	}
	return result;
}

static int take(struct judge *judge, uint32_t number, const struct sonde_batch *batch)
{
	struct judged *output = &judge->outputs[number];
	int result = lines_bind(output->lines, batch);

	for (uint32_t at = 0; at < judge->count && !result; at++) {
		struct judgement *judgement = &judge->judgements[at];

		if (judgement->output != number)
			continue;
		note_columns(judgement, batch);
		result = condition_run(&judgement->where, batch);
		if (!result)
			result = condition_run(&judgement->every, batch);
		if (!result)
			result = take_rows(judgement, batch, output);
	}
	for (uint32_t at = 0; at < judge->count && !result; at++)
		if (judge->judgements[at].output == number &&
		    judge->judgements[at].expectation->others.comparison)
			result = take_others(judge, &judge->judgements[at], batch, output);
	return result;
}

void judge_take(struct judge *judge, uint32_t number, const struct sonde_batch *batch)
{
	struct judged *output = &judge->outputs[number];

	output->row_count += batch->selected_count;
	if (take(judge, number, batch))
		output->failed = true;
}

uint64_t judge_rows(const struct judge *judge, uint32_t output)
{
	return judge->outputs[output].row_count;
}

/* ---- life -------------------------------------------------------------------------------- */

static int judgement_open(struct judge *judge, struct judgement *judgement,
			  const struct expectation *expectation)
{
	int result;

	judgement->expectation = expectation;
	judgement->output = UINT32_MAX;
	judgement->has_measure = expectation->sum || expectation->least || expectation->most;
	for (uint32_t at = 0; at < judge->output_count && expectation->output; at++)
		if (!strcmp(judge->outputs[at].name, expectation->output))
			judgement->output = at;
	judgement->taken = calloc(expectation->row_count + 1, sizeof(*judgement->taken));
	judgement->has_column =
		calloc(expectation->columns.count + 1, sizeof(*judgement->has_column));
	result = judgement->taken && judgement->has_column ? 0 : -ENOMEM;
	if (!result)
		result = condition_open(&judgement->where, expectation->condition);
	if (!result)
		result = condition_open(&judgement->every, expectation->every_condition);
	return result;
}

static void judgement_close(struct judgement *judgement)
{
	condition_close(&judgement->where);
	condition_close(&judgement->every);
	json_release(&judgement->rows.text);
	json_release(&judgement->broken.text);
	json_release(&judgement->others.text);
	json_release(&judgement->present.text);
	json_release(&judgement->mismatched.text);
	free(judgement->taken);
	free(judgement->has_column);
}

void judge_release(struct judge *judge)
{
	if (!judge)
		return;
	for (uint32_t at = 0; judge->judgements && at < judge->count; at++)
		judgement_close(&judge->judgements[at]);
	for (uint32_t at = 0; judge->outputs && at < judge->output_count; at++)
		lines_release(judge->outputs[at].lines);
	free(judge->judgements);
	free(judge->outputs);
	free(judge);
}

static int judge_open(struct judge *judge, const struct expectation *expectations,
		      const char *const *outputs, uint32_t sample_limit)
{
	int result = judge->judgements && judge->outputs ? 0 : -ENOMEM;

	for (uint32_t at = 0; at < judge->output_count && !result; at++) {
		judge->outputs[at].name = outputs[at];
		judge->outputs[at].sample_limit = sample_limit;
		judge->outputs[at].lines = lines_create(&judge->services, true);
		result = judge->outputs[at].lines ? 0 : -ENOMEM;
	}
	for (uint32_t at = 0; at < judge->count && !result; at++)
		result = judgement_open(judge, &judge->judgements[at], &expectations[at]);
	return result;
}

struct judge *judge_create(const struct expectation *expectations, uint32_t count,
			   const char *const *outputs, uint32_t output_count, uint32_t sample_limit)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->services = (struct sonde_instance){ .size = sizeof(judge->services),
						   .replica_count = 1,
						   .name = "test",
						   .host = host_services() };
	judge->count = count;
	judge->output_count = output_count;
	judge->judgements = calloc(count + 1, sizeof(*judge->judgements));
	judge->outputs = calloc(output_count + 1, sizeof(*judge->outputs));
	if (!judge_open(judge, expectations, outputs, sample_limit))
		return judge;
	judge_release(judge);
	return NULL;
}
