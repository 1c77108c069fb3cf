/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a CSV file: the names of its columns, and what ends a record. */
#ifndef SONDE_FILE_HEADER_H
#define SONDE_FILE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "json.h"

enum {
	HEADER_COLUMNS = 4096,
	HEADER_BYTES_LONGEST = 1 << 16, /* of a header that is read back */
};

/* Zeroed, it is empty. */
struct header {
	struct json texts; /* names, each ended by a zero byte */
	uint32_t *starts;  /* where they begin */
	uint32_t count, capacity;
};

void header_release(struct header *header);
void header_clear(struct header *header);
const char *header_name(const struct header *header, uint32_t index);

/* -ENOMEM, or -E2BIG: it has HEADER_COLUMNS already. */
int header_add(struct header *header, const char *name, size_t length);

/* Which column of this name it is, of those not marked in `taken`; -1: none. */
int64_t header_find(const struct header *header, const char *name, const bool *taken);

/* Replaces it by the first record of a text. -EBADMSG: the text does not begin with a whole one. */
int header_read(struct header *header, const char *text, size_t length);

/* Appends it as a record. */
void header_write(const struct header *header, struct json *out);

/* Appends a cell, in quotes where they are needed: an empty text has them, no value has not. */
void header_put_cell(struct json *out, const char *text, size_t length);

/* Of a text in pieces: the end of its last whole record in this piece, 0 if there is none. `quoted`
 * goes from piece to piece, false at first. */
size_t header_record_end(const char *text, size_t length, bool *quoted);

#endif
