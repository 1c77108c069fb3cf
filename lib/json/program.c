// SPDX-License-Identifier: Apache-2.0
/* What writing a row of a batch takes, worked out once: steps over columns, with their keys ready.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "program.h"

static struct step *step_add(struct program *program, enum step_kind kind)
{
	struct step *step;

	if (program->step_count == program->step_capacity) {
		uint32_t capacity = program->step_capacity ? program->step_capacity * 2 : 32;

		step = reallocarray(program->steps, capacity, sizeof(*step));
		if (!step) {
			program->failed = true;
			return NULL;
		}
		program->steps = step;
		program->step_capacity = capacity;
	}
	step = &program->steps[program->step_count++];
	memset(step, 0, sizeof(*step));
	step->kind = (uint8_t)kind;
	step->text = (uint32_t)program->texts.length;
	return step;
}

static void step_end(struct program *program, struct step *step)
{
	step->text_length = (uint32_t)(program->texts.length - step->text);
	program->fixed_bytes += step->text_length + PROGRAM_SLACK;
}

/* ,"name": */
static void put_key(struct program *program, const char *name)
{
	program->texts.comma = true;
	json_key(&program->texts, name);
}

/* Bytes of a value of fixed size; what varies asks for its own room. */
static size_t fixed_size(uint32_t type)
{
	switch (type) {
	case SONDE_TIME:
		return JSON_TIME_SIZE;
	case SONDE_ID8:
		return JSON_HEX_SIZE(8);
	case SONDE_ID16:
		return JSON_HEX_SIZE(16);
	default:
		return JSON_NUMBER_SIZE;
	}
}

/* The literal that a constant column can join, or a new one. */
static struct step *literal_step(struct program *program)
{
	struct step *last = program->step_count ? &program->steps[program->step_count - 1] : NULL;

	if (last && last->kind == STEP_LITERAL) {
		program->fixed_bytes -= last->text_length + PROGRAM_SLACK;
		return last;
	}
	return step_add(program, STEP_LITERAL);
}

static void add_column(struct program *program, const struct sonde_column *column,
		       program_constant *constant, void *data)
{
	struct step *step;

	if (!column->stride && !column->valid) {
		step = literal_step(program);
		if (!step)
			return;
		put_key(program, column->name);
		constant(data, column, &program->texts);
	} else {
		step = step_add(program, STEP_VALUE);
		if (!step)
			return;
		put_key(program, column->name);
		step->column = column;
		step->type = (uint8_t)column->type;
		step->is_metric = column->role == SONDE_ROLE_METRIC;
		program->fixed_bytes += fixed_size(column->type);
	}
	step_end(program, step);
}

/* The columns of a scope, within an object of their own unless they are the row's. */
static void add_scope(struct program *program, uint8_t scope, const char *name,
		      program_constant *constant, void *data)
{
	const struct sonde_batch *batch = program->batch;
	uint32_t before = program->step_count;
	struct step *step;
	bool any = false;

	for (uint32_t index = 0; index < batch->column_count; index++)
		any = any || sonde_column(batch, index)->scope == scope;
	if (!any)
		return;
	if (name) {
		step = step_add(program, STEP_OPEN);
		if (!step)
			return;
		put_key(program, name);
		step_end(program, step);
	}
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (column->scope == scope && column->role != SONDE_ROLE_PARENT_ROW &&
		    column->role != SONDE_ROLE_CLOCK_OFFSET) /* it is for who is within */
			add_column(program, column, constant, data);
	}
	if (!name)
		return;
	step = program->failed ? NULL : &program->steps[program->step_count - 1];
	if (step && program->step_count == before + 2 && step->kind == STEP_LITERAL) {
		/* ,"resource":,"a":1 becomes ,"resource":{"a":1} */
		program->texts.data[step->text] = '{';
		program->texts.comma = false;
		json_close_object(&program->texts);
		step->text = step[-1].text;
		step_end(program, step);
		step[-1] = *step;
		program->step_count--;
		return;
	}
	(void)step_add(program, STEP_CLOSE);
}

