// SPDX-License-Identifier: Apache-2.0
/* Fuzzes what the processor transform makes of texts: a pattern, a template, and a text, a line
 * each; the ready-made masks; and conversions, which come back to what they were. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "masks.h"
#include "substitute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found is put back as it was: the text comes out unchanged. */
static void check_same(const struct pattern *pattern, struct pattern_scratch *scratch,
		       struct sonde_text text)
{
	struct written written = { 0 };
	struct template *same;
	uint32_t offset;
	char error[200];
	int64_t count;

	assert(!template_create("$0", pattern, &same, &offset, error, sizeof(error)));
	count = substitute(pattern, scratch, same, NULL, text, &written);
	if (count > 0)
		assert(written.length == text.length &&
		       !memcmp(written.data, text.data, text.length));
	if (!count)
		assert(!written.length);
	template_release(same);
	free(written.data);
}

static void check_pattern(const char *pattern_text, const char *template_text,
			  struct sonde_text text)
{
	struct sonde_text source = { pattern_text, (uint32_t)strlen(pattern_text), 0 };
	struct written written = { 0 };
	struct pattern_scratch *scratch;
	struct template *template;
	struct pattern *pattern;
	uint32_t offset;
	char error[200];

	if (source.length > EXPRESSION_PATTERN_BYTES ||
	    pattern_create_groups(source, &pattern, &offset, error, sizeof(error)) < 0)
		return;
	scratch = pattern_scratch_create_groups(pattern_group_count(pattern));
	assert(scratch);
	check_same(pattern, scratch, text);
	if (!template_create(template_text, pattern, &template, &offset, error, sizeof(error))) {
		(void)substitute(pattern, scratch, template, NULL, text, &written);
		template_release(template);
	} else {
		assert(offset <= strlen(template_text) && strlen(error));
	}
	pattern_scratch_release(scratch);
	pattern_release(pattern);
	free(written.data);
}

static void check_presets(struct sonde_text text)
{
	static struct masks *all[16];
	struct written written = { 0 };

	for (int i = 0; presets[i].name; i++) {
		int64_t count;

		if (!all[i]) {
			all[i] = masks_create();
			assert(all[i] && !masks_add_preset(all[i], presets[i].name));
		}
		written.length = 0;
		count = masks_run(all[i], text, &written);
		assert(count >= MASKED_WHOLE && (count > 0) == (written.length > 0));
	}
	free(written.data);
}

static void check_casts(struct sonde_text text)
{
	static const uint32_t types[] = { SONDE_I64, SONDE_DOUBLE, SONDE_BOOL, SONDE_TIME,
					  SONDE_DURATION };
	struct value value = { .kind = KIND_TEXT, .as.text = text };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct value made = { .kind = KIND_INTEGER }, again = { .kind = KIND_TEXT };
		uint64_t out = 0, back = 0;
		char room[CAST_BYTES];

		if (!cast_value(&value, SONDE_TEXT, types[i], 1000000, &out))
			continue;
		memcpy(&made.as.number, &out, sizeof(out));
		if (types[i] == SONDE_DOUBLE)
			made.kind = KIND_REAL;
		if (types[i] == SONDE_BOOL) {
			made.kind = KIND_BOOLEAN;
			made.as.boolean = out != 0;
		}
		assert(cast_text(&made, types[i], room, &again.as.text));
		if (types[i] == SONDE_DURATION && made.as.integer < 0)
			continue; /* written as a number of nanoseconds */
		assert(cast_value(&again, SONDE_TEXT, types[i], 1000000, &back));
		assert(back == out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 3), *template_text, *text;

	assert(copy);
	memcpy(copy, data, size);
	memcpy(copy + size, "\n\n", 3);
	template_text = strchr(copy, '\n');
	if (template_text)
		*template_text++ = '\0';
	text = template_text ? strchr(template_text, '\n') : NULL;
	if (text) {
		struct sonde_text rest;

		*text++ = '\0';
		rest = (struct sonde_text){ text, (uint32_t)(copy + size + 2 - text), 0 };
		check_pattern(copy, template_text, rest);
		check_presets(rest);
		check_casts(rest);
	}
	free(copy);
	return 0;
}
