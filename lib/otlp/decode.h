/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP requests made into batches, as docs/otlp-mapping.md says. */
#ifndef SONDE_OTLP_DECODE_H
#define SONDE_OTLP_DECODE_H

#include <sonde/plugin.h>

/* What one instance decodes with: scratch memory that is used again. */
struct otlp_decoder;

struct otlp_decoder_options {
	uint32_t column_limit; /* attribute columns of each scope of a table, 1024 at most; what is
				* beyond goes into maps */
};

/* What became of a request. */
struct otlp_decoded {
	struct sonde_batch *batch; /* the caller's, to emit or release; NULL: not one row */
	uint64_t row_count;        /* records, spans or data points in the batch */
	uint64_t refused_count;    /* invalid ones that are not in it */
	const char *refused_why;   /* of the first such; constant text */
	uint64_t repaired_count;   /* texts that were not UTF-8, and have U+FFFD instead */
};

/* NULL: no memory. */
struct otlp_decoder *otlp_decoder_create(struct sonde_instance *instance,
					 const struct otlp_decoder_options *options);
void otlp_decoder_release(struct otlp_decoder *decoder); /* NULL is fine */

/* Decodes an Export*ServiceRequest (signal LOG, SPAN or METRIC). `data` is memory of `dictionary`
 * (sonde_dictionary_memory()), which is not distinct: texts are not copied, they point into it. The
 * batch takes its own reference to the dictionary, the caller keeps its own, and gives it up after
 * a failure. Columns and scratch take a bounded multiple of `length`: where records are too short
 * for columns of their own, attributes go into maps, and records are refused at last. -EBADMSG: not
 * such a message, or over 64 MiB; *ret_why (constant text) says what is wrong and *ret_offset
 * where; -ENOMEM. ret_decoded is untouched on failure. */
int otlp_decode(struct otlp_decoder *decoder, enum sonde_signal signal,
		struct sonde_dictionary *dictionary, const void *data, size_t length,
		struct otlp_decoded *ret_decoded, const char **ret_why, size_t *ret_offset);

#endif
