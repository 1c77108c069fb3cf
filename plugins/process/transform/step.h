/* SPDX-License-Identifier: Apache-2.0 */
/* One step of a transform: what the config says of it, what it is made into, and what it does. */
#ifndef SONDE_STEP_H
#define SONDE_STEP_H

#include <sonde/plugin.h>
#include "evaluate.h"
#include "expression.h"
#include "hash.h"
#include "masks.h"
#include "recode.h"

enum {
	STEPS_MAXIMUM = 256,
	STEP_COLUMNS = 64, /* that one step names */
	STEP_GROUPS = 32,  /* columns that one pattern makes */
};

/* A group of the option `steps`. */
struct step_options {
	const char *set, *rename, *convert, *extract; /* what it does: one of these, */
	struct sonde_texts drop, hash, mask;          /* or of these */
	const char *value, *to, *pattern, *with, *where;
	struct sonde_texts preset, types;
	uint32_t unit; /* index into unit_names */
	bool overwrite;
};

extern const struct sonde_option step_options[];

enum action {
	ACTION_SET,
	ACTION_RENAME,
	ACTION_DROP,
	ACTION_HASH,
	ACTION_MASK,
	ACTION_CONVERT,
	ACTION_EXTRACT,
	ACTIONS
};

/* A condition or value at work. */
struct worker {
	struct expression *expression; /* NULL: none is given */
	struct matcher *matcher;
	struct matcher_counts seen; /* as far as they are in the counters */
};

/* A column that a pattern makes. */
struct extracted {
	uint32_t group;
	uint32_t type; /* enum sonde_type */
	char name[64];
};

struct step {
	enum action action;
	uint32_t number; /* from 1, as messages say it */
	bool overwrite;
	bool warned; /* that a column is of a type or role that does not fit */
	struct expression_name *names;
	uint32_t name_count;
	struct expression_name target; /* of rename */
	struct worker where, value;
	struct masks *masks;
	bool every; /* mask = "*": all texts, with a recode for each column */
	uint32_t recode_count;
	struct recode *recodes; /* of mask, hash and convert: one a name */
	struct pattern *pattern;
	struct pattern_scratch *scratch;
	struct extracted *extracted;
	uint32_t extracted_count;
	uint32_t type;   /* that convert makes */
	int64_t unit_ns; /* of numbers that are times or durations */
};

/* What came of the batches so far. */
struct step_counts {
	uint64_t changed_rows, passed_batches, missing_batches, mismatched_batches;
	uint64_t masked_values, hashed_values, abandoned_texts, failed_conversions;
};

/* What is wrong with an option of a step ("steps[0].where"). */
typedef void step_problem(struct sonde_instance *instance, const char *option, const char *message);

/* Makes a step of what its options say. 0; -EINVAL: all that is wrong was told; -ENOMEM. Matchers
 * are made only where the instance runs. */
int step_make(struct sonde_instance *instance, const struct step_options *options, uint32_t index,
	      bool has_key, step_problem *problem, struct step *ret_step);
int step_start(struct sonde_instance *instance, struct step *step);
void step_clear(struct sonde_instance *instance, struct step *step);

/* ---- a batch on its way ------------------------------------------------------------------ */

struct passage {
	struct sonde_instance *instance;
	struct sonde_batch *batch; /* as it is now: lent, or derived from that */
	bool derived, dirty;       /* dirty: changed since it was derived */
	struct step_counts *counts;
	const struct hasher *hasher; /* NULL: no key */
	unsigned char *where;        /* bits of the rows that a step is about */
	unsigned char *changed;      /* bits of those that some step has changed */
	size_t bits_size;            /* bytes of either */
};

/* Each returns 0 or -ENOMEM, after which the batch must not go on. */
int step_set(struct passage *passage, struct step *step);
int step_rename(struct passage *passage, struct step *step);
int step_drop(struct passage *passage, struct step *step);
int step_hash(struct passage *passage, struct step *step);
int step_mask(struct passage *passage, struct step *step);
int step_convert(struct passage *passage, struct step *step);
int step_extract(struct passage *passage, struct step *step);

/* That a column cannot be worked on, once a step; it stays as it is. */
__attribute__((format(printf, 4, 5))) void step_misfit(struct passage *passage, struct step *step,
						       const struct sonde_column *column,
						       const char *format, ...);

/* The batch as one that may be changed; what it was before stays readable. -ENOMEM. */
int passage_derive(struct passage *passage);
/* The batch as one that may be read, if it was changed. -ENOMEM. */
int passage_settle(struct passage *passage);

static inline bool passage_has(const struct passage *passage, uint32_t row)
{
	return sonde_bit(passage->where, row);
}

static inline void passage_changed(struct passage *passage, uint32_t row)
{
	passage->changed[row >> 3] |= (unsigned char)(1u << (row & 7));
}

/* All rows that the step is about. */
void passage_changed_all(struct passage *passage);

/* ---- columns ----------------------------------------------------------------------------- */

/* A column that shares the values of another, or of the batch's own under another name, role and
 * scope. -ENOMEM. */
int column_share(struct passage *passage, uint32_t index, const char *name, uint32_t role,
		 uint32_t scope);

/* What a column is, for one in its place. */
struct sonde_field column_field(const struct sonde_column *column);

/* A column to fill, in the place of one like it if there is one. The batch was derived for it: the
 * columns of the one before stay readable. -ENOMEM. */
struct column_draft {
	unsigned char *base;
	uint32_t stride, value_size;
	unsigned char *valid; /* at first all clear */
};
int column_draft(struct passage *passage, const struct sonde_field *field,
		 struct sonde_dictionary *dictionary, struct column_draft *ret_draft);

static inline void draft_put(struct column_draft *draft, uint32_t row, const void *value)
{
	unsigned char *to = draft->base + (size_t)row * draft->stride;

	if (draft->value_size == 4) /* codes: the compiler knows how */
		__builtin_memcpy(to, value, 4);
	else
		__builtin_memcpy(to, value, draft->value_size);
	draft->valid[row >> 3] |= (unsigned char)(1u << (row & 7));
}

/* Codes of a column; only of one that has a dictionary. */
static inline uint32_t column_code(const struct sonde_column *column, uint32_t row)
{
	uint32_t code;

	__builtin_memcpy(&code, sonde_value(column, row), sizeof(code));
	return code;
}

#endif
