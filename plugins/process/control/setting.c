// SPDX-License-Identifier: Apache-2.0
/* What a rule sets: "INSTANCE.KNOB=VALUE", with %{COLUMN} for a value of its key. */
#include "setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which of the columns stands between `%{` and `}`; -1: none. *ret_length is that of all of it; 0:
 * it has no end. */
static int column_at(const char *at, const struct sonde_texts *by, size_t *ret_length)
{
	const char *end = strchr(at, '}');
	size_t length = end ? (size_t)(end - at) - 2 : 0;

	*ret_length = end ? length + 3 : 0;
	for (uint32_t i = 0; end && i < by->count; i++) {
		if (strlen(by->items[i]) == length && !memcmp(by->items[i], at + 2, length))
			return (int)i;
	}
	return -1;
}

static int value_check(const char *value, const struct sonde_texts *by, bool *ret_varies,
		       char *error, size_t error_size)
{
	size_t length;

	*ret_varies = false;
	for (const char *at = value; (at = strstr(at, "%{")); at += length) {
		length = 2;
		if (at > value && at[-1] == '%')
			continue;
		*ret_varies = true;
		if (column_at(at, by, &length) >= 0)
			continue;
		if (length)
			snprintf(error, error_size, "%.*s is none of the columns in `by`",
				 (int)length, at);
		else
			snprintf(error, error_size, "\"%s\" has no end (write %%{COLUMN})", at);
		return -EINVAL;
	}
	return 0;
}

int setting_parse(const char *text, const struct sonde_texts *by, struct setting *ret_setting,
		  char *error, size_t error_size)
{
	const char *equals = strchr(text, '=');
	int result;

	if (!equals || equals - text >= SETTING_PATH_BYTES) {
		snprintf(error, error_size, "\"%.64s\" is not INSTANCE.KNOB=VALUE", text);
		return -EINVAL;
	}
	memcpy(ret_setting->path, text, (size_t)(equals - text));
	ret_setting->path[equals - text] = '\0';
	ret_setting->value = equals + 1;
	result = value_check(ret_setting->value, by, &ret_setting->varies, error, error_size);
	return result;
}

/* ---- values ------------------------------------------------------------------------------ */

static void put_escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			fprintf(file, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7f)
			fprintf(file, "\\x%02x", byte);
		else
			fputc(byte, file);
	}
}

static void put_column(FILE *file, const char *text, bool listed, bool quoted)
{
	if (!listed) {
		fputs(text, file);
		return;
	}
	if (!quoted)
		fputc('"', file);
	put_escaped(file, text);
	if (!quoted)
		fputc('"', file);
}

static void put_value(FILE *file, const struct setting *setting, const struct sonde_texts *by,
		      char *const *texts)
{
	bool listed = *setting->value == '[', quoted = false;
	size_t length;

	for (const char *at = setting->value; *at; at += length) {
		int column;

		length = 1;
		if (at[0] == '%' && at[1] == '%' && at[2] == '{') {
			fputs("%{", file);
			length = 3;
			continue;
		}
		if (at[0] == '%' && at[1] == '{') {
			column = column_at(at, by, &length);
			put_column(file, column < 0 ? "" : texts[column], listed, quoted);
			continue;
		}
		if (listed && quoted && at[0] == '\\' && at[1])
			length = 2;
		else if (*at == '"')
			quoted = !quoted;
		fwrite(at, 1, length, file);
	}
}

char *setting_value(const struct setting *setting, const struct sonde_texts *by, char *const *texts)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	put_value(file, setting, by, texts);
	if (ferror(file) || fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}
