/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a batch are kept, and what each of those stands for. */
#ifndef SONDE_SAMPLE_CHOICE_H
#define SONDE_SAMPLE_CHOICE_H

#include "key.h"
#include "limit.h"
#include "plan.h"

/* What rows of a batch have from before, by where it is said; NULL: nowhere. */
struct carried {
	const struct sonde_column *weight;
	const struct sonde_column *state;      /* of spans: `ot=th:…;rv:…` */
	const struct sonde_column *threshold;  /* of logs: digits */
	const struct sonde_column *randomness; /* of logs: digits */
};

/* How the randomness of rows comes about. */
enum choice_way {
	CHOICE_RANDOM = 0, /* row by row */
	CHOICE_TRACE,      /* from their trace, as OpenTelemetry has it */
	CHOICE_KEY,        /* from a hash of their key */
};

/* Room for what is found out about the rows of a batch: an item a row, or a bit. */
struct choice {
	uint32_t capacity;     /* rows */
	uint64_t *keys;        /* hash of the key; 0 where none is needed */
	uint64_t *randomness;  /* 56 bits */
	uint64_t *thresholds;  /* what the plan says */
	uint64_t *befores;     /* thresholds at which the row was kept before */
	double *factors;       /* by which the weight of a kept row grows, at least 1 */
	uint32_t *buckets;     /* of its rate */
	unsigned char *kept;   /* the rows that go on */
	unsigned char *known;  /* it has a key or trace */
	unsigned char *free;   /* the rate does not count it */
	unsigned char *raised; /* its threshold is a higher one now: the plan's */
	unsigned char *spare;

	/* of the batch */
	struct carried carried;
	enum choice_way way;
	bool by_keys; /* the randomness is what stands left in the keys */
	bool even;    /* all kept rows stand for as many, by `factor`, and nothing was carried */
	double factor;
	uint64_t threshold; /* of all, then */
	bool grown;         /* some kept row stands for more than before */
	bool has_befores;
	int64_t kept_count;
	uint64_t refused_rows, refused_events; /* at a ratio of 0: nothing stands for them */
	uint64_t limited_rows, limited_events; /* above the rate */
	uint64_t keyless_rows, inconsistent_rows, other_rows;
};

/* What chooses, beside the plan. */
struct chooser {
	struct sonde_instance *instance;
	const struct plan *plan;
	struct key *key;
	struct limit *limit; /* NULL: no rate */
	uint64_t *random;    /* state of random numbers */
};

/* Chooses among the rows of a batch. -ENOMEM. */
int choice_make(struct choice *choice, const struct chooser *chooser,
		const struct sonde_batch *batch, int64_t now_ns);
void choice_close(struct choice *choice);

/* How many rows a row of the batch stood for before. */
double choice_weight_before(const struct choice *choice, uint32_t row);

/* A column of a role, or NULL. */
const struct sonde_column *choice_role(const struct sonde_batch *batch, uint32_t role);

#endif
