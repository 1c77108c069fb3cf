// SPDX-License-Identifier: Apache-2.0
/* An expression at work: the layouts of columns that it has met, each bound once. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "evaluate.h"

enum { LAYOUT_LIMIT = 16 }; /* remembered at once */

/* Tables of the same columns. */
struct layout {
	struct known *columns; /* owned, names too */
	uint32_t column_count;
	struct binding binding;
	struct memo *memos; /* by node */
};

struct matcher {
	const struct expression *expression;
	struct sonde_instance *instance;
	matcher_problem *problem;
	void *data;
	const char *schema; /* of the batch that a problem is about */
	struct layout layouts[LAYOUT_LIMIT];
	uint32_t layout_count, next_layout; /* to be taken the place of */
	unsigned char *told;                /* by node: its problem was */
	struct pattern_scratch *scratch;
	char *slots;
	char *joined;
	struct made_bytes made_bytes; /* what matcher_make() gave out */
	unsigned char *made_values, *made_valid;
	size_t made_size, made_rows; /* there is room for */
	struct matcher_counts counts;
};

static struct judge judge_of(struct matcher *matcher)
{
	return (struct judge){ .instance = matcher->instance,
			       .scratch = matcher->scratch,
			       .counts = &matcher->counts };
}

/* ---- layouts ----------------------------------------------------------------------------- */

static void layout_clear(struct matcher *matcher, struct layout *layout)
{
	struct judge judge = judge_of(matcher);

	for (uint32_t node = 0; layout->memos && node < matcher->expression->node_count; node++)
		memo_clear(&judge, &layout->memos[node]);
	free(layout->memos);
	binding_clear(matcher->expression, &layout->binding);
	for (uint32_t i = 0; i < layout->column_count; i++)
		free((char *)(uintptr_t)layout->columns[i].name);
	free(layout->columns);
	*layout = (struct layout){ 0 };
}

static bool layout_is_of(const struct layout *layout, const struct sonde_batch *batch)
{
	if (layout->column_count != batch->column_count)
		return false;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		const struct known *known = &layout->columns[i];

		if (known->type != column->type || known->role != column->role ||
		    known->scope != column->scope || strcmp(known->name, column->name) != 0)
			return false;
	}
	return true;
}

static void on_problem(void *data, uint32_t node, bool missing,
		       const struct expression_error *error)
{
	struct matcher *matcher = data;

	if (missing || matcher->told[node])
		return;
	matcher->told[node] = 1;
	if (matcher->problem)
		matcher->problem(matcher->data, matcher->schema, error);
}

static int layout_fill(struct matcher *matcher, struct layout *layout,
		       const struct sonde_batch *batch)
{
	uint32_t node_count = matcher->expression->node_count;

	layout->columns = calloc(batch->column_count + 1, sizeof(*layout->columns));
	layout->memos = calloc(node_count, sizeof(*layout->memos));
	layout->binding.bounds = calloc(node_count, sizeof(*layout->binding.bounds));
	if (!layout->columns || !layout->memos || !layout->binding.bounds)
		return -ENOMEM;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		layout->columns[i] = (struct known){ .name = strdup(column->name),
						     .type = column->type,
						     .role = column->role,
						     .scope = column->scope };
		layout->column_count++;
		if (!layout->columns[i].name)
			return -ENOMEM;
	}
	matcher->schema = batch->schema;
	return expression_bind(matcher->expression, layout->columns, layout->column_count,
			       &layout->binding, on_problem, matcher);
}

/* The one of the batch, which may be new. NULL: no memory. */
static struct layout *layout_find(struct matcher *matcher, const struct sonde_batch *batch)
{
	struct layout *layout;

