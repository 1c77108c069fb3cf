// SPDX-License-Identifier: Apache-2.0
/* Options as a config would say them. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "option.h"
#include "text.h"

/* A buffer that may be too small: the rest is counted, as snprintf() does. */
struct writer {
	char *buffer;
	size_t size, length;
	bool plain;          /* for option_parse(): no quotes around scalars, no $ doubled */
	const uint64_t *key; /* secrets as hashes; NULL: not at all */
};

static char *writer_at(struct writer *writer, size_t *ret_left)
{
	*ret_left = writer->length < writer->size ? writer->size - writer->length : 0;
	return *ret_left ? writer->buffer + writer->length : NULL;
}

__attribute__((format(printf, 2, 3))) static void writer_print(struct writer *writer,
							       const char *format, ...)
{
	va_list arguments;
	size_t left;
	char *at = writer_at(writer, &left);

	va_start(arguments, format);
	writer->length += (size_t)vsnprintf(at, left, format, arguments);
	va_end(arguments);
}

static void writer_quote(struct writer *writer, const char *text)
{
	size_t left;
	char *at = writer_at(writer, &left);

	writer->length += (size_t)text_escape(text ? text : "", !writer->plain, at, left);
}

/* What the config language needs quotes for. */
static void writer_word(struct writer *writer, const char *word)
{
	if (writer->plain)
		writer_print(writer, "%s", word ? word : "");
	else
		writer_quote(writer, word);
}

static void secret_write(struct writer *writer, const char *secret)
{
	char text[32] = "***";

	if (writer->key && secret)
		snprintf(text, sizeof(text), "***%016" PRIx64, text_hash(secret, writer->key));
	writer_word(writer, text);
}

static void option_write(struct writer *writer, const struct sonde_option *option,
			 const void *self);

static void groups_write(struct writer *writer, const struct sonde_option *option,
			 const struct sonde_groups *groups)
{
	writer_print(writer, "(");
	for (uint32_t i = 0; i < groups->count; i++) {
		const char *item = (const char *)groups->items + (size_t)i * option->item_size;

		writer_print(writer, "%s {", i ? "," : "");
		for (const struct sonde_option *member = option->options; member->name; member++) {
			if (!option_is_set(member, item))
				continue;
			writer_print(writer, " %s = ", member->name);
			option_write(writer, member, item);
			writer_print(writer, ";");
		}
		writer_print(writer, " }");
	}
	writer_print(writer, "%s", groups->count ? " )" : ")");
}

/* libconfig reads what is over 32 bits with an L only, and nothing over 63; texts serve there. */
static void whole_write(struct writer *writer, bool negative, uint64_t magnitude)
{
	const char *sign = negative ? "-" : "";

	if (writer->plain)
		writer_print(writer, "%s%" PRIu64, sign, magnitude);
	else if (magnitude > INT64_MAX)
		writer_print(writer, "\"%s%" PRIu64 "\"", sign, magnitude);
	else
		writer_print(writer, "%s%" PRIu64 "%s", sign, magnitude,
			     magnitude > INT32_MAX ? "L" : "");
}

static void real_write(struct writer *writer, double number)
{
	char text[32];

	double_print(number, text);
	writer_print(writer, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void texts_write(struct writer *writer, const struct sonde_texts *texts)
{
	writer_print(writer, "[");
	for (uint32_t i = 0; i < texts->count; i++) {
		writer_print(writer, "%s", i ? ", " : "");
		writer_quote(writer, texts->items[i]);
	}
	writer_print(writer, "]");
}

static void option_write(struct writer *writer, const struct sonde_option *option, const void *self)
{
	const void *member = (const char *)self + option->offset;
	int64_t number;
	char text[32];

	switch (option->type) {
	case SONDE_BOOL:
		writer_print(writer, "%s", *(const bool *)member ? "true" : "false");
		break;
	case SONDE_I32:
	case SONDE_I64:
		number = option->type == SONDE_I32 ? *(const int32_t *)member
						   : *(const int64_t *)member;
		whole_write(writer, number < 0, number < 0 ? -(uint64_t)number : (uint64_t)number);
		break;
	case SONDE_U32:
		whole_write(writer, false, *(const uint32_t *)member);
		break;
	case SONDE_U64:
		whole_write(writer, false, *(const uint64_t *)member);
		break;
	case SONDE_DOUBLE:
		real_write(writer, *(const double *)member);
		break;
	case SONDE_DURATION:
		writer_word(writer, duration_print(*(const int64_t *)member, text));
		break;
	case SONDE_SIZE:
		writer_word(writer, size_print(*(const uint64_t *)member, text));
		break;
	case SONDE_RATIO:
		writer_word(writer, ratio_print(*(const double *)member, text));
		break;
	case SONDE_CHOICE:
		for (uint32_t i = 0; i <= *(const uint32_t *)member; i++)
			assert(option->choices && option->choices[i]);
		writer_word(writer, option->choices[*(const uint32_t *)member]);
		break;
	case SONDE_SECRET:
		secret_write(writer, *(const char *const *)member);
		break;
	case SONDE_TEXTS:
		texts_write(writer, member);
		break;
	case SONDE_GROUPS:
		groups_write(writer, option, member);
		break;
	default:
		writer_word(writer, *(const char *const *)member);
	}
}

int option_print(const struct sonde_option *option, const void *self, char *buffer, size_t size)
{
	struct writer writer = { .buffer = buffer, .size = size, .plain = true };

	writer_print(&writer, "%s", ""); /* ends the buffer where nothing else is written */
	option_write(&writer, option, self);
	return (int)writer.length;
}

int option_show(const struct sonde_option *option, const void *self, const uint64_t *key,
		char *buffer, size_t size)
{
	struct writer writer = { .buffer = buffer, .size = size, .key = key };

	option_write(&writer, option, self);
	return (int)writer.length;
}

bool option_is_set(const struct sonde_option *option, const void *self)
{
	const void *member = (const char *)self + option->offset;

	if (option->type == SONDE_TEXT || option->type == SONDE_SECRET)
		return *(const char *const *)member;
	return true;
}
