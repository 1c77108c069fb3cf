// SPDX-License-Identifier: Apache-2.0
/* Cgroups by id and by path, each worked out once. */
#include "cgroups.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "container.h"

#define TEXT_BYTES (8ull << 20)

const struct sonde_field cgroup_fields[CGROUP_COLUMNS] = {
	[CGROUP_PATH] = { .name = "cgroup.path",
			  .type = SONDE_TEXT,
			  .help = "of the v2 cgroup, below the root" },
	[CGROUP_CONTAINER_ID] = { .name = "container.id",
				  .type = SONDE_TEXT,
				  .help = "of the innermost container" },
	[CGROUP_CONTAINER_RUNTIME] = { .name = "container.runtime",
				       .type = SONDE_TEXT,
				       .help = "what runs it, where the path tells" },
	[CGROUP_POD_UID] = { .name = "k8s.pod.uid",
			     .type = SONDE_TEXT,
			     .help = "Kubernetes pod that it belongs to" },
	[CGROUP_UNIT] = { .name = "systemd.unit",
			  .type = SONDE_TEXT,
			  .help = "innermost unit; of a container, one within it" },
	[CGROUP_SLICE] = { .name = "systemd.slice",
			   .type = SONDE_TEXT,
			   .help = "innermost slice, but for one of a single pod" },
};

/* -ENOMEM: all is as it was. */
static int begin_anew(struct cgroups *cgroups)
{
	if (facts_clear(&cgroups->facts))
		return -ENOMEM;
	index_clear(&cgroups->by_id);
	index_clear(&cgroups->by_path);
	memset(cgroups->recent_ids, 0, sizeof(cgroups->recent_ids));
	memset(cgroups->recent_codes, 0, sizeof(cgroups->recent_codes));
	cgroups->unknown = facts_add(&cgroups->facts); /* there is room for the first ones */
	return 0;
}

int cgroups_open(struct cgroups *cgroups, struct sonde_instance *instance,
		 const bool wanted[CGROUP_COLUMNS], uint32_t entry_limit)
{
	struct sonde_field fields[CGROUP_COLUMNS];
	uint32_t count = 0;
	int result;

	*cgroups = (struct cgroups){ .entry_limit = entry_limit };
	for (int column = 0; column < CGROUP_COLUMNS; column++) {
		cgroups->places[column] = wanted[column] ? (int)count : -1;
		if (wanted[column])
			fields[count++] = cgroup_fields[column];
	}
	result = facts_open(&cgroups->facts, instance, fields, count);
	return result ? result : begin_anew(cgroups);
}

void cgroups_close(struct cgroups *cgroups)
{
	facts_close(&cgroups->facts);
	index_close(&cgroups->by_id);
	index_close(&cgroups->by_path);
	*cgroups = (struct cgroups){ 0 };
}

size_t cgroups_bytes(const struct cgroups *cgroups)
{
	return facts_bytes(&cgroups->facts) + index_bytes(&cgroups->by_id) +
	       index_bytes(&cgroups->by_path);
}

static void part_set(struct cgroups *cgroups, uint32_t entry, enum cgroup_column column,
		     const char *data, size_t length)
{
	int place = cgroups->places[column];

	if (place >= 0 && length)
		facts_text(&cgroups->facts, entry, (uint32_t)place, data, length);
}

static uint32_t path_find(struct cgroups *cgroups, const char *path, size_t length)
{
	uint32_t entry = index_find(&cgroups->by_path, path, length);
	struct container is;

	if (entry)
		return entry;
	entry = facts_add(&cgroups->facts);
	if (!entry || index_add(&cgroups->by_path, path, length, entry))
		return FACT_NONE;
	container_read(path, length, &is);
	part_set(cgroups, entry, CGROUP_PATH, path, length);
	part_set(cgroups, entry, CGROUP_CONTAINER_ID, is.id.data, is.id.length);
	if (is.runtime)
		part_set(cgroups, entry, CGROUP_CONTAINER_RUNTIME, is.runtime, strlen(is.runtime));
	part_set(cgroups, entry, CGROUP_POD_UID, is.pod_uid, strlen(is.pod_uid));
	part_set(cgroups, entry, CGROUP_UNIT, is.unit.data, is.unit.length);
	part_set(cgroups, entry, CGROUP_SLICE, is.slice.data, is.slice.length);
	return entry;
}

/* Ids are not given twice, so one that is gone stays gone. */
static uint32_t id_resolve(struct cgroups *cgroups, uint64_t id)
{
	uint32_t entry = index_find(&cgroups->by_id, &id, sizeof(id));
	char path[PATH_MAX];
	int error;

	if (entry)
		return entry;
	error = sonde_kernel_cgroup_path(id, path, sizeof(path));
	if (error == -EAGAIN)
		return FACT_NONE;
	entry = error ? cgroups->unknown : path_find(cgroups, path, strlen(path));
	if (entry && index_add(&cgroups->by_id, &id, sizeof(id), entry))
		return FACT_NONE;
	return entry;
}

