// SPDX-License-Identifier: Apache-2.0
/* Processor `enrich`: adds what is known of the process, container, host and cloud that a row is
 * about, tags, and what tables say. Rows go on in any case: what is not known stays null. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "enrich.h"

#define TABLES_AFTER_NS 50000000      /* what is written in several steps is read once */
#define POLL_NS         60000000000ll /* of files that no watch tells of */
#define READ_NS         1000000000ll  /* the process table, where no rows come */

static const struct sonde_counter enrich_counters[] = {
	{ .name = "process_found",
	  SONDE_MEMBER(struct enrich, process_found),
	  .unit = "{row}",
	  .help = "rows whose process was known" },
	{ .name = "process_missed",
	  SONDE_MEMBER(struct enrich, process_missed),
	  .unit = "{row}",
	  .help = "rows whose process was not" },
	{ .name = "container_found",
	  SONDE_MEMBER(struct enrich, container_found),
	  .unit = "{row}",
	  .help = "rows whose cgroup was known" },
	{ .name = "container_missed",
	  SONDE_MEMBER(struct enrich, container_missed),
	  .unit = "{row}",
	  .help = "rows that have none, or one that was gone" },
	{ .name = "user_found",
	  SONDE_MEMBER(struct enrich, user_found),
	  .unit = "{row}",
	  .help = "rows whose own user ids had names" },
	{ .name = "user_missed",
	  SONDE_MEMBER(struct enrich, user_missed),
	  .unit = "{row}",
	  .help = "rows whose own user ids had none" },
	{ .name = "table_found",
	  SONDE_MEMBER(struct enrich, table_found),
	  .unit = "{row}",
	  .help = "rows that were found in tables, in each that knows them" },
	{ .name = "table_missed",
	  SONDE_MEMBER(struct enrich, table_missed),
	  .unit = "{row}",
	  .help = "rows with a key that a table does not know" },
	{ .name = "unenriched_batches",
	  SONDE_MEMBER(struct enrich, unenriched_batches),
	  .unit = "{batch}",
	  .help = "batches that went on without some columns, for want of memory" },
	{ 0 },
};

static bool needs_origin(const struct enrich *enrich)
{
	return enrich->parts & (PART_PROCESS | PART_USER | PART_CONTAINER);
}

/* ---- start and stop ---------------------------------------------------------------------- */

static void needs_declare(struct sonde_instance *instance)
{
	const struct enrich *enrich = instance->self;

	if (settings_parts(&enrich->settings) & PART_PROCESS) {
		(void)sonde_need(instance, CAP_BPF, SONDE_TO_START);
		(void)sonde_need(instance, CAP_PERFMON, SONDE_TO_START);
	}
}

static int enrich_check(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	const char *problem;
	char why[512];

	settings_check(instance, &enrich->settings);
	needs_declare(instance);
	if (tables_open(&enrich->tables, instance, &enrich->settings.tables,
			enrich->settings.table_limit_bytes, why, sizeof(why)))
		sonde_problem(instance, NULL, "%s", why);
	else if (tables_look(&enrich->tables, false, &problem) && problem)
		sonde_problem(instance, "tables", "%s", problem);
	tables_close(&enrich->tables);
	return 0;
}

/* The table is read when a ring of it fills, and now and then. */
static void processes_begin(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	bool process[PROCESS_COLUMNS], cgroup[CGROUP_COLUMNS];

	settings_columns(&enrich->settings, process, cgroup);
	enrich->processes_problem[0] = 0;
	enrich->processes_result = processes_open(
		&enrich->processes, instance, process, &enrich->users, enrich->settings.entry_limit,
		enrich->processes_problem, sizeof(enrich->processes_problem));
	if (enrich->processes_result) {
		processes_close(&enrich->processes);
		return;
	}
	(void)sonde_watch(instance, sonde_processes_fd(enrich->processes.table), SONDE_READABLE);
	(void)sonde_every(instance, TIMER_READ, READ_NS);
}

static int lookups_begin(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	bool process[PROCESS_COLUMNS], cgroup[CGROUP_COLUMNS];
	int result = 0;

	settings_columns(&enrich->settings, process, cgroup);
	enrich->processes_result = 0;
	if (enrich->parts & PART_PROCESS)
		processes_begin(instance);
	if (enrich->parts & PART_CONTAINER)
		result = cgroups_open(&enrich->cgroups, instance, cgroup,
				      enrich->settings.entry_limit);
	if (!result && (enrich->parts & PART_USER))
		result = naming_open(&enrich->naming, instance, &enrich->users);
	return result;
}

