/* SPDX-License-Identifier: Apache-2.0 */
/* What the windows of an instance take together, and arrays that grow within it. */
#ifndef SONDE_BUDGET_H
#define SONDE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct budget {
	uint64_t used_bytes, limit_bytes;
};

static inline bool budget_is_spent(const struct budget *budget)
{
	return budget->used_bytes >= budget->limit_bytes;
}

/* As realloc(), with zeros in what is new. The bound is the callers' to keep. */
static inline void *budget_resize(struct budget *budget, void *block, size_t before, size_t after)
{
	unsigned char *grown = realloc(block, after ? after : 1);

	if (!grown)
		return NULL;
	if (after > before)
		memset(grown + before, 0, after - before);
	budget->used_bytes += after;
	budget->used_bytes -= before;
	return grown;
}

static inline void budget_free(struct budget *budget, void *block, size_t size)
{
	if (block)
		budget->used_bytes -= size;
	free(block);
}

#endif
