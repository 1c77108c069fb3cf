/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries: append-only strings by code, shared by the batches that use them. */
#ifndef SONDE_DICTIONARY_H
#define SONDE_DICTIONARY_H

#include <sonde/plugin.h>

enum { DICTIONARY_TEXT_LIMIT = 64 << 20 }; /* bytes of one entry; longer ones are refused whole */

/* One reference, the caller's. distinct: dictionary_add finds equal texts. NULL: no memory. */
struct sonde_dictionary *dictionary_create(bool distinct);
struct sonde_dictionary *dictionary_hold(struct sonde_dictionary *dictionary);
void dictionary_release(struct sonde_dictionary *dictionary); /* any thread; NULL is fine */

/* Owner's thread only. Codes count up from 0. UINT32_MAX: memory is refused, or the text is over
 * DICTIONARY_TEXT_LIMIT; the dictionary is as it was. */
uint32_t dictionary_add(struct sonde_dictionary *dictionary, const void *data, size_t length);
/* Finds an equal text first even where the dictionary is not distinct as a whole: of those that
 * were added by this function. */
uint32_t dictionary_intern(struct sonde_dictionary *dictionary, const void *data, size_t length);

/* As the services of the plugin header; the owner's thread only. */
void *dictionary_memory(struct sonde_dictionary *dictionary, size_t size);
struct sonde_text *dictionary_room(struct sonde_dictionary *dictionary, uint32_t *ret_count);
int dictionary_grow(struct sonde_dictionary *dictionary, uint32_t count);

/* Entries that any thread may read from now on. */
uint32_t dictionary_length(const struct sonde_dictionary *dictionary);

/* Memory that it holds; and that divided by those who hold it, for queues to charge. Any thread. */
size_t dictionary_bytes(const struct sonde_dictionary *dictionary);
size_t dictionary_share_bytes(const struct sonde_dictionary *dictionary);

#endif
