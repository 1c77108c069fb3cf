// SPDX-License-Identifier: Apache-2.0
/* Keyed hashes of values: equal ones stay equal, and nobody reads them without the key. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include "step.h"

struct hasher {
	EVP_MAC *mac;
	EVP_MAC_CTX *context; /* with the key in it */
};

struct hasher *hasher_create(const char *key)
{
	OSSL_PARAM digest[] = { OSSL_PARAM_construct_utf8_string("digest", (char[]){ "SHA256" }, 0),
				OSSL_PARAM_construct_end() };
	struct hasher *hasher = calloc(1, sizeof(*hasher));

	if (!hasher)
		return NULL;
	hasher->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	hasher->context = hasher->mac ? EVP_MAC_CTX_new(hasher->mac) : NULL;
	if (!hasher->context ||
	    !EVP_MAC_init(hasher->context, (const unsigned char *)key, strlen(key), digest)) {
		hasher_release(hasher);
		return NULL;
	}
	return hasher;
}

void hasher_release(struct hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MAC_CTX_free(hasher->context);
	EVP_MAC_free(hasher->mac);
	free(hasher);
}

int hasher_run(const struct hasher *hasher, const void *data, size_t length,
	       char ret_text[HASH_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t size = 0;

	/* Without a key it begins anew under the one that it has. */
	if (!EVP_MAC_init(hasher->context, NULL, 0, NULL) ||
	    !EVP_MAC_update(hasher->context, data, length) ||
	    !EVP_MAC_final(hasher->context, hash, &size, sizeof(hash)) ||
	    size < HASH_TEXT_BYTES / 2)
		return -ENOMEM;
	for (int i = 0; i < HASH_TEXT_BYTES / 2; i++) {
		ret_text[2 * i] = digits[hash[i] >> 4];
		ret_text[2 * i + 1] = digits[hash[i] & 15];
	}
	return 0;
}

/* ---- the step ---------------------------------------------------------------------------- */

/* Numbers and ids, row by row, as the texts that they are written as. */
static int hash_row(struct passage *passage, const struct sonde_column *column, uint32_t row,
		    struct sonde_dictionary *to, uint32_t *ret_code)
{
	struct value value = value_read(column, row);
	struct sonde_text text;
	char room[VALUE_BYTES], hash[HASH_TEXT_BYTES];

	if (!value_write(&value, room, &text)) /* nested: the bytes that it is kept as */
		text = sonde_text_at(column, row);
	if (hasher_run(passage->hasher, text.data, text.length, hash) < 0)
		return -ENOMEM;
	*ret_code = sonde_dictionary_add(passage->instance, to, hash, sizeof(hash));
	return *ret_code == UINT32_MAX ? -ENOMEM : 0;
}

/* The code of a row's hash: of one with a dictionary by its entry, once. */
static int hash_code(struct passage *passage, struct recode *recode,
		     const struct sonde_column *column, uint32_t row, uint32_t *ret_code)
{
	struct recode_slot *slot;
	int result;

	if (!column->dictionary)
		return hash_row(passage, column, row, recode->to, ret_code);
	slot = recode_slot(recode, column_code(column, row));
	if (slot->state == RECODE_UNKNOWN) {
		result = hash_row(passage, column, row, recode->to, &slot->code);
		if (result < 0)
			return result;
		slot->state = RECODE_CHANGED;
	}
	*ret_code = slot->code;
	return 0;
}

/* What rows have that are not hashed: it stays, as a text. */
static int keep_code(struct passage *passage, const struct sonde_column *column, uint32_t row,
		     struct sonde_dictionary *to, uint32_t *ret_code)
{
	struct value value = value_read(column, row);
	struct sonde_text text;
	char room[VALUE_BYTES];

	if (!value_write(&value, room, &text))
		text = sonde_text_at(column, row);
	*ret_code = sonde_dictionary_add(passage->instance, to, text.data, text.length);
	return *ret_code == UINT32_MAX ? -ENOMEM : 0;
}

static int hash_column(struct passage *passage, struct step *step, struct recode *recode,
		       const struct sonde_column *column)
{
	struct sonde_field field = column_field(column);
	struct column_draft draft;
	uint32_t code = 0;
	int result = recode_prepare(recode, passage->instance, column);

	field.type = SONDE_TEXT;
	field.unit = NULL;
	if (result >= 0 && !recode_dictionary(recode, passage->instance))
		result = -ENOMEM;
	if (result >= 0)
		result = passage_derive(passage);
	if (result >= 0)
		result = column_draft(passage, &field, recode->to, &draft);
	for (uint32_t row = 0; result >= 0 && row < passage->batch->row_count; row++) {
		if (!sonde_valid(column, row) || !sonde_selected(passage->batch, row))
			continue;
		if (passage_has(passage, row)) {
			result = hash_code(passage, recode, column, row, &code);
			passage_changed(passage, row);
			passage->counts->hashed_values++;
		} else {
			result = keep_code(passage, column, row, recode->to, &code);
		}
		if (result >= 0)
			draft_put(&draft, row, &code);
	}
	(void)step;
	return result;
}

int step_hash(struct passage *passage, struct step *step)
{
	int result = 0;

	for (uint32_t i = 0; i < step->name_count && result >= 0; i++) {
		struct sonde_column column;
		uint32_t index;

		result = passage_settle(passage);
		index = expression_find(&step->names[i], passage->batch);
		if (result < 0 || index == UINT32_MAX)
			continue;
		column = *sonde_column(passage->batch, index);
		if (column.type >= SONDE_EXPONENTIAL && column.type <= SONDE_QUANTILES)
			step_misfit(passage, step, &column, "a histogram has no hash");
		else if (column.role && column.type != SONDE_TEXT)
			step_misfit(passage, step, &column, "its role takes no text");
		else
			result = hash_column(passage, step, &step->recodes[i], &column);
	}
	return result;
}
