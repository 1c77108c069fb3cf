/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a batch by the file that they go to. */
#ifndef SONDE_FILE_SPLIT_H
#define SONDE_FILE_SPLIT_H

#include "template.h"

struct group {
	uint64_t hash; /* of its path */
	uint32_t path; /* where in `paths` it begins */
	uint32_t path_length;
	uint32_t first, last; /* rows */
};

/* Zeroed, it is empty. Its memory is used again from batch to batch. */
struct split {
	struct json paths; /* each ended by a zero byte */
	struct group *groups;
	uint32_t group_count, group_capacity;
	uint32_t *next; /* by row: the next of its group; UINT32_MAX: none */
	uint32_t row_capacity;
	uint32_t *slots; /* of a hash table: group + 1 */
	uint32_t slot_count;
};

/* The template is bound to the batch. Groups come in the order of their first rows, rows in their
 * own. -ENOMEM. */
int split_batch(struct split *split, struct template *template, const struct sonde_batch *batch);

const char *split_path(const struct split *split, const struct group *group);

void split_release(struct split *split);

#endif
