/* SPDX-License-Identifier: Apache-2.0 */
/* What there is in a graph for pressure.c: queues, and the inputs before them that can be turned.
 */
#ifndef SONDE_PRESSURE_SCENE_H
#define SONDE_PRESSURE_SCENE_H

#include "arena.h"
#include "gauge.h"
#include "graph.h"

enum { PRESSURE_LEVELS = 10, PRESSURE_PATH_BYTES = 256 };

/* The knob of an input that says how many rows one stands for. */
#define PRESSURE_KNOB "sample_one_in"

/* An input with such a knob. */
struct subject {
	const char *name;
	char path[PRESSURE_PATH_BYTES];
	struct graph_node *node;
	const struct instance *first; /* its first replica: whether it is the same after a reload */
	uint64_t rows;                /* sent so far, at the last look */
	double row_rate;              /* a second, of late */
	uint32_t level;               /* of the claim: one in 2^level */
	uint64_t value;               /* that was claimed */
	uint64_t sampled;             /* rows left out so far, when it was turned down first */
	int64_t since_ns, alone_until_ns;
	bool fails; /* it was told that it cannot be turned */
};

struct step {
	uint32_t subject;
	uint32_t before; /* level that the queue asked for before it */
};

/* All routes between two names. */
struct passage {
	const char *from, *to;
	struct gauge gauge;
	double share;
	uint64_t lost_rows;
	bool *leads;      /* by subject: its rows come here */
	uint32_t *levels; /* by subject: what this queue asks for */
	struct step *steps;
	uint32_t step_count, step_limit;
};

/* All of it. */
struct scene {
	struct arena *arena; /* of all of it */
	struct graph *graph;
	struct subject *subjects;
	struct passage *passages;
	uint32_t subject_count, passage_count;
};

/* Of no subjects, as far as there is no memory. */
void scene_make(struct scene *scene, struct graph *graph);

/* What went on in a former scene goes on, where queue and input are the same. */
void scene_go_on(struct scene *scene, const struct scene *former);

/* The queue that asks most of an input; NULL: none asks anything. */
const struct passage *passage_that_asks(const struct scene *scene, uint32_t subject);

/* How full it is: of several routes the fullest counts. Whether rows were lost since the last look.
 */
bool passage_measure(const struct scene *scene, struct passage *passage);

/* How much an input sends; seconds: since the last look, 0: there was none. */
void subject_measure(struct subject *subject, double seconds);

/* Events that an input left out so far, here and in the kernel. */
uint64_t subject_sampled(const struct subject *subject);

#endif