static void overwrite_set(struct enrich *enrich)
{
	bool overwrite = enrich->settings.overwrite;

	enrich->processes.facts.overwrite = enrich->cgroups.facts.overwrite = overwrite;
	enrich->labels.overwrite = overwrite;
	for (uint32_t i = 0; i < enrich->tables.count; i++) {
		enrich->tables.items[i].overwrite = overwrite;
		enrich->tables.items[i].content.facts.overwrite = overwrite;
	}
}

/* A process table that cannot be had, or a file that is wrong, does not hold rows up: the instance
 * is degraded, which timer() says, and goes on without. */
static int enrich_start(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	const struct settings *settings = &enrich->settings;
	char why[512];

	enrich->open = true;
	enrich->tables.watch_fd = -1;
	enrich->tables_result = 0;
	enrich->answered = enrich->id_settled = false;
	enrich->parts = settings_parts(settings);
	if (snprintf(enrich->users_path, sizeof(enrich->users_path), "%s/etc/passwd",
		     settings->root) >= (int)sizeof(enrich->users_path))
		return sonde_fail(instance, ENAMETOOLONG, "root");
	enrich->users.path = enrich->users_path;
	if (enrich->parts & PART_USER)
		users_look(&enrich->users, (int64_t)sonde_kernel_monotonic_ns());
	needs_declare(instance);
	machine_read(settings->root, &enrich->machine);
	place_look(instance);
	if (needs_origin(enrich))
		origin_look_at_clock(&enrich->origin, sonde_kernel_clock_offset_ns());
	if (place_describe(instance) || lookups_begin(instance))
		return sonde_fail(instance, ENOMEM, "no memory to begin with");
	if (tables_open(&enrich->tables, instance, &settings->tables, settings->table_limit_bytes,
			why, sizeof(why)))
		return sonde_fail(instance, EINVAL, "%s", why);
	overwrite_set(enrich);
	tables_watch(&enrich->tables);
	if (enrich->tables.count || enrich->processes_result) {
		(void)sonde_after(instance, TIMER_TABLES, 0);
		(void)sonde_every(instance, TIMER_POLL, POLL_NS);
	}
	if (enrich->cloud != CLOUD_NONE)
		place_ask(instance);
	return 0;
}

static void enrich_stop(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;

	if (!enrich->open)
		return;
	if (enrich->processes.table)
		(void)sonde_unwatch(instance, sonde_processes_fd(enrich->processes.table));
	metadata_close(&enrich->metadata);
	tables_close(&enrich->tables);
	naming_close(&enrich->naming);
	processes_close(&enrich->processes);
	cgroups_close(&enrich->cgroups);
	labels_close(&enrich->labels);
	users_close(&enrich->users);
	enrich->open = false;
}

static int enrich_set(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	int result = place_describe(instance);

	if (result == -EINVAL)
		return sonde_fail(instance, EINVAL, "a tag is written \"key=value\"");
	if (result)
		return sonde_fail(instance, ENOMEM, "no memory for tags");
	overwrite_set(enrich);
	return 0;
}

/* ---- events ------------------------------------------------------------------------------ */

/* Looks at the files, tries again what could not be had, and says what is wrong as long as it is.
 */
static int health_tell(struct sonde_instance *instance, bool look)
{
	struct enrich *enrich = instance->self;
	const char *problem = NULL;

	if (look && enrich->processes_result)
		processes_begin(instance);
	if (look && enrich->tables.count) {
		tables_watch(&enrich->tables);
		enrich->tables_result = tables_look(&enrich->tables, true, &problem);
		overwrite_set(enrich);
	}
	if (problem)
		return sonde_fail(instance, EINVAL,
				  "%s; rows go on with what was read before, if anything was",
				  problem);
	if (enrich->tables_result)
		return enrich->tables_result;
	if (enrich->processes_result && look)
		return sonde_fail(instance, -enrich->processes_result,
				  "processes cannot be named: %s", enrich->processes_problem);
	return enrich->processes_result;
}

static int enrich_timer(struct sonde_instance *instance, int timer)
{
	struct enrich *enrich = instance->self;

	if (timer == TIMER_METADATA)
		metadata_timer(&enrich->metadata);
	if (timer == TIMER_ASK)
		place_ask(instance);
	if (timer == TIMER_READ && enrich->processes.table)
		sonde_processes_read(enrich->processes.table);
	return health_tell(instance, timer == TIMER_TABLES || timer == TIMER_POLL);
}