	for (uint32_t i = 0; i < matcher->layout_count; i++) {
		if (layout_is_of(&matcher->layouts[i], batch))
			return &matcher->layouts[i];
	}
	if (matcher->layout_count == LAYOUT_LIMIT) {
		layout = &matcher->layouts[matcher->next_layout];
		matcher->next_layout = (matcher->next_layout + 1) % LAYOUT_LIMIT;
		layout_clear(matcher, layout);
	} else {
		layout = &matcher->layouts[matcher->layout_count];
	}
	if (layout_fill(matcher, layout, batch) < 0) {
		uint32_t last = matcher->layout_count ? matcher->layout_count - 1 : 0;

		layout_clear(matcher, layout);
		if (matcher->layout_count == LAYOUT_LIMIT) { /* no gaps among them */
			*layout = matcher->layouts[last];
			matcher->layouts[last] = (struct layout){ 0 };
			matcher->layout_count = last;
			matcher->next_layout = 0;
		}
		return NULL;
	}
	if (matcher->layout_count < LAYOUT_LIMIT)
		matcher->layout_count++;
	matcher->counts.layout_count++;
	return layout;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void block_set(struct block *block, uint32_t start)
{
	uint32_t rest = block->batch->row_count - start;

	block->start = start;
	block->count = rest < BLOCK_ROWS ? rest : BLOCK_ROWS;
	block->words = (block->count + 63) / 64;
}

/* What evaluating takes, for the columns of the batch. -ENOMEM. */
static int work_begin(struct matcher *matcher, const struct sonde_batch *batch,
		      struct work *ret_work)
{
	struct layout *layout = layout_find(matcher, batch);

	if (!layout)
		return -ENOMEM;
	*ret_work = (struct work){ .expression = matcher->expression,
				   .binding = &layout->binding,
				   .memos = layout->memos,
				   .judge = judge_of(matcher),
				   .block.batch = batch,
				   .slots = matcher->slots,
				   .joined = matcher->joined };
	matcher->counts.missing_batch_count += layout->binding.missing;
	matcher->counts.mismatch_batch_count += layout->binding.mismatch;
	return 0;
}

static int64_t run(struct matcher *matcher, const struct sonde_batch *batch, bool negated,
		   unsigned char *bits)
{
	struct work work;
	int64_t count = 0;
	int result = work_begin(matcher, batch, &work);

	if (result)
		return result;
	for (uint32_t start = 0; start < batch->row_count; start += BLOCK_ROWS) {
		uint64_t selected[BLOCK_WORDS];
		struct truth truth;

		block_set(&work.block, start);
		evaluate(&work, matcher->expression->root, &truth);
		block_bits(&work.block, batch->selected, selected);
		for (uint32_t word = 0; word < work.block.words; word++) {
			truth.yes[word] =
				(negated ? ~truth.yes[word] : truth.yes[word]) & selected[word];
			count += __builtin_popcountll(truth.yes[word]);
			truth.yes[word] = htole64(truth.yes[word]);
		}
		memcpy(bits + start / 8, truth.yes, (work.block.count + 7) / 8);
	}
	return count;
}

int64_t matcher_run(struct matcher *matcher, const struct sonde_batch *batch, unsigned char *bits)
{
	return run(matcher, batch, false, bits);
}

int64_t matcher_run_not(struct matcher *matcher, const struct sonde_batch *batch,
			unsigned char *bits)
{
	return run(matcher, batch, true, bits);
}

/* Room for the values of so many rows. */
static bool made_reserve(struct matcher *matcher, uint32_t row_count, uint32_t value_size)
{
	size_t rows = ((size_t)row_count / BLOCK_ROWS + 1) * BLOCK_ROWS, size = rows * value_size;
	unsigned char *values, *valid;

	if (size <= matcher->made_size && rows <= matcher->made_rows)
		return true;
	values = realloc(matcher->made_values, size);
	if (!values)
		return false;
	matcher->made_values = values;
	valid = realloc(matcher->made_valid, rows / 8);
	if (!valid)
		return false;
	matcher->made_valid = valid;
	matcher->made_size = size;
	matcher->made_rows = rows;
	return true;
}

/* Texts that were told by their place, since memory that grows moves. */
static void made_place(const struct matcher *matcher, uint32_t row_count)
{
	struct sonde_text *texts = (struct sonde_text *)(void *)matcher->made_values;

	const char *bytes = matcher->made_bytes.data;

	if (!bytes) /* all are empty */
		bytes = "";
	for (uint32_t row = 0; row < row_count; row++)
		texts[row].data = bytes + (uintptr_t)texts[row].data;
}

static int made_fill(struct matcher *matcher, struct work *work, const struct sonde_batch *batch,
		     struct made *made)
{
	const struct node *root = &matcher->expression->nodes[matcher->expression->root];
	uint32_t size = make_size(made->type);
	int result = 0;

