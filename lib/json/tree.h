/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON text taken apart into a flat array, within a bound of memory. */
#ifndef SONDE_TREE_H
#define SONDE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_DEPTH_LIMIT = 256 }; /* objects and arrays in each other */

enum node_kind {
	NODE_NULL,
	NODE_FALSE,
	NODE_TRUE,
	NODE_NUMBER, /* its digits are the text */
	NODE_TEXT,
	NODE_KEY, /* of an object; its value is the next node */
	NODE_OBJECT,
	NODE_ARRAY,
};

struct node {
	uint32_t start;    /* of the text; in `texts` if it was copied, else in the JSON */
	uint32_t length;   /* of the text, in bytes; of an array, in elements */
	uint32_t end;      /* of an object or array: the first node behind those in it */
	uint32_t last;     /* of an array: its last element; 0: it is empty */
	uint32_t previous; /* the element before, of the same array; 0: it is the first */
	uint32_t offset;   /* in the JSON, where its first or last byte is */
	uint8_t kind;      /* enum node_kind */
	bool copied;       /* the text had escapes */
};

struct tree {
	const char *json;
	struct node *nodes; /* the first is the document */
	uint32_t node_count, node_capacity;
	char *texts;
	size_t text_length, text_capacity;
	size_t memory_bytes; /* taken now, the parser's included */
	size_t peak_bytes;
	size_t limit_bytes;
};

/* Why there is no tree. */
struct tree_error {
	size_t offset; /* in the JSON */
	char text[120];
};

/* The tree points into `json`. -EBADMSG: it is no JSON, or too deep; -EMSGSIZE: it takes more than
 * limit_bytes, or has 2^32 bytes; -ENOMEM. After a failure there is nothing to release. */
int tree_parse(struct tree *tree, const char *json, size_t length, size_t limit_bytes,
	       struct tree_error *ret_error);

void tree_release(struct tree *tree);

static inline const char *tree_text(const struct tree *tree, const struct node *node)
{
	return (node->copied ? tree->texts : tree->json) + node->start;
}

/* The node behind a value and all that is in it. */
static inline uint32_t tree_next(const struct tree *tree, uint32_t place)
{
	return tree->nodes[place].kind >= NODE_OBJECT ? tree->nodes[place].end : place + 1;
}

#endif