static int enrich_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct enrich *enrich = instance->self;

	if (tables_ready(&enrich->tables, fd))
		return sonde_after(instance, TIMER_TABLES, TABLES_AFTER_NS);
	if (enrich->processes.table && fd == sonde_processes_fd(enrich->processes.table)) {
		sonde_processes_read(enrich->processes.table);
		return 0;
	}
	metadata_ready(&enrich->metadata, fd, events);
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What this host's kernel inputs say by numbers. */
static int numbers_add(struct sonde_instance *instance, struct enriched *enriched)
{
	struct enrich *enrich = instance->self;
	int64_t offset_ns = sonde_kernel_clock_offset_ns();
	struct origin_columns columns;
	int found = 0, first = 0, result;

	origin_look_at_clock(&enrich->origin, offset_ns);
	origin_read(&enrich->origin, instance, enriched->from, &columns);
	if (enrich->parts & PART_USER)
		users_look(&enrich->users, (int64_t)sonde_kernel_monotonic_ns());
	if (enrich->processes.table)
		found = processes_look_up(&enrich->processes, enriched->from, &columns, offset_ns);
	first = found < 0 ? found : 0;
	if (found > 0)
		first = facts_write(&enrich->processes.facts, enriched);
	if (enrich->parts & PART_CONTAINER) {
		result = cgroups_look_up(&enrich->cgroups, enriched->from, &columns,
					 found > 0 ? &enrich->processes : NULL);
		if (result > 0)
			result = facts_write(&enrich->cgroups.facts, enriched);
		first = first ? first : result;
	}
	if (enrich->parts & PART_USER) {
		result =
			naming_add(&enrich->naming, &columns, enriched, enrich->settings.overwrite);
		first = first ? first : result;
	}
	return first;
}

static void counters_update(struct enrich *enrich)
{
	uint64_t hits = 0, misses = 0;

	for (uint32_t i = 0; i < enrich->tables.count; i++) {
		hits += enrich->tables.items[i].hit_count;
		misses += enrich->tables.items[i].miss_count;
	}
	sonde_count(&enrich->process_found, enrich->processes.found_count - enrich->process_found);
	sonde_count(&enrich->process_missed,
		    enrich->processes.missed_count - enrich->process_missed);
	sonde_count(&enrich->container_found,
		    enrich->cgroups.found_count - enrich->container_found);
	sonde_count(&enrich->container_missed,
		    enrich->cgroups.missed_count - enrich->container_missed);
	sonde_count(&enrich->user_found, enrich->naming.found_count - enrich->user_found);
	sonde_count(&enrich->user_missed, enrich->naming.missed_count - enrich->user_missed);
	sonde_count(&enrich->table_found, hits - enrich->table_found);
	sonde_count(&enrich->table_missed, misses - enrich->table_missed);
}

static int enrich_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct enrich *enrich = instance->self;
	struct enriched enriched = { .from = batch };
	int first = 0, result;

	if (needs_origin(enrich))
		first = numbers_add(instance, &enriched);
	result = labels_add(&enrich->labels, &enriched);
	first = first ? first : result;
	result = tables_add(&enrich->tables, &enriched);
	first = first ? first : result;
	counters_update(enrich);
	if (first)
		sonde_count(&enrich->unenriched_batches, 1);
	return enriched.derived ? sonde_emit_batch(instance, enriched.derived) : SONDE_PASS;
}

static const char enrich_manual[] =
	"process: names the process of a row, by pid and start time, out of a table that follows "
	"exec, fork and exit; so processes of a millisecond are named, and a pid that is given "
	"again misnames nobody. user: the names of its user and of user ids in rows. container: "
	"container, pod, unit and slice, by the path of the cgroup. host, cloud: what the machine "
	"is. Rows of other hosts are not named by numbers of this one.\n"
	"\n"
	"A table is a file of records; rows whose columns have the values of its key get what it "
	"says. It is read again when it changes; one that is wrong leaves what was read before, "
	"and the instance is degraded until it is mended.\n"
	"\n"
	"What is not known is null and counted; no row waits or is lost. docs/enrich.md names all "
	"columns. process needs CAP_BPF and CAP_PERFMON to start.";

static const struct sonde_plugin enrich_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "enrich",
	.summary = "who rows are about: process, container, host, cloud, tags, tables",
	.manual = enrich_manual,
	.self_size = sizeof(struct enrich),
	.replication = SONDE_ANY_REPLICA,
	.options = settings_options,
	.counters = enrich_counters,
	.check = enrich_check,
	.start = enrich_start,
	.stop = enrich_stop,
	.set = enrich_set,
	.ready = enrich_ready,
	.timer = enrich_timer,
	.process = enrich_process,
	.report = status_report,
};

SONDE_EXPORT(enrich_plugin)
