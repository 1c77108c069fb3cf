// SPDX-License-Identifier: Apache-2.0
/* Input `bpf`: every BPF program of the host with what it runs and costs, every map with its fill.
 */
#include <errno.h>
#include <fnmatch.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>
#include <sonde/plugin.h>

#include "inventory.h"
#include "links.h"
#include "names.h"
#include "programs.h"
#include "rows.h"

enum { STATISTICS_ON, STATISTICS_AS_IS };

struct bpf {
	int64_t interval_ns; /* options */
	bool programs, maps;
	struct sonde_texts names, types;
	uint32_t limit;
	uint32_t statistics;

	uint64_t readings, cut; /* counters */

	struct inventory inventory;
	struct programs tracked;
	struct links links; /* of this reading */
	bool has_statistics;
	uint32_t program_count, map_count,
		link_count; /* of the last reading, as the host has them */
	uint32_t page_bytes;
};

static const char *const statistics_choices[] = { "on", "as_is", NULL };

#define OPTION(name_, type_, member_)                                                              \
	.name = name_, .type = type_, SONDE_MEMBER(struct bpf, member_)

static const struct sonde_option bpf_options[] = {
	{ OPTION("interval", SONDE_DURATION, interval_ns), .value = "10s", .minimum = "100ms",
	  .maximum = "1h", .knob = true, .help = "time between two readings" },
	{ OPTION("programs", SONDE_BOOL, programs), .value = "true", .knob = true,
	  .help = "a row for each program" },
	{ OPTION("maps", SONDE_BOOL, maps), .value = "true", .knob = true,
	  .help = "a row for each map" },
	{ OPTION("names", SONDE_TEXTS, names), .knob = true,
	  .help = "only programs and maps whose name fits one of these patterns, with * and ?" },
	{ OPTION("types", SONDE_TEXTS, types), .knob = true,
	  .help = "only programs and maps of these types: \"xdp\", \"lru_hash\"" },
	{ OPTION("limit", SONDE_U32, limit), .value = "4096", .minimum = "1", .maximum = "1000000",
	  .knob = true,
	  .help = "programs, maps and links that are looked at in a reading, each; those with the "
		  "highest ids are left out" },
	{ OPTION("statistics", SONDE_CHOICE, statistics), .value = "on",
	  .choices = statistics_choices,
	  .help = "on: the kernel counts and clocks runs while this input is there; as_is: only if "
		  "others have it do so" },
	{ 0 }
};

static const struct sonde_counter bpf_counters[] = { { .name = "readings",
						       SONDE_MEMBER(struct bpf, readings),
						       .unit = "{reading}",
						       .help = "times that it was read" },
						     { .name = "cut",
						       SONDE_MEMBER(struct bpf, cut),
						       .unit = "{reading}",
						       .help = "readings that `limit` cut short" },
						     { 0 } };

/* ---- rows -------------------------------------------------------------------------------- */

/* A reading under way. */
struct reading {
	struct sonde_instance *instance;
	struct bpf *self;
	bool is_emitted; /* else it is only where the next one counts from */
	int64_t time_ns;
	uint64_t boot_ns; /* the same in boottime */
};

static uint32_t code(const struct reading *reading, const char *text)
{
	return sonde_text(reading->instance, text, strlen(text));
}

static bool is_wanted(const struct bpf *self, const char *name, const char *type)
{
	bool fits = !self->names.count, is_of_type = !self->types.count;

	for (uint32_t i = 0; !fits && i < self->names.count; i++)
		fits = !fnmatch(self->names.items[i], name, 0);
	for (uint32_t i = 0; !is_of_type && i < self->types.count; i++)
		is_of_type = !strcmp(self->types.items[i], type);
	return fits && is_of_type;
}

static void counts_fill(const struct reading *reading, struct program_row *row,
			const struct program_delta *delta)
{
	if (!delta->is_known) {
		for (uint32_t field = PROGRAM_RUNS; field <= PROGRAM_MISSES; field++)
			sonde_null(reading->instance, SCHEMA_PROGRAM, field);
		return;
	}
	row->start_time_ns = delta->start_ns;
	row->run_count = delta->runs;
	row->miss_count = delta->misses;
	row->run_s = (double)delta->run_ns / 1e9;
	if (delta->span_ns)
		row->cpu_share = (double)delta->run_ns / (double)delta->span_ns;
}

static void program_emit(const struct reading *reading,
			 const struct sonde_inventory_program *program,
			 const struct program_delta *delta)
{
	const struct bpf *self = reading->self;
	const struct sonde_inventory_link *link;
	char type_text[NAMES_BYTES], text[NAMES_BYTES];
	const char *name = names_program(program);
	const char *type = names_program_type(program->type, type_text);
	struct program_row *row;

	if (!is_wanted(self, name, type))
		return;
	row = sonde_row(reading->instance, SCHEMA_PROGRAM);
	row->time_ns = reading->time_ns;
	row->id = program->id;
	row->name = code(reading, name);
	row->type = code(reading, type);
	row->tag = code(reading, names_tag(program->tag, text));
	row->link_count = links_of(&self->links, program->id, &link);
	row->target = code(reading, names_target(program, link, text));
	row->uid = program->uid;
	row->loaded_ns = delta->loaded_ns;
	row->memory_bytes = (uint64_t)program->pages * self->page_bytes;
	row->instruction_count = program->instructions;
	counts_fill(reading, row, delta);
}

