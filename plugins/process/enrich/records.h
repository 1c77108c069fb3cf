/* SPDX-License-Identifier: Apache-2.0 */
/* Files of records: CSV whose first line names the fields, and JSON lines. */
#ifndef ENRICH_RECORDS_H
#define ENRICH_RECORDS_H

#include <sonde/plugin.h>

enum { RECORD_FIELDS = 32 };

/* Where a file is wrong, and how. */
struct records_error {
	uint32_t line; /* from 1 */
	char text[200];
};

/* What is wanted of each record. */
struct records_wanted {
	const char *fields[RECORD_FIELDS];
	uint32_t count;
};

/* The values of a record, in the order in which they are wanted, valid during the call; of no data
 * where it has none. A negative return ends the reading, with an error that the callback has set
 * but for its line. */
typedef int records_callback(void *context, uint32_t line, const struct sonde_text *values,
			     struct records_error *ret_error);

/* Reads a whole file, which is changed on the way. -EINVAL: ret_error says where; -ENOMEM; or what
 * the callback returned. */
int records_csv(char *data, size_t length, const struct records_wanted *wanted,
		records_callback *callback, void *context, struct records_error *ret_error);
int records_json(char *data, size_t length, const struct records_wanted *wanted,
		 records_callback *callback, void *context, struct records_error *ret_error);

__attribute__((format(printf, 3, 4))) int records_fail(struct records_error *ret_error,
						       uint32_t line, const char *format, ...);

#endif
