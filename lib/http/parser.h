/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunks of HTTP/1, by a library that nothing but parser.c knows. */
#ifndef SONDE_HTTP_PARSER_H
#define SONDE_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server.h"

/* What a head says. */
struct head {
	const char *method; /* lasts */
	char *target;       /* within the text */
	struct http_header *headers;
	uint32_t header_count;
	int64_t content_length; /* -1: not said */
	bool is_chunked;
	bool keep_alive;
	bool expects;   /* 100-continue */
	bool is_old;    /* HTTP/1.0 */
	bool is_tunnel; /* CONNECT: what follows is no request */
};

/* Where the head ends that begins at `data`: the number of bytes with the blank line; 0: further
 * on; -EBADMSG: a line is not ended as lines are, or continues the one before. `scanned` is where
 * to go on, at first 0; ret_lines how many lines there are so far. */
int64_t head_find_end(const char *data, size_t length, size_t *scanned, uint32_t *lines);

/* Reads a whole head in place: `text` is written to, and `headers` has room for its lines. 0; else
 * the status to refuse it with. */
uint32_t head_parse(char *text, size_t length, struct http_header *headers, struct head *ret_head);

/* A body in chunks. */
struct chunks;

struct chunks *chunks_create(void); /* NULL: no memory */
void chunks_release(struct chunks *chunks);

/* Hands the pieces of the body on; take() returns not 0 to stop. Returns how many bytes it used,
 * which is all of them unless the end came; -EBADMSG: these are no chunks; -ECANCELED: take()
 * stopped it. */
int64_t chunks_feed(struct chunks *chunks, const char *data, size_t length,
		    int (*take)(void *context, const void *data, size_t length), void *context);

/* Whether the last chunk and what follows it have come. */
bool chunks_are_over(const struct chunks *chunks);

#endif
