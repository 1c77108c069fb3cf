/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries: append-only strings by code, shared by the batches that use them. */
#ifndef SONDE_DICTIONARY_H
#define SONDE_DICTIONARY_H

#include <sonde/plugin.h>

/* One reference, the caller's. distinct: dictionary_add finds equal texts. NULL: no memory. */
struct sonde_dictionary *dictionary_create(bool distinct);
struct sonde_dictionary *dictionary_hold(struct sonde_dictionary *dictionary);
void dictionary_release(struct sonde_dictionary *dictionary); /* any thread; NULL is fine */

/* Owner's thread only. The code, or UINT32_MAX when memory is refused. Texts over 1 MiB are cut at
 * a boundary of UTF-8 characters. */
uint32_t dictionary_add(struct sonde_dictionary *dictionary, const void *data, size_t length);
/* Finds an equal text first even where the dictionary is not distinct as a whole. */
uint32_t dictionary_intern(struct sonde_dictionary *dictionary, const void *data, size_t length);

/* Memory that it holds, for queues to charge. */
size_t dictionary_bytes(const struct sonde_dictionary *dictionary);

#endif
