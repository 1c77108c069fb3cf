/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a descriptor: walked by the plugin's strides, checked, copied to our entry sizes.
 */
#ifndef SONDE_TABLE_H
#define SONDE_TABLE_H

#include "arena.h"
#include "plugin.h"
#include "refusal.h"

/* One descriptor on its way in. */
struct reader {
	const struct refusal *refusal;
	struct arena *arena; /* for the copies */
	const struct sonde_plugin
		*own; /* our copy, whose strides and tables are still the plugin's */
};

/* Each copies one table, nested ones included, and counts its entries; without a table, NULL and 0.
 * -EINVAL: a mistake in it; -ENOMEM; ret_ untouched then. Counters are told the copied options,
 * whose members are not theirs. */
int table_options(const struct reader *reader, const struct sonde_option **ret_options,
		  uint32_t *ret_count);
int table_counters(const struct reader *reader, const struct sonde_option *options,
		   uint32_t option_count, const struct sonde_counter **ret_counters,
		   uint32_t *ret_count);
int table_schemas(const struct reader *reader, const struct sonde_schema **ret_schemas,
		  uint32_t *ret_count);

#endif
