// SPDX-License-Identifier: Apache-2.0
/* A JSON text taken apart into a flat array. The parser is yajl's; all memory is counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "tree.h"

/* Before each block of the parser. */
union block {
	struct {
		union block *next, *previous;
		size_t size; /* with this head */
	} head;
	max_align_t alignment;
};

struct builder {
	struct tree *tree;
	yajl_handle parser;
	union block *blocks;             /* the parser's */
	jmp_buf refused;                 /* where it is left when it can have no more memory */
	int result;                      /* why the parser was stopped */
	uint32_t depth;                  /* objects and arrays that are open */
	uint32_t open[TREE_DEPTH_LIMIT]; /* their nodes */
};

/* ---- memory ------------------------------------------------------------------------------ */

/* Counts what is about to be taken. */
static int charge(struct tree *tree, size_t bytes)
{
	if (bytes > tree->limit_bytes - tree->memory_bytes)
		return -EMSGSIZE;
	tree->memory_bytes += bytes;
	if (tree->memory_bytes > tree->peak_bytes)
		tree->peak_bytes = tree->memory_bytes;
	return 0;
}

/* Doubles an array: for a moment there are the old one and the new one. */
static int grow(struct tree *tree, void **array, size_t old_bytes, size_t new_bytes)
{
	int result = charge(tree, new_bytes);
	void *grown;

	if (result)
		return result;
	grown = realloc(*array, new_bytes);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	tree->memory_bytes -= old_bytes;
	return 0;
}

/* yajl does not look whether it got memory, so a refusal leaves it for good. */
static _Noreturn void refuse(struct builder *builder, int result)
{
	builder->result = result;
	longjmp(builder->refused, 1);
}

static void block_free(void *context, void *memory)
{
	struct builder *builder = context;
	union block *block;

	if (!memory)
		return;
	block = (union block *)memory - 1;
	if (block->head.next)
		block->head.next->head.previous = block->head.previous;
	if (block->head.previous)
		block->head.previous->head.next = block->head.next;
	else
		builder->blocks = block->head.next;
	builder->tree->memory_bytes -= block->head.size;
	free(block);
}

static void *block_allocate(void *context, size_t bytes)
{
	struct builder *builder = context;
	size_t size = bytes + sizeof(union block);
	int result = size < bytes ? -EMSGSIZE : charge(builder->tree, size);
	union block *block;

	if (result)
		refuse(builder, result);
	block = malloc(size);
	if (!block)
		refuse(builder, -ENOMEM);
	*block = (union block){ .head = { .next = builder->blocks, .size = size } };
	if (builder->blocks)
		builder->blocks->head.previous = block;
	builder->blocks = block;
	return block + 1;
}

static void *block_reallocate(void *context, void *memory, size_t bytes)
{
	void *grown = block_allocate(context, bytes);
	size_t old_bytes;

	if (memory) {
		old_bytes = ((union block *)memory - 1)->head.size - sizeof(union block);
		memcpy(grown, memory, old_bytes < bytes ? old_bytes : bytes);
		block_free(context, memory);
	}
	return grown;
}

/* ---- nodes ------------------------------------------------------------------------------- */

/* What the parser's callbacks answer: 0 stops it. */
static int stop(struct builder *builder, int result)
{
	builder->result = result;
	return 0;
}

static int add_node(struct builder *builder, struct node node)
{
	struct tree *tree = builder->tree;
	uint32_t capacity = tree->node_capacity ? tree->node_capacity * 2 : 64;
	struct node *parent;
	int result;

	if (tree->node_count == tree->node_capacity) {
		if (capacity <= tree->node_capacity)
			return stop(builder, -EMSGSIZE);
		result = grow(tree, (void **)&tree->nodes,
			      tree->node_capacity * sizeof(*tree->nodes),
			      capacity * sizeof(*tree->nodes));
		if (result)
			return stop(builder, result);
		tree->node_capacity = capacity;
	}
	if (builder->depth) {
		parent = &tree->nodes[builder->open[builder->depth - 1]];
		parent->length++;
		node.previous = parent->last;
		parent->last = tree->node_count;
	}
	tree->nodes[tree->node_count++] = node;
	return 1;
}

/* Bytes of the JSON that the parser has consumed; `back` bytes before is what was read last. */
static uint32_t offset_of(const struct builder *builder, size_t back)
{
	return (uint32_t)(yajl_get_bytes_consumed(builder->parser) - back);
}

