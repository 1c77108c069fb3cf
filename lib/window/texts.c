// SPDX-License-Identifier: Apache-2.0
/* Columns with a dictionary, by interned codes: a text is looked for once for each entry. */
#include "texts.h"
#include "entries.h"

enum {
	MEMO_LIMIT = 1 << 20, /* entries; those of larger dictionaries are looked for row by row */
	MEMO_FIRST = 256,
	MEMO_PER_ROW = 16, /* forgetting so many entries for a row is cheaper than to look */
};

void text_memo_forget(struct text_memo *memo, struct sonde_instance *instance)
{
	if (memo->holder)
		sonde_batch_release(instance, memo->holder);
	memo->holder = NULL;
	memo->dictionary = NULL;
	memo->filled = 0;
}

void text_memo_clear(struct text_memo *memo, struct sonde_instance *instance)
{
	text_memo_forget(memo, instance);
	free(memo->codes);
	*memo = (struct text_memo){ 0 };
}

static bool memo_reserve(struct text_memo *memo, uint32_t count)
{
	uint32_t capacity = memo->capacity ? memo->capacity : MEMO_FIRST;
	uint32_t *codes;

	if (count <= memo->capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	codes = realloc(memo->codes, capacity * sizeof(*codes));
	if (!codes)
		return false;
	memo->codes = codes;
	memo->capacity = capacity;
	return true;
}

bool text_memo_prepare(struct text_memo *memo, struct sonde_instance *instance,
		       const struct sonde_batch *batch, const struct sonde_column *column)
{
	const struct sonde_dictionary *dictionary = column->dictionary;
	uint32_t count = column->dictionary_length;
	bool again = memo->dictionary == dictionary;

	if (!dictionary || !dictionary->distinct || count > MEMO_LIMIT) {
		text_memo_forget(memo, instance);
		return false;
	}
	if (!again || !memo->holder) {
		text_memo_forget(memo, instance);
		memo->dictionary = dictionary;
		if (again)
			memo->holder = dictionary_keeper(instance, dictionary);
	}
	if ((!memo->holder && count / MEMO_PER_ROW > batch->row_count) ||
	    !memo_reserve(memo, count))
		return false;
	if (memo->filled < count) {
		memset(memo->codes + memo->filled, 0,
		       (count - memo->filled) * sizeof(*memo->codes));
		memo->filled = count;
	}
	return true;
}

uint32_t text_code(const struct sonde_column *column, struct intern *intern, uint32_t entry)
{
	return intern_text(intern,
			   sonde_entry(column->dictionary, column->dictionary_length, entry));
}

uint32_t text_memo_fill(struct text_memo *memo, const struct sonde_column *column,
			struct intern *intern, uint32_t entry)
{
	uint32_t code = text_code(column, intern, entry);

	if (entry < memo->filled && code != INTERN_FULL)
		memo->codes[entry] = code + 1;
	return code;
}