const char *program_child_name(const struct sonde_batch *child)
{
	switch (child->signal) {
	case SONDE_SIGNAL_SPAN_EVENT:
		return "events";
	case SONDE_SIGNAL_SPAN_LINK:
		return "links";
	case SONDE_SIGNAL_EXEMPLAR:
		return "exemplars";
	default:
		return child->schema;
	}
}

/* Chains the selected rows of a child by the parent row that they name, in order. */
static void index_parents(struct program *child, uint32_t parent_count)
{
	const struct sonde_batch *batch = child->batch;
	const struct sonde_column *parent = NULL;
	uint32_t row_of_parent;

	for (uint32_t index = 0; index < batch->column_count && !parent; index++)
		if (sonde_column(batch, index)->role == SONDE_ROLE_PARENT_ROW)
			parent = sonde_column(batch, index);
	free(child->first);
	free(child->next);
	child->first = calloc(parent_count + 1, sizeof(*child->first));
	child->next = calloc((size_t)batch->row_count + 1, sizeof(*child->next));
	child->parent_count = parent_count;
	if (!child->first || !child->next) {
		child->failed = true;
		return;
	}
	for (uint32_t row = batch->row_count; parent && parent->type == SONDE_U32 && row-- > 0;) {
		if (!sonde_selected(batch, row) || !sonde_valid(parent, row))
			continue;
		memcpy(&row_of_parent, sonde_value(parent, row), sizeof(row_of_parent));
		if (row_of_parent >= parent_count)
			continue;
		child->next[row] = child->first[row_of_parent];
		child->first[row_of_parent] = row + 1;
	}
}

static void add_children(struct program *program, program_constant *constant, void *data)
{
	const struct sonde_batch *batch = program->batch;
	struct program *children;

	if (batch->child_count > program->child_count) {
		children = reallocarray(program->children, batch->child_count, sizeof(*children));
		if (!children) {
			program->failed = true;
			return;
		}
		memset(children + program->child_count, 0,
		       (batch->child_count - program->child_count) * sizeof(*children));
		program->children = children;
		program->child_count = batch->child_count;
	}
	for (uint32_t index = 0; index < batch->child_count; index++) {
		struct program *child = &program->children[index];
		struct step *step = step_add(program, STEP_CHILDREN);

		if (!step)
			return;
		put_key(program, program_child_name(batch->children[index]));
		step->child = index;
		step_end(program, step);
		if (lines_program_compile(child, batch->children[index], NULL, 0, constant, data) ==
		    0)
			index_parents(child, batch->row_count);
		program->failed = program->failed || child->failed;
	}
}

int lines_program_compile(struct program *program, const struct sonde_batch *batch,
			  const char *opening, size_t opening_length, program_constant *constant,
			  void *data)
{
	struct step *step;
	char *at;

	program->batch = batch;
	program->step_count = 0;
	program->failed = false;
	program->fixed_bytes = 64; /* brackets, commas and the line break */
	json_clear(&program->texts);
	step = opening_length ? step_add(program, STEP_LITERAL) : NULL;
	at = step ? json_room(&program->texts, opening_length) : NULL;
	if (at) {
		memcpy(at, opening, opening_length);
		program->texts.length += opening_length;
		step_end(program, step);
	}
	add_scope(program, SONDE_SCOPE_ROW, NULL, constant, data);
	add_children(program, constant, data);
	add_scope(program, SONDE_SCOPE_SCOPE, "scope", constant, data);
	add_scope(program, SONDE_SCOPE_RESOURCE, "resource", constant, data);
	if (!json_room(&program->texts, PROGRAM_SLACK) || program->texts.failed)
		program->failed = true;
	return program->failed ? -ENOMEM : 0;
}

void lines_program_release(struct program *program)
{
	for (uint32_t index = 0; index < program->child_count; index++)
		lines_program_release(&program->children[index]);
	free(program->children);
	free(program->steps);
	free(program->first);
	free(program->next);
	json_release(&program->texts);
	memset(program, 0, sizeof(*program));
}