static int program_take(void *context, const void *record)
{
	const struct reading *reading = context;
	struct program_delta delta;
	int taken = programs_take(&reading->self->tracked, record, &delta);

	if (taken <= 0)
		return taken;
	reading->self->program_count++;
	if (reading->is_emitted)
		program_emit(reading, record, &delta);
	return 0;
}

static void fill_set(const struct reading *reading, struct map_row *row,
		     const struct sonde_inventory_map *map)
{
	struct sonde_instance *instance = reading->instance;
	bool is_ring = map->ring_size > 0, is_counted = map->entries != SONDE_INVENTORY_UNKNOWN;

	if (is_ring) {
		row->ring_used_bytes = map->ring_used > 0 ? (uint64_t)map->ring_used : 0;
		row->ring_size_bytes = (uint64_t)map->ring_size;
		row->fill = (double)row->ring_used_bytes / (double)row->ring_size_bytes;
	} else {
		sonde_null(instance, SCHEMA_MAP, MAP_RING_USED);
		sonde_null(instance, SCHEMA_MAP, MAP_RING_SIZE);
	}
	if (is_counted)
		row->entry_count = map->entries > 0 ? (uint64_t)map->entries : 0;
	else
		sonde_null(instance, SCHEMA_MAP, MAP_ENTRIES);
	if (is_ring || !map->entries_limit)
		sonde_null(instance, SCHEMA_MAP, MAP_ENTRY_LIMIT);
	else
		row->entry_limit = map->entries_limit;
	if (is_counted && map->entries_limit)
		row->fill = (double)row->entry_count / map->entries_limit;
	else if (!is_ring)
		sonde_null(instance, SCHEMA_MAP, MAP_FILL);
}

static int map_take(void *context, const void *record)
{
	const struct reading *reading = context;
	const struct sonde_inventory_map *map = record;
	char text[NAMES_BYTES];
	const char *type = names_map_type(map->type, text);
	struct map_row *row;

	reading->self->map_count++;
	if (!is_wanted(reading->self, map->name, type))
		return 0;
	row = sonde_row(reading->instance, SCHEMA_MAP);
	row->time_ns = reading->time_ns;
	row->id = map->id;
	row->name = code(reading, map->name);
	row->type = code(reading, type);
	row->key_bytes = map->key_bytes;
	row->value_bytes = map->value_bytes;
	fill_set(reading, row, map);
	return 0;
}

static int link_take(void *context, const void *record)
{
	const struct reading *reading = context;

	return links_take(&reading->self->links, record);
}

/* ---- readings ---------------------------------------------------------------------------- */

/* Reads what there is of a kind; what `limit` leaves out is said once, and counted. */
static int kind_read(struct reading *reading, enum inventory_kind kind,
		     inventory_callback *callback, bool *cut)
{
	struct bpf *self = reading->self;
	bool is_cut = false;
	int error = inventory_read(&self->inventory, kind, self->limit, callback, reading, &is_cut);

	*cut |= is_cut;
	return error;
}

static int programs_read(struct reading *reading, bool *cut)
{
	struct bpf *self = reading->self;
	int error = 0;

	self->links.count = 0;
	if (reading->is_emitted)
		error = kind_read(reading, INVENTORY_LINKS, link_take, cut);
	links_sort(&self->links);
	self->link_count = self->links.count;
	self->program_count = 0;
	programs_begin(&self->tracked, reading->boot_ns, reading->time_ns);
	if (!error)
		error = kind_read(reading, INVENTORY_PROGRAMS, program_take, cut);
	return error;
}

/* If it fails its rows are dropped, and the next reading counts from the one before. */
static int bpf_read(struct sonde_instance *instance, bool is_emitted)
{
	struct bpf *self = instance->self;
	struct reading reading = { instance, self, is_emitted, sonde_now_ns(instance),
				   sonde_kernel_boottime_ns() };
	bool cut = false;
	int error = 0;

	if (self->programs)
		error = programs_read(&reading, &cut);
	self->map_count = 0;
	if (!error && self->maps && is_emitted)
		error = kind_read(&reading, INVENTORY_MAPS, map_take, &cut);
	if (error)
		return sonde_fail(instance, -error, "cannot read the programs and maps");
	if (self->programs)
		programs_end(&self->tracked);
	sonde_count(&self->readings, is_emitted);
	if (cut && !self->cut)
		sonde_log(instance, SONDE_WARNING,
			  "there are more programs, maps or links than `limit` = %u: the rest is "
			  "left out",
			  self->limit);
	sonde_count(&self->cut, cut);
	return is_emitted ? sonde_emit(instance) : 0;
}

