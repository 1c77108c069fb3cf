// SPDX-License-Identifier: Apache-2.0
/* Regular expressions, by PCRE2: compiled to machine code where the process may make some. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "expression.h"
#include "pattern.h"

/* PCRE2 counts steps anew at each place of the text where a match may begin, so that its limit
 * alone bounds no text. Most texts are told within few steps a place; where those are not enough,
 * places are tried one by one, and a few of them may take many. */
enum {
	BRACKETS_DEEP = 32,
	HEAP_KIB = 8192,         /* of the interpreter, for EXPRESSION_STEPS of them */
	STEPS_OF_TEXT = 1 << 20, /* shared by all places of a text, */
	STEPS_LEAST = 64,        /* but so many for each */
	WINDOW = 64,             /* places tried together */
	HARD_PLACES = 64,        /* places of a text that may take EXPRESSION_STEPS */
};

struct pattern {
	pcre2_code *code;
};

struct pattern_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static int compile(struct pattern *pattern, struct sonde_text text, bool groups,
		   PCRE2_SIZE *ret_offset)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	int error = PCRE2_ERROR_NOMEMORY;

	*ret_offset = 0;
	if (!context)
		return error;
	pcre2_set_max_pattern_length(context, EXPRESSION_PATTERN_BYTES);
	pcre2_set_parens_nest_limit(context, BRACKETS_DEEP);
	pattern->code =
		pcre2_compile((PCRE2_SPTR)text.data, text.length,
			      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
				      PCRE2_USE_OFFSET_LIMIT | (groups ? 0 : PCRE2_NO_AUTO_CAPTURE),
			      &error, ret_offset, context);
	pcre2_compile_context_free(context);
	if (!pattern->code)
		return error;
	/* Refused where memory may not be both written and run: it is interpreted then. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	return 0;
}

static int create(struct sonde_text text, bool groups, struct pattern **ret_pattern,
		  uint32_t *ret_offset, char *error, size_t error_size)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	PCRE2_SIZE offset = 0;
	int code = pattern ? compile(pattern, text, groups, &offset) : PCRE2_ERROR_NOMEMORY;

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

int pattern_create(struct sonde_text text, struct pattern **ret_pattern, uint32_t *ret_offset,
		   char *error, size_t error_size)
{
	return create(text, false, ret_pattern, ret_offset, error, error_size);
}

int pattern_create_groups(struct sonde_text text, struct pattern **ret_pattern,
			  uint32_t *ret_offset, char *error, size_t error_size)
{
	return create(text, true, ret_pattern, ret_offset, error, error_size);
}

void pattern_release(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	free(pattern);
}

/* ---- groups ------------------------------------------------------------------------------ */

uint32_t pattern_group_count(const struct pattern *pattern)
{
	uint32_t count = 0;

	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &count);
	return count;
}

const char *pattern_group_name(const struct pattern *pattern, uint32_t group)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++, table += size) {
		if ((uint32_t)(table[0] << 8 | table[1]) == group)
			return (const char *)table + 2;
	}
	return "";
}

uint32_t pattern_group_of(const struct pattern *pattern, const char *name, size_t length)
{
	uint32_t count = pattern_group_count(pattern);

	for (uint32_t group = 1; group <= count; group++) {
		const char *known = pattern_group_name(pattern, group);

		if (length && strlen(known) == length && !memcmp(known, name, length))
			return group;
	}
	return 0;
}

/* ---- matching ---------------------------------------------------------------------------- */

struct pattern_scratch *pattern_scratch_create(void)
{
	return pattern_scratch_create_groups(0);
}

