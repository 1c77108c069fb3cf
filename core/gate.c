// SPDX-License-Identifier: Apache-2.0
/* The condition of a route: which rows of what a pipeline sends go over it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "expression.h"
#include "gate.h"
#include "host.h"
#include "log.h"

enum { EXPLAINED_BYTES = 320, NAME_BYTES = 160 };

struct gate {
	struct expression *expression;
	struct matcher *matcher;
	struct sonde_instance services; /* of no plugin: only what makes batches is asked for */
	char name[NAME_BYTES];          /* "main > audit" */
	unsigned char *bits;            /* which rows of a batch go */
	size_t bits_size;
};

int gate_check(const char *where, char *error, size_t error_size)
{
	struct expression *expression = NULL;
	struct expression_error found;
	int result = expression_parse(where, &expression, &found);

	if (result < 0)
		(void)expression_explain(&found, error, error_size);
	expression_release(expression);
	return result;
}

/* A column of the wrong type, once for each place in a condition. */
static void on_problem(void *data, const char *schema, const struct expression_error *error)
{
	const struct gate *gate = data;
	char explained[EXPLAINED_BYTES];

	log_write(SONDE_WARNING, gate->name, "where, %s, in rows of %s: it is null there",
		  expression_explain(error, explained, sizeof(explained)), schema);
}

int gate_create(const char *where, const char *from, const char *to, struct gate **ret_gate)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	struct expression_error error;
	int result;

	if (!gate)
		return -ENOMEM;
	(void)snprintf(gate->name, sizeof(gate->name), "%s > %s", from, to);
	gate->services = (struct sonde_instance){ .size = sizeof(gate->services),
						  .replica_count = 1,
						  .name = gate->name,
						  .host = host_services() };
	result = expression_parse(where, &gate->expression, &error);
	if (!result) {
		gate->matcher = matcher_create(gate->expression, &gate->services, on_problem, gate);
		result = gate->matcher ? 0 : -ENOMEM;
	}
	if (result < 0) {
		gate_release(gate);
		return result;
	}
	*ret_gate = gate;
	return 0;
}

void gate_release(struct gate *gate)
{
	if (!gate)
		return;
	matcher_release(gate->matcher);
	expression_release(gate->expression);
	free(gate->bits);
	free(gate);
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool reserve_bits(struct gate *gate, uint32_t row_count)
{
	size_t size = row_count / 8 + 1;
	unsigned char *bits;

	if (size <= gate->bits_size)
		return true;
	bits = realloc(gate->bits, 2 * size);
	if (!bits)
		return false;
	gate->bits = bits;
	gate->bits_size = 2 * size;
	return true;
}

/* Other routes read the batch too: rows are dropped from one derived from it. NULL: no memory. */
static struct sonde_batch *derive(const struct gate *gate, struct sonde_batch *batch)
{
	struct sonde_batch *derived = batch_derive(batch);

	if (!derived)
		return NULL;
	if (batch_select(derived, gate->bits) < 0) {
		batch_release(derived);
		return NULL;
	}
	batch_finish(derived);
	return derived;
}

bool gate_push(struct gate *gate, struct route *route, struct sonde_batch *batch)
{
	struct sonde_batch *derived = NULL;
	int64_t count = -ENOMEM;

	if (reserve_bits(gate, batch->row_count))
		count = matcher_run(gate->matcher, batch, gate->bits);
	if (count == batch->selected_count) {
		route_push(route, batch_hold(batch));
		return true;
	}
	if (count > 0) {
		derived = derive(gate, batch);
		if (!derived)
			count = -ENOMEM;
	}
	if (count < 0)
		route_refuse(route, batch);
	else
		route_filter(route, batch, derived);
	if (derived)
		route_push(route, derived);
	return derived;
}
