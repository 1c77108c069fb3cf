// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the expansion of ${…}. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "expand.h"
#include "option.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Doubled dollars and escapes go back to what they were made of. */
static void escape_check(const char *text, struct arena *arena)
{
	int length = text_escape(text, true, NULL, 0);
	char *escaped = malloc((size_t)length + 1), *from = escaped, *plain, *back, error[256];

	assert(escaped);
	assert(text_escape(text, true, escaped, (size_t)length + 1) == length);
	plain = text_unescape(&from);
	assert(plain && !*from);
	assert(!text_expand(plain, NULL, arena, &back, NULL, error, sizeof(error)) ||
	       strlen(text) > 500000);
	assert(strlen(text) > 500000 || !strcmp(back, text));
	free(escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *result = NULL, error[256] = "";
	struct arena *arena = arena_create();
	bool expanded = false;

	assert(text && arena);
	memcpy(text, data, size);
	text[size] = '\0';
	if (text_expand(text, "/proc/self", arena, &result, &expanded, error, sizeof(error)))
		assert(!result && *error);
	else
		assert(result && (expanded || strlen(result) <= strlen(text)));
	escape_check(text, arena);
	arena_release(arena);
	free(text);
	return 0;
}