struct pattern_scratch *pattern_scratch_create_groups(uint32_t group_count)
{
	struct pattern_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->data = pcre2_match_data_create(group_count + 1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (!scratch->data || !scratch->context) {
		pattern_scratch_release(scratch);
		return NULL;
	}
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

/* Tries the places from `begin` to `end`, `steps` each. 1: a match begins there, 0: none does;
 * -ELOOP: some take more. */
static int try_places(const struct pattern *pattern, struct pattern_scratch *scratch,
		      struct sonde_text text, uint32_t begin, uint32_t end, uint32_t steps,
		      uint32_t options)
{
	int count;

	pcre2_set_match_limit(scratch->context, steps);
	pcre2_set_offset_limit(scratch->context, end);
	count = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.length, begin, options,
			    scratch->data, scratch->context);
	if (count >= 0)
		return 1;
	return count == PCRE2_ERROR_NOMATCH ? 0 : -ELOOP;
}

/* The first place at or behind `at` where a character begins. */
static uint32_t place_from(struct sonde_text text, uint32_t at)
{
	while (at < text.length && (text.data[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* The places of a window, one by one; those that take more than `steps` use up `hard`. */
static int try_each(const struct pattern *pattern, struct pattern_scratch *scratch,
		    struct sonde_text text, uint32_t begin, uint32_t end, uint32_t steps,
		    uint32_t options, uint32_t *hard)
{
	int result = 0;

	for (uint32_t at = begin; at < end && !result; at = place_from(text, at + 1)) {
		result = try_places(pattern, scratch, text, at, at, steps, options);
		if (result >= 0 || !*hard)
			continue;
		--*hard;
		result = try_places(pattern, scratch, text, at, at, EXPRESSION_STEPS, options);
	}
	return result;
}

static int try_windows(const struct pattern *pattern, struct pattern_scratch *scratch,
		       struct sonde_text text, uint32_t from, uint32_t steps, uint32_t options,
		       uint32_t *hard)
{
	int result = 0;

	/* The end of the text is a place too. */
	for (uint32_t at = place_from(text, from), next; at <= text.length && !result; at = next) {
		next = at + WINDOW < text.length ? place_from(text, at + WINDOW) : text.length + 1;
		result = try_places(pattern, scratch, text, at, next - 1, steps, options);
		if (result < 0)
			result = try_each(pattern, scratch, text, at, next, steps, options, hard);
	}
	return result;
}

static int match_from(const struct pattern *pattern, struct pattern_scratch *scratch,
		      struct sonde_text text, uint32_t from, uint32_t options, uint32_t *hard)
{
	uint32_t steps = STEPS_OF_TEXT / (text.length + 1);
	int result;

	if (text.length > EXPRESSION_TEXT_BYTES)
		return -ELOOP;
	steps = steps < STEPS_LEAST ? STEPS_LEAST : steps;
	steps = steps > EXPRESSION_STEPS ? EXPRESSION_STEPS : steps;
	result = try_places(pattern, scratch, text, from, text.length, steps, options);
	return result < 0 ? try_windows(pattern, scratch, text, from, steps, options | PCRE2_NO_JIT,
					hard)
			  : result;
}

int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
		  struct sonde_text text)
{
	uint32_t hard = HARD_PLACES;

	return match_from(pattern, scratch, text, 0, 0, &hard);
}

struct pattern_search pattern_search(const struct pattern *pattern, struct pattern_scratch *scratch,
				     struct sonde_text text)
{
	return (struct pattern_search){
		.pattern = pattern, .scratch = scratch, .text = text, .hard = HARD_PLACES
	};
}

bool pattern_group(const struct pattern_search *search, uint32_t group, uint32_t *ret_begin,
		   uint32_t *ret_end)
{
	const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(search->scratch->data);

	if (group >= pcre2_get_ovector_count(search->scratch->data) ||
	    group > pattern_group_count(search->pattern) || pairs[2 * group] == PCRE2_UNSET ||
	    pairs[2 * group] > pairs[2 * group + 1])
		return false;
	*ret_begin = (uint32_t)pairs[2 * group];
	*ret_end = (uint32_t)pairs[2 * group + 1];
	return true;
}

int pattern_find(struct pattern_search *search)
{
	uint32_t begin, end;
	int result = match_from(search->pattern, search->scratch, search->text, search->from,
				PCRE2_NOTEMPTY, &search->hard);

	if (result != 1)
		return result;
	/* \K may set the beginning of a match anywhere, and so nowhere to go on from. */
	if (!pattern_group(search, 0, &begin, &end) || begin < search->from || end <= begin)
		return -ELOOP;
	search->from = end;
	return 1;
}