	if (!made_reserve(matcher, batch->row_count, size))
		return -ENOMEM;
	matcher->made_bytes.length = 0;
	made->constant = root->kind == NODE_LITERAL;
	for (uint32_t start = 0; start < batch->row_count && result >= 0; start += BLOCK_ROWS) {
		uint64_t valid[BLOCK_WORDS];

		block_set(&work->block, start);
		result = make_block(work, matcher->expression->root, &matcher->made_bytes,
				    matcher->made_values + (size_t)start * size, valid);
		for (uint32_t word = 0; word < work->block.words; word++)
			valid[word] = htole64(valid[word]);
		memcpy(matcher->made_valid + start / 8, valid, (work->block.count + 7) / 8);
		if (made->constant)
			break;
	}
	if (result >= 0 && root->kind == NODE_CONCAT)
		made_place(matcher, batch->row_count);
	made->values = matcher->made_values;
	made->valid = matcher->made_valid;
	return result;
}

int matcher_make(struct matcher *matcher, const struct sonde_batch *batch, struct made *ret_made)
{
	uint32_t root = matcher->expression->root;
	struct made made = { .column = UINT32_MAX };
	struct work work;
	int result = work_begin(matcher, batch, &work);

	if (result)
		return result;
	made.type = make_type(&work, root);
	if (matcher->expression->nodes[root].kind == NODE_NAME &&
	    !work.binding->bounds[root].several) {
		made.column = work.binding->bounds[root].column;
	} else if (made.type) {
		result = made_fill(matcher, &work, batch, &made);
		if (result < 0)
			return result;
	}
	*ret_made = made;
	return 0;
}

struct matcher_counts matcher_counts(const struct matcher *matcher)
{
	return matcher->counts;
}

/* ---- all --------------------------------------------------------------------------------- */

struct matcher *matcher_create(const struct expression *expression, struct sonde_instance *instance,
			       matcher_problem *problem, void *data)
{
	uint32_t slot_count = evaluate_slot_count(expression);
	struct matcher *matcher = calloc(1, sizeof(*matcher));

	if (!matcher)
		return NULL;
	matcher->expression = expression;
	matcher->instance = instance;
	matcher->problem = problem;
	matcher->data = data;
	matcher->told = calloc(expression->node_count, 1);
	matcher->slots = calloc(slot_count ? slot_count : 1, SLOT_BYTES);
	if (expression->pattern_count)
		matcher->scratch = pattern_scratch_create();
	if (expression->has_concat)
		matcher->joined = malloc((size_t)2 * EXPRESSION_TEXT_BYTES);
	if (!matcher->told || !matcher->slots || (expression->pattern_count && !matcher->scratch) ||
	    (expression->has_concat && !matcher->joined)) {
		matcher_release(matcher);
		return NULL;
	}
	return matcher;
}

void matcher_release(struct matcher *matcher)
{
	if (!matcher)
		return;
	for (uint32_t i = 0; i < matcher->layout_count; i++)
		layout_clear(matcher, &matcher->layouts[i]);
	pattern_scratch_release(matcher->scratch);
	free(matcher->made_bytes.data);
	free(matcher->made_values);
	free(matcher->made_valid);
	free(matcher->joined);
	free(matcher->slots);
	free(matcher->told);
	free(matcher);
}

/* ---- before any table -------------------------------------------------------------------- */

struct first_problem {
	struct expression_error *error;
	bool found, missing;
};

static void on_first_problem(void *data, uint32_t node, bool missing,
			     const struct expression_error *error)
{
	struct first_problem *first = data;

	if (first->found)
		return;
	first->found = true;
	first->missing = missing;
	*first->error = *error;
}

int expression_check(const struct expression *expression, const struct sonde_field *fields,
		     struct expression_error *ret_error)
{
	struct first_problem first = { .error = ret_error };
	struct binding binding = { 0 };
	struct known *columns;
	uint32_t count = 0;
	int result = -ENOMEM;

	while (fields[count].name)
		count++;
	columns = calloc(count + 1, sizeof(*columns));
	binding.bounds = calloc(expression->node_count, sizeof(*binding.bounds));
	for (uint32_t i = 0; columns && i < count; i++)
		columns[i] = (struct known){ .name = fields[i].name,
					     .type = fields[i].type,
					     .role = fields[i].role,
					     .scope = fields[i].scope };
	if (columns && binding.bounds)
		result = expression_bind(expression, columns, count, &binding, on_first_problem,
					 &first);
	binding_clear(expression, &binding);
	free(columns);
	if (result < 0) {
		(void)expression_fail(expression->text, 0, ret_error, "there is no memory for it");
		return -ENOMEM;
	}
	return !first.found ? 0 : first.missing ? -ENOENT : -EINVAL;
}