/* ---- life -------------------------------------------------------------------------------- */

/* The iterators are loaded and the statistics switched on once; reading takes nothing. */
static void needs_declare(struct sonde_instance *instance, enum sonde_need when)
{
	const struct bpf *self = instance->self;

	if (self->statistics == STATISTICS_ON)
		(void)sonde_need(instance, CAP_SYS_ADMIN, when);
	(void)sonde_need(instance, CAP_BPF, when);
	(void)sonde_need(instance, CAP_PERFMON, when);
}

static int bpf_check(struct sonde_instance *instance)
{
	const struct bpf *self = instance->self;

	for (uint32_t i = 0; i < self->types.count; i++) {
		if (!names_is_type(self->types.items[i]))
			sonde_problem(instance, "types",
				      "\"%s\": no such type of programs or maps (try \"xdp\" or "
				      "\"hash\")",
				      self->types.items[i]);
	}
	if (!self->programs && !self->maps)
		sonde_problem(instance, "programs", "there is nothing to read (try true)");
	needs_declare(instance, SONDE_TO_START);
	return 0;
}

static int statistics_begin(struct sonde_instance *instance)
{
	struct bpf *self = instance->self;
	int error;

	if (self->statistics != STATISTICS_ON)
		return 0;
	error = sonde_kernel_statistics_take();
	if (error == -EPERM)
		return sonde_fail(
			instance, EPERM,
			"CAP_SYS_ADMIN missing, which the kernel's statistics take: start sonde as "
			"root, or with the capabilities that `sonde check` prints, or say "
			"statistics = \"as_is\"");
	if (error)
		return sonde_fail(instance, -error, "cannot switch on the kernel's statistics");
	self->has_statistics = true;
	return 0;
}

static int iterators_open(struct sonde_instance *instance)
{
	struct bpf *self = instance->self;
	char message[512];
	int error = inventory_open(&self->inventory, message, sizeof(message));

	if (error)
		return sonde_fail(instance, -error, "%s",
				  message[0] ? message : "cannot load the iterators");
	return 0;
}

static int bpf_start(struct sonde_instance *instance)
{
	struct bpf *self = instance->self;
	int error;

	self->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	error = statistics_begin(instance);
	if (!error)
		error = iterators_open(instance);
	if (!error)
		error = bpf_read(instance, false);
	if (!error)
		return sonde_every(instance, 0, self->interval_ns);
	needs_declare(instance, SONDE_TO_RUN); /* to be tried again with */
	return error;
}

static int bpf_set(struct sonde_instance *instance)
{
	const struct bpf *self = instance->self;

	return sonde_every(instance, 0, self->interval_ns);
}

static int bpf_timer(struct sonde_instance *instance, int timer)
{
	(void)timer;
	return bpf_read(instance, true);
}

/* The last reading: what programs ran since. */
static int bpf_drain(struct sonde_instance *instance)
{
	const struct bpf *self = instance->self;

	return self->inventory.buffer ? bpf_read(instance, true) : 0;
}

static int bpf_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct bpf *self = instance->self;

	if (!self->readings)
		return 0;
	sonde_report(instance, report, "host", "programs", "found", "{program}",
		     self->program_count);
	sonde_report(instance, report, "host", "maps", "found", "{map}", self->map_count);
	sonde_report(instance, report, "host", "links", "found", "{link}", self->link_count);
	return 0;
}

static void bpf_stop(struct sonde_instance *instance)
{
	struct bpf *self = instance->self;

	if (self->has_statistics)
		sonde_kernel_statistics_release();
	self->has_statistics = false;
	inventory_close(&self->inventory);
	programs_free(&self->tracked);
	links_free(&self->links);
}

static const char bpf_manual[] =
	"Reads every program and map of the host, whoever loaded them, through iterators of its "
	"own: nothing is kept alive by being looked at. A row of a program says what it ran since "
	"the row before; a program that was there before this input did counts from its first "
	"reading on, one that is loaded later from its beginning.\n"
	"\n"
	"While it is there the kernel counts and clocks the runs of all programs, which makes each "
	"run of each of them dearer; `statistics` = \"as_is\" leaves that alone.\n"
	"\n"
	"Needs Linux 5.19, and CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON to start; nothing to run. "
	"docs/bpf.md says more.";

static const struct sonde_plugin bpf_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "bpf",
	.summary = "BPF programs of the host: runs, run time, misses; and how full their maps are",
	.manual = bpf_manual,
	.self_size = sizeof(struct bpf),
	.options = bpf_options,
	.counters = bpf_counters,
	.schemas = rows_schemas,
	.check = bpf_check,
	.start = bpf_start,
	.stop = bpf_stop,
	.set = bpf_set,
	.timer = bpf_timer,
	.drain = bpf_drain,
	.report = bpf_report,
};

SONDE_EXPORT(bpf_plugin)
