// SPDX-License-Identifier: Apache-2.0
/* Regular expressions, by PCRE2: compiled to machine code where the process may make some. */
#include <errno.h>
#include <stdlib.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "expression.h"
#include "pattern.h"

enum {
	BRACKETS_DEEP = 32,
	HEAP_KIB = 256, /* of the interpreter */
};

struct pattern {
	pcre2_code *code;
};

struct pattern_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static int compile(struct pattern *pattern, struct sonde_text text, PCRE2_SIZE *ret_offset)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	int error = PCRE2_ERROR_NOMEMORY;

	*ret_offset = 0;
	if (!context)
		return error;
	pcre2_set_max_pattern_length(context, EXPRESSION_PATTERN_BYTES);
	pcre2_set_parens_nest_limit(context, BRACKETS_DEEP);
	pattern->code = pcre2_compile((PCRE2_SPTR)text.data, text.length,
				      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
					      PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
				      &error, ret_offset, context);
	pcre2_compile_context_free(context);
	if (!pattern->code)
		return error;
	/* Refused where memory may not be both written and run: it is interpreted then. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	return 0;
}

int pattern_create(struct sonde_text text, struct pattern **ret_pattern, uint32_t *ret_offset,
		   char *error, size_t error_size)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	PCRE2_SIZE offset = 0;
	int code = pattern ? compile(pattern, text, &offset) : PCRE2_ERROR_NOMEMORY;

	if (!code) {
		*ret_pattern = pattern;
		return 0;
	}
	free(pattern);
	if (code == PCRE2_ERROR_NOMEMORY)
		return -ENOMEM;
	*ret_offset = (uint32_t)offset;
	if (error_size)
		error[0] = '\0';
	(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)error, error_size);
	return -EINVAL;
}

void pattern_release(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	free(pattern);
}

struct pattern_scratch *pattern_scratch_create(void)
{
	struct pattern_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->data = pcre2_match_data_create(1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (!scratch->data || !scratch->context) {
		pattern_scratch_release(scratch);
		return NULL;
	}
	pcre2_set_match_limit(scratch->context, EXPRESSION_STEPS);
	pcre2_set_depth_limit(scratch->context, EXPRESSION_STEPS);
	pcre2_set_heap_limit(scratch->context, HEAP_KIB);
	return scratch;
}

void pattern_scratch_release(struct pattern_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	free(scratch);
}

int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
		  struct sonde_text text)
{
	int count = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.length, 0, 0,
				scratch->data, scratch->context);

	if (count >= 0)
		return 1;
	return count == PCRE2_ERROR_NOMATCH ? 0 : -ELOOP;
}
