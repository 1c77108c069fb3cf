/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through the records of a segment from one to the next, over whatever is damaged. */
#ifndef SONDE_JOURNAL_WALK_H
#define SONDE_JOURNAL_WALK_H

#include "journal_format.h"

struct journal_walk {
	int fd;                     /* the caller's */
	struct journal_place place; /* of the record that walk_next() found */
	uint64_t next;              /* offset behind it */
	uint64_t limit;             /* nothing is read from there on */
	uint64_t number;            /* of the last record; later ones have higher */
	uint64_t highest;           /* what has a higher number is no record of this segment */
	uint64_t skipped_bytes;     /* by the last walk_next(), without zeros at the end */
	bool has_foot;              /* it came to the end of a sealed segment */
	struct journal_foot foot;

	unsigned char *buffer;
	size_t capacity, length;
	uint64_t base; /* offset in the file of what is in the buffer */
};

/* With no bound to the numbers. Zeroed, or used before: what is in the buffer is forgotten, its
 * memory is not. */
void walk_begin(struct journal_walk *walk, int fd, const struct journal_place *start,
		uint64_t limit);
void walk_release(struct journal_walk *walk);

/* The next record whose head is whole, wherever it begins; walk->limit may have risen since.
 * -ENOENT: there is none up to the limit; -EIO or what else reading returned; -ENOMEM. */
int walk_next(struct journal_walk *walk, struct journal_record_head *ret_head);

/* Of the record that walk_next() found: valid until the next call. -EBADMSG: damaged or cut off. */
int walk_data(struct journal_walk *walk, const struct journal_record_head *head,
	      const char **ret_origin, const void **ret_data);

#endif
