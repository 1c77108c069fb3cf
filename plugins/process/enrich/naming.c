// SPDX-License-Identifier: Apache-2.0
/* user.id and its kin, as inputs of this host's kernel write them: u32, of the row. */
#include "naming.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *id, *name;
} names[NAMING_PAIRS] = {
	{ "user.id", "user.name" },
	{ "process.user.id", "process.user.name" },
	{ "process.real_user.id", "process.real_user.name" },
};

enum { ENTRY_LIMIT = 65536 };

int naming_open(struct naming *naming, struct sonde_instance *instance, const struct users *users)
{
	int result = 0;

	*naming = (struct naming){ .instance = instance, .users = users };
	for (uint32_t i = 0; i < NAMING_PAIRS && !result; i++) {
		const struct sonde_field field = { .name = names[i].name, .type = SONDE_TEXT };

		result = facts_open(&naming->pairs[i].facts, instance, &field, 1);
	}
	return result;
}

void naming_close(struct naming *naming)
{
	for (uint32_t i = 0; i < NAMING_PAIRS; i++)
		facts_close(&naming->pairs[i].facts);
	*naming = (struct naming){ 0 };
}

static const struct sonde_column *id_column(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->type == SONDE_U32 && column->role == SONDE_ROLE_ATTRIBUTE &&
		    column->scope == SONDE_SCOPE_ROW && !strcmp(column->name, name))
			return column;
	}
	return NULL;
}

/* An id that is not among the recent ones gets a new entry: few users work on a host at a time. */
static inline uint32_t id_find(struct naming *naming, struct naming_pair *pair, uint32_t id)
{
	uint32_t place = id % NAMING_RECENT, entry = pair->recent[place].entry;
	const char *name;

	if (entry && pair->recent[place].id == id)
		return entry;
	entry = facts_add(&pair->facts);
	name = entry ? users_name(naming->users, id) : NULL;
	if (name)
		facts_text(&pair->facts, entry, 0, name, strlen(name));
	pair->recent[place].id = id;
	pair->recent[place].entry = entry;
	return entry;
}

static void rows_find(struct naming *naming, struct naming_pair *pair,
		      const struct sonde_batch *batch, const struct sonde_column *column)
{
	uint32_t last = FACT_NONE;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t entry = FACT_NONE;

		if (!sonde_selected(batch, row)) {
			pair->facts.places[row] = last; /* nobody looks at it */
			continue;
		}
		if (sonde_valid(column, row)) {
			entry = id_find(naming, pair, origin_u32(column, row));
			if (pair->facts.present[entry])
				naming->found_count++;
			else
				naming->missed_count++;
		}
		facts_use(&pair->facts, entry);
		pair->facts.places[row] = last = entry;
	}
}

static int pair_add(struct naming *naming, uint32_t index, struct enriched *enriched)
{
	struct naming_pair *pair = &naming->pairs[index];
	const struct sonde_column *column = id_column(enriched->from, names[index].id);

	if (!column || (!pair->facts.overwrite && enriched_has(enriched, names[index].name)))
		return 0;
	if (pair->version != naming->users->version || pair->facts.count > ENTRY_LIMIT) {
		if (facts_clear(&pair->facts))
			return -ENOMEM;
		memset(pair->recent, 0, sizeof(pair->recent));
		pair->version = naming->users->version;
	}
	if (facts_begin(&pair->facts, enriched->from->row_count))
		return -ENOMEM;
	rows_find(naming, pair, enriched->from, column);
	return facts_write(&pair->facts, enriched);
}

int naming_add(struct naming *naming, const struct origin_columns *columns,
	       struct enriched *enriched, bool overwrite)
{
	int first = 0;

	for (uint32_t i = 0; i < NAMING_PAIRS && columns->is_here; i++) {
		int result;

		naming->pairs[i].facts.overwrite = overwrite;
		result = pair_add(naming, i, enriched);
		first = first ? first : result;
	}
	return first;
}