/* A text without escapes lies in the JSON; another is in the parser's memory, and is copied. */
static int add_text(struct builder *builder, uint8_t kind, const void *data, size_t length)
{
	struct tree *tree = builder->tree;
	uint32_t end = offset_of(builder, 0);
	const char *text = data;
	struct node node = { .kind = kind, .length = (uint32_t)length };
	size_t capacity;
	int result;

	if ((uintptr_t)text >= (uintptr_t)tree->json &&
	    (uintptr_t)text <= (uintptr_t)tree->json + end) {
		node.start = node.offset = (uint32_t)(text - tree->json);
		return add_node(builder, node);
	}
	if (length > tree->text_capacity - tree->text_length) {
		capacity = 2 * tree->text_capacity + length + 256;
		result = grow(tree, (void **)&tree->texts, tree->text_capacity, capacity);
		if (result)
			return stop(builder, result);
		tree->text_capacity = capacity;
	}
	memcpy(tree->texts + tree->text_length, text, length);
	node.start = (uint32_t)tree->text_length;
	node.offset = end ? end - 1 : 0; /* a document that is a number ends behind its text */
	node.copied = true;
	tree->text_length += length;
	return add_node(builder, node);
}

static int open_node(struct builder *builder, uint8_t kind)
{
	uint32_t place = builder->tree->node_count;

	if (builder->depth == TREE_DEPTH_LIMIT)
		return stop(builder, -ELOOP);
	if (!add_node(builder, (struct node){ .kind = kind, .offset = offset_of(builder, 1) }))
		return 0;
	builder->open[builder->depth++] = place;
	return 1;
}

static int close_node(struct builder *builder)
{
	struct tree *tree = builder->tree;

	tree->nodes[builder->open[--builder->depth]].end = tree->node_count;
	return 1;
}

/* ---- what the parser calls --------------------------------------------------------------- */

static int on_null(void *context)
{
	struct builder *builder = context;

	return add_node(builder,
			(struct node){ .kind = NODE_NULL, .offset = offset_of(builder, 4) });
}

static int on_boolean(void *context, int value)
{
	struct builder *builder = context;

	return add_node(builder, (struct node){ .kind = value ? NODE_TRUE : NODE_FALSE,
						.offset = offset_of(builder, value ? 4 : 5) });
}

static int on_number(void *context, const char *digits, size_t length)
{
	return add_text(context, NODE_NUMBER, digits, length);
}

static int on_text(void *context, const unsigned char *text, size_t length)
{
	return add_text(context, NODE_TEXT, text, length);
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
	return add_text(context, NODE_KEY, text, length);
}

static int on_object(void *context)
{
	return open_node(context, NODE_OBJECT);
}

static int on_array(void *context)
{
	return open_node(context, NODE_ARRAY);
}

static int on_end(void *context)
{
	return close_node(context);
}

/* ---- parsing ----------------------------------------------------------------------------- */

/* Takes yajl's words without the newline at their end. */
static void explain(struct builder *builder, const char *json, size_t length,
		    struct tree_error *ret_error)
{
	unsigned char *words =
		yajl_get_error(builder->parser, 0, (const unsigned char *)json, length);

	ret_error->offset = yajl_get_bytes_consumed(builder->parser);
	if (ret_error->offset) /* it is behind what it did not like */
		ret_error->offset--;
	(void)snprintf(ret_error->text, sizeof(ret_error->text), "%.*s",
		       (int)strcspn((const char *)words, "\n"), (const char *)words);
	yajl_free_error(builder->parser, words);
}

/* Runs the parser; a refusal of memory in it ends this function too. */
static int run(struct builder *builder, const char *json, size_t length,
	       struct tree_error *ret_error)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_text,
		.yajl_start_map = on_object,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_end,
	};
	yajl_alloc_funcs memory = { block_allocate, block_reallocate, block_free, builder };
	volatile size_t end = 0;
	yajl_status status;

	if (setjmp(builder->refused))
		return builder->result;
	builder->parser = yajl_alloc(&callbacks, &memory, builder);
	status = yajl_parse(builder->parser, (const unsigned char *)json, length);
	if (status == yajl_status_ok) {
		status = yajl_complete_parse(builder->parser);
		end = length; /* it counts anew */
	}
	if (status == yajl_status_client_canceled && builder->result != -ELOOP)
		return builder->result;
	if (status == yajl_status_client_canceled) {
		ret_error->offset = yajl_get_bytes_consumed(builder->parser) - 1;
		(void)snprintf(ret_error->text, sizeof(ret_error->text),
			       "nested deeper than %d levels", TREE_DEPTH_LIMIT);
		return -EBADMSG;
	}
	if (status != yajl_status_ok) {
		explain(builder, json, length, ret_error);
		if (end)
			ret_error->offset = end;
		return -EBADMSG;
	}
	return 0;
}

int tree_parse(struct tree *tree, const char *json, size_t length, size_t limit_bytes,
	       struct tree_error *ret_error)
{
	struct builder builder = { .tree = tree };
	int result;

	*tree = (struct tree){ .json = json, .limit_bytes = limit_bytes };
	if (length >= UINT32_MAX)
		return -EMSGSIZE;
	result = run(&builder, json, length, ret_error);
	while (builder.blocks)
		block_free(&builder, builder.blocks + 1);
	if (result)
		tree_release(tree);
	return result;
}

void tree_release(struct tree *tree)
{
	free(tree->nodes);
	free(tree->texts);
	*tree = (struct tree){ .peak_bytes = tree->peak_bytes };
}