/* An id that is none of the recent ones of this batch. */
__attribute__((noinline)) static uint32_t id_seek(struct cgroups *cgroups, uint64_t id,
						  uint32_t place)
{
	uint32_t entry = id ? id_resolve(cgroups, id) : FACT_NONE;

	facts_use(&cgroups->facts, entry);
	if (entry == FACT_NONE || entry == cgroups->unknown) {
		cgroups->missed_count++;
		return entry;
	}
	cgroups->found_count++;
	cgroups->recent_ids[place].id = id;
	cgroups->recent_ids[place].entry = entry;
	cgroups->recent_ids[place].batch = cgroups->facts.batch;
	return entry;
}

/* Counts what it finds by itself; *hits are those among the recent ones. */
static inline uint32_t id_find(struct cgroups *cgroups, uint64_t id, uint32_t *hits)
{
	uint32_t place = (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 56) % CGROUP_RECENT;

	if (cgroups->recent_ids[place].id == id &&
	    cgroups->recent_ids[place].batch == cgroups->facts.batch) {
		++*hits;
		return cgroups->recent_ids[place].entry;
	}
	return id_seek(cgroups, id, place);
}

static inline uint32_t code_find(struct cgroups *cgroups, const struct sonde_column *path,
				 uint32_t row)
{
	uint32_t code = origin_u32(path, row), place = code % CGROUP_RECENT, entry;
	struct sonde_text text;

	if (cgroups->recent_codes[place].batch == cgroups->facts.batch &&
	    cgroups->recent_codes[place].code == code)
		return cgroups->recent_codes[place].entry;
	text = sonde_text_at(path, row);
	entry = path_find(cgroups, text.data, text.length);
	facts_use(&cgroups->facts, entry);
	cgroups->recent_codes[place].batch = cgroups->facts.batch;
	cgroups->recent_codes[place].code = code;
	cgroups->recent_codes[place].entry = entry;
	return entry;
}

static const struct sonde_column *path_column(const struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->type == SONDE_TEXT && column->role == SONDE_ROLE_ATTRIBUTE &&
		    !strcmp(column->name, "cgroup.path"))
			return column;
	}
	return NULL;
}

/* What says which cgroup a row is of. */
struct sources {
	const struct sonde_column *path, *id;
	const struct processes *processes;
};

static inline uint32_t row_find(struct cgroups *cgroups, const struct sources *from, uint32_t row,
				uint32_t *hits)
{
	uint32_t entry;

	if (from->path && sonde_valid(from->path, row)) {
		entry = code_find(cgroups, from->path, row);
		if (entry != FACT_NONE)
			++*hits;
		return entry;
	}
	if (from->id && sonde_valid(from->id, row))
		return id_find(cgroups, origin_u64(from->id, row), hits);
	if (from->processes)
		return id_find(cgroups,
			       from->processes->known[from->processes->facts.places[row]].cgroup_id,
			       hits);
	facts_use(&cgroups->facts, FACT_NONE);
	cgroups->missed_count++;
	return FACT_NONE;
}

static void rows_find(struct cgroups *cgroups, const struct sonde_batch *batch,
		      const struct sources *from)
{
	uint32_t *places = cgroups->facts.places;
	uint32_t last = FACT_NONE, hits = 0;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (sonde_selected(batch, row))
			last = row_find(cgroups, from, row, &hits);
		places[row] = last; /* of a row that does not count nobody looks at it */
	}
	cgroups->found_count += hits;
}

/* The same where all rows count and have an id. */
static void plain_rows_find(struct cgroups *cgroups, uint32_t row_count,
			    const struct sonde_column *id)
{
	const unsigned char *at = id->base;
	const uint32_t stride = id->stride;
	uint32_t *places = cgroups->facts.places, hits = 0;

	for (uint32_t row = 0; row < row_count; row++, at += stride) {
		uint64_t value;

		memcpy(&value, at, sizeof(value));
		places[row] = id_find(cgroups, value, &hits);
	}
	cgroups->found_count += hits;
}

int cgroups_look_up(struct cgroups *cgroups, const struct sonde_batch *batch,
		    const struct origin_columns *columns, const struct processes *processes)
{
	struct sources from = { path_column(batch), columns->cgroup, processes };
	uint32_t limit = cgroups->entry_limit;

	if (!from.path && !from.id && !processes)
		return 0;
	/* Ids that are gone have a key each, and no entry. */
	if (cgroups->facts.count > limit || cgroups->by_id.used > limit ||
	    cgroups->facts.text_bytes > TEXT_BYTES) {
		cgroups->begun_anew_count++;
		if (begin_anew(cgroups))
			return -ENOMEM;
	}
	if (facts_begin(&cgroups->facts, batch->row_count))
		return -ENOMEM;
	if (from.id && !from.path && !from.id->valid && !batch->selected)
		plain_rows_find(cgroups, batch->row_count, from.id);
	else
		rows_find(cgroups, batch, &from);
	return 1;
}
