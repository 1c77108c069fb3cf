// SPDX-License-Identifier: Apache-2.0
/* What a regular expression finds in a text, replaced by what a template says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "substitute.h"

/* Bytes of the template, or a group of the pattern. */
struct piece {
	uint32_t begin, length; /* in text; length 0: a group */
	uint32_t group;
};

struct template
{
	char *text; /* owned */
	struct piece pieces[TEMPLATE_PIECES];
	uint32_t piece_count;
};

void written_add(struct written *written, const char *data, size_t length)
{
	char *grown;

	if (written->failed || !length)
		return;
	if (length > written->capacity - written->length) {
		size_t capacity = 2 * (written->length + length) + 256;

		grown = realloc(written->data, capacity);
		if (!grown) {
			written->failed = true;
			return;
		}
		written->data = grown;
		written->capacity = capacity;
	}
	memcpy(written->data + written->length, data, length);
	written->length += length;
}

/* ---- templates --------------------------------------------------------------------------- */

static int piece_add(struct template *template, struct piece piece, char *error, size_t error_size)
{
	if (template->piece_count == TEMPLATE_PIECES) {
		(void)snprintf(error, error_size, "it has more than %d groups and texts between",
			       TEMPLATE_PIECES);
		return -EINVAL;
	}
	template->pieces[template->piece_count++] = piece;
	return 0;
}

/* The group behind a dollar: "1" or "<name>". The bytes that it takes; -EINVAL. */
static int group_read(const char *at, const struct pattern *pattern, uint32_t *ret_group,
		      char *error, size_t error_size)
{
	uint32_t count = pattern_group_count(pattern);
	size_t length;

	if (at[0] >= '0' && at[0] <= '9') {
		*ret_group = (uint32_t)(at[0] - '0');
		if (*ret_group <= count)
			return 1;
		(void)snprintf(error, error_size, "the pattern has %u group%s, and no $%c", count,
			       count == 1 ? "" : "s", at[0]);
		return -EINVAL;
	}
	length = at[0] == '<' ? strcspn(at, ">") : 0;
	if (!at[length]) {
		(void)snprintf(error, error_size, "the > behind the name of a group is missing");
		return -EINVAL;
	}
	*ret_group = pattern_group_of(pattern, at + 1, length - 1);
	if (*ret_group)
		return (int)length + 1;
	(void)snprintf(error, error_size, "the pattern has no group \"%.*s\"", (int)length - 1,
		       at + 1);
	return -EINVAL;
}

/* A dollar before anything else stands for itself. */
static bool begins_group(char letter)
{
	return letter == '<' || (letter >= '0' && letter <= '9');
}

static int template_read(struct template *template, const struct pattern *pattern, uint32_t *at,
			 char *error, size_t error_size)
{
	const char *text = template->text;
	int result = 0;

	while (text[*at] && result >= 0) {
		struct piece piece = { .begin = *at, .length = (uint32_t)strcspn(text + *at, "$") };

		if (!piece.length && !begins_group(text[*at + 1])) {
			piece.length = 1;
			*at += text[*at + 1] == '$' ? 2 : 1;
		} else if (!piece.length) {
			result = group_read(text + *at + 1, pattern, &piece.group, error,
					    error_size);
			if (result < 0)
				return result;
			*at += 1 + (uint32_t)result;
		} else {
			*at += piece.length;
		}
		result = piece_add(template, piece, error, error_size);
	}
	return result;
}

int template_create(const char *text, const struct pattern *pattern, struct template **ret_template,
		    uint32_t *ret_offset, char *error, size_t error_size)
{
	struct template *template;
	uint32_t at = 0;
	int result;

	*ret_offset = 0;
	if (strnlen(text, TEMPLATE_BYTES + 1) > TEMPLATE_BYTES) {
		(void)snprintf(error, error_size, "it has more than %d bytes", TEMPLATE_BYTES);
		return -EINVAL;
	}
	template = calloc(1, sizeof(*template));
	if (template)
		template->text = strdup(text);
	if (!template || !template->text) {
		template_release(template);
		return -ENOMEM;
	}
	result = template_read(template, pattern, &at, error, error_size);
	if (result < 0) {
		*ret_offset = at;
		template_release(template);
		return result;
	}
	*ret_template = template;
	return 0;
}

void template_release(struct template *template)
{
	if (!template)
		return;
	free(template->text);
	free(template);
}

static void template_write(const struct template *template, const struct pattern_search *search,
			   struct written *written)
{
	for (uint32_t i = 0; i < template->piece_count; i++) {
		const struct piece *piece = &template->pieces[i];
		uint32_t begin, end;

		if (piece->length)
			written_add(written, template->text + piece->begin, piece->length);
		else if (pattern_group(search, piece->group, &begin, &end))
			written_add(written, search->text.data + begin, end - begin);
	}
}

/* ---- texts ------------------------------------------------------------------------------- */

int64_t substitute(const struct pattern *pattern, struct pattern_scratch *scratch,
		   const struct template *template, substitute_check *check, struct sonde_text text,
		   struct written *written)
{
	struct pattern_search search = pattern_search(pattern, scratch, text);
	uint32_t copied = 0, match_count = 0, begin = 0, end = 0;
	int64_t count = 0;
	int result;

	while ((result = pattern_find(&search)) > 0) {
		if (++match_count > SUBSTITUTE_MATCHES)
			return -ELOOP;
		if ((check && !check(&search)) || !pattern_group(&search, 0, &begin, &end))
			continue;
		written_add(written, text.data + copied, begin - copied);
		template_write(template, &search, written);
		copied = end;
		count++;
	}
	if (result < 0)
		return result;
	if (count)
		written_add(written, text.data + copied, text.length - copied);
	return written->failed ? -ENOMEM : count;
}
