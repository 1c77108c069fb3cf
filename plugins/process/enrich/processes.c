// SPDX-License-Identifier: Apache-2.0
/* A memory of answers of the process table, by (pid, start time) and the time for which each holds:
 * between two execs, or of a row that has a pid alone while that process had it. */
#include "processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

#define SWEEP_NS   10000000000ll /* between two looks for images that have ended */
#define ALIKE_NS   1000000ull    /* start times that were told by different clocks */
#define TEXT_BYTES (32ull << 20) /* of all that processes are called; then it begins anew */
enum { ARGUMENTS_LIMIT = 4096 };

const struct sonde_field process_fields[PROCESS_COLUMNS] = {
	[PROCESS_EXECUTABLE_NAME] = { .name = "process.executable.name",
				      .type = SONDE_TEXT,
				      .help = "last part of its path" },
	[PROCESS_EXECUTABLE_PATH] = { .name = "process.executable.path",
				      .type = SONDE_TEXT,
				      .help = "the program that the process ran then" },
	[PROCESS_COMMAND] = { .name = "process.command",
			      .type = SONDE_TEXT,
			      .help = "what the kernel calls the process, at most 15 bytes" },
	[PROCESS_COMMAND_LINE] = { .name = "process.command_line",
				   .type = SONDE_TEXT,
				   .help = "its arguments with blanks between" },
	[PROCESS_COMMAND_ARGS] = { .name = "process.command_args",
				   .type = SONDE_ANY,
				   .help = "its arguments as an array" },
	[PROCESS_PARENT_PID] = { .name = "process.parent_pid",
				 .type = SONDE_U32,
				 .help = "who started the process" },
	[PROCESS_PARENT_EXECUTABLE_NAME] = { .name = "process.parent.executable.name",
					     .type = SONDE_TEXT,
					     .help = "what that ran when it did" },
	[PROCESS_REAL_USER_ID] = { .name = "process.real_user.id",
				   .type = SONDE_U32,
				   .help = "whose process it is" },
	[PROCESS_REAL_USER_NAME] = { .name = "process.real_user.name",
				     .type = SONDE_TEXT,
				     .help = "the user's name" },
	[PROCESS_START_TIME] = { .name = "process.start_time",
				 .type = SONDE_TIME,
				 .help = "when the process started" },
};

/* ---- what is remembered ------------------------------------------------------------------ */

static void images_release(struct processes *processes, uint32_t count)
{
	for (uint32_t entry = 1; entry < count; entry++) {
		if (processes->known[entry].image)
			sonde_process_image_release(processes->known[entry].image);
		processes->known[entry].image = NULL;
	}
}

/* -ENOMEM: all is as it was. */
static int begin_anew(struct processes *processes)
{
	uint32_t count = processes->facts.count;
	int result = facts_clear(&processes->facts);

	if (result)
		return result;
	images_release(processes, count);
	if (processes->slot_count)
		memset(processes->slots, 0, processes->slot_count * sizeof(*processes->slots));
	processes->begun_anew_count++;
	return 0;
}

int processes_open(struct processes *processes, struct sonde_instance *instance,
		   const bool wanted[PROCESS_COLUMNS], const struct users *users,
		   uint32_t entry_limit, char *message, size_t message_bytes)
{
	struct sonde_field fields[PROCESS_COLUMNS];
	uint32_t count = 0;
	int result;

	*processes = (struct processes){ .instance = instance,
					 .users = users,
					 .users_version = users->version,
					 .entry_limit = entry_limit };
	for (int column = 0; column < PROCESS_COLUMNS; column++) {
		processes->places[column] = wanted[column] ? (int)count : -1;
		if (wanted[column])
			fields[count++] = process_fields[column];
	}
	result = facts_open(&processes->facts, instance, fields, count);
	if (result)
		return result;
	result = sonde_processes_take(&processes->table, message, message_bytes);
	if (result)
		processes->table = NULL;
	return result;
}

void processes_close(struct processes *processes)
{
	if (!processes->instance)
		return;
	if (processes->known)
		images_release(processes, processes->facts.count);
	facts_close(&processes->facts);
	sonde_processes_release(processes->table);
	free(processes->known);
	free(processes->slots);
	*processes = (struct processes){ 0 };
}

size_t processes_bytes(const struct processes *processes)
{
	return facts_bytes(&processes->facts) +
	       processes->known_capacity * sizeof(*processes->known) +
	       processes->slot_count * sizeof(*processes->slots);
}

/* ---- what a process is like -------------------------------------------------------------- */

static void text_set(struct processes *processes, uint32_t entry, enum process_column column,
		     const char *text)
{
	int place = processes->places[column];

	if (place >= 0 && text && *text)
		facts_text(&processes->facts, entry, (uint32_t)place, text, strlen(text));
}

static void number_set(struct processes *processes, uint32_t entry, enum process_column column,
		       uint64_t number)
{
	int place = processes->places[column];

	if (place >= 0)
		facts_number(&processes->facts, entry, (uint32_t)place, number);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void command_line_set(struct processes *processes, uint32_t entry,
			     const struct sonde_process_image *image)
{
	uint32_t length = image->arguments_bytes;
	char *line;

	if (processes->places[PROCESS_COMMAND_LINE] < 0 || !length)
		return;
	line = malloc(length);
	if (!line)
		return;
	memcpy(line, image->arguments, length);
	length -= line[length - 1] == 0;
	for (uint32_t i = 0; i < length; i++)
		if (!line[i])
			line[i] = ' ';
	facts_text(&processes->facts, entry, (uint32_t)processes->places[PROCESS_COMMAND_LINE],
		   line, length);
	free(line);
}

static void arguments_encode(struct processes *processes, uint32_t entry,
			     const struct sonde_any *array)
{
	struct sonde_instance *instance = processes->instance;
	int64_t size = sonde_any_encode(instance, array, NULL, 0);
	void *bytes = size > 0 ? malloc((size_t)size) : NULL;

	if (!bytes)
		return;
	sonde_any_encode(instance, array, bytes, (size_t)size);
	facts_text(&processes->facts, entry, (uint32_t)processes->places[PROCESS_COMMAND_ARGS],
		   bytes, (size_t)size);
	free(bytes);
}

static void command_args_set(struct processes *processes, uint32_t entry,
			     const struct sonde_process_image *image)
{
	const char *at = image->arguments, *end = at + image->arguments_bytes;
	struct sonde_any array = { .kind = SONDE_ANY_ARRAY }, *items;

	if (processes->places[PROCESS_COMMAND_ARGS] < 0 || !image->arguments_bytes)
		return;
	items = calloc(ARGUMENTS_LIMIT, sizeof(*items));
	if (!items)
		return;
	while (at < end && array.length < ARGUMENTS_LIMIT) {
		size_t length = strnlen(at, (size_t)(end - at));

		items[array.length++] = (struct sonde_any){ .kind = SONDE_ANY_TEXT,
							    .length = (uint32_t)length,
							    .as.data = at };
		at += length + 1;
	}
	array.as.items = items;
	arguments_encode(processes, entry, &array);
	free(items);
}

static void parent_set(struct processes *processes, uint32_t entry,
		       const struct sonde_process_image *image)
{
	const struct sonde_process_image *parent;

	if (!image->parent_tgid)
		return;
	number_set(processes, entry, PROCESS_PARENT_PID, image->parent_tgid);
	if (processes->places[PROCESS_PARENT_EXECUTABLE_NAME] < 0)
		return;
	parent = sonde_processes_find(processes->table, image->parent_tgid, image->parent_start_ns,
				      image->start_ns);
	if (!parent && image->parent_start_ns) /* of what runs since before the table was opened */
		parent = sonde_processes_find(processes->table, image->parent_tgid,
					      image->parent_start_ns, image->since_ns);
	if (!parent)
		return;
	text_set(processes, entry, PROCESS_PARENT_EXECUTABLE_NAME, last_part(parent->executable));
	sonde_process_image_release(parent);
}

static void image_describe(struct processes *processes, uint32_t entry,
			   const struct sonde_process_image *image, int64_t offset_ns)
{
	text_set(processes, entry, PROCESS_EXECUTABLE_PATH, image->executable);
	text_set(processes, entry, PROCESS_EXECUTABLE_NAME, last_part(image->executable));
	text_set(processes, entry, PROCESS_COMMAND, image->command);
	command_line_set(processes, entry, image);
	command_args_set(processes, entry, image);
	parent_set(processes, entry, image);
	number_set(processes, entry, PROCESS_REAL_USER_ID, image->user_id);
	if (processes->places[PROCESS_REAL_USER_NAME] >= 0)
		text_set(processes, entry, PROCESS_REAL_USER_NAME,
			 users_name(processes->users, image->user_id));
	number_set(processes, entry, PROCESS_START_TIME,
		   (uint64_t)((int64_t)image->start_ns + offset_ns));
}

/* ---- answers ----------------------------------------------------------------------------- */

static uint32_t slot_first(const struct processes *processes, uint32_t tgid, uint64_t start_ns)
{
	uint64_t key = (start_ns ^ ((uint64_t)tgid << 40 | tgid)) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(key >> 32) & (processes->slot_count - 1);
}

/* A new entry in the first free slot from there on. FACT_NONE: no memory. */
static uint32_t entry_add(struct processes *processes, uint32_t tgid, uint64_t start_ns)
{
	uint32_t mask = processes->slot_count - 1, slot = slot_first(processes, tgid, start_ns);
	uint32_t entry = facts_add(&processes->facts);

	if (!entry)
		return FACT_NONE;
	while (processes->slots[slot])
		slot = (slot + 1) & mask;
	processes->slots[slot] = entry;
	processes->known[entry] = (struct known_process){ .tgid = tgid, .start_ns = start_ns };
	return entry;
}

/* The entry that a new answer is for: of the same image; of the key, if it is not known either; or
 * a new one. What rows of this batch point at must go on saying what it says. An image that lasts
 * no time was taken back: the one that begins when it began is another. */
static uint32_t entry_for(struct processes *processes, uint32_t tgid, uint64_t start_ns,
			  const struct sonde_process_image *image)
{
	uint32_t mask = processes->slot_count - 1;

	for (uint32_t slot = slot_first(processes, tgid, start_ns);; slot = (slot + 1) & mask) {
		uint32_t entry = processes->slots[slot];
		const struct known_process *known = &processes->known[entry];

		if (!entry)
			return entry_add(processes, tgid, start_ns);
		if (known->tgid != tgid || known->start_ns != start_ns)
			continue;
		if (known->found ? image && known->since_ns == image->since_ns && known->lasts_ns
				 : !image || known->batch != processes->facts.batch)
			return entry;
	}
}

/* Asks the table. Of a process that has ended, and is known by its start time, the last image
 * stands for all that is told of it later: until_ns is no bound then. */
static uint32_t table_ask(struct processes *processes, uint32_t tgid, uint64_t start_ns,
			  uint64_t time_ns, int64_t offset_ns)
{
	const struct sonde_process_image *image =
		sonde_processes_find(processes->table, tgid, start_ns, time_ns);
	uint32_t entry = entry_for(processes, tgid, start_ns, image);
	struct known_process *known = &processes->known[entry];
	uint64_t until_ns;
	bool has_ended;

	if (!entry) {
		if (image)
			sonde_process_image_release(image);
		return FACT_NONE;
	}
	known->batch = processes->facts.batch;
	if (!image) {
		known->since_ns = time_ns;
		known->lasts_ns = 1; /* a little later it may be another's */
		return entry;
	}
	until_ns = __atomic_load_n(&image->until_ns, __ATOMIC_RELAXED);
	known->since_ns = image->since_ns;
	has_ended = until_ns != UINT64_MAX;
	if (start_ns && time_ns >= until_ns)
		until_ns = UINT64_MAX;
	known->lasts_ns = until_ns - image->since_ns;
	known->image_start_ns = image->start_ns;
	known->cgroup_id = image->cgroup_id;
	if (!known->found)
		image_describe(processes, entry, image, offset_ns);
	known->found = true;
	if (known->image || has_ended)
		sonde_process_image_release(image);
	else
		known->image = image; /* to be told when it ends */
	return entry;
}

/* Whether the image has ended since: it may be let go then. */
static void image_look(struct known_process *known)
{
	uint64_t until_ns;

	if (!known->image)
		return;
	until_ns = __atomic_load_n(&known->image->until_ns, __ATOMIC_RELAXED);
	if (until_ns == UINT64_MAX)
		return;
	known->lasts_ns = until_ns - known->since_ns;
	sonde_process_image_release(known->image);
	known->image = NULL;
}

/* The entry that holds for a process at a time, when it is not the first one in its place, or has
 * not been used in this batch. */
__attribute__((noinline)) static uint32_t process_seek(struct processes *processes, uint32_t tgid,
						       uint64_t start_ns, uint64_t time_ns,
						       int64_t offset_ns)
{
	uint32_t mask = processes->slot_count - 1, entry;
	uint32_t slot = slot_first(processes, tgid, start_ns);

	for (; (entry = processes->slots[slot]); slot = (slot + 1) & mask) {
		struct known_process *known = &processes->known[entry];

		if (known->tgid != tgid || known->start_ns != start_ns)
			continue;
		if (known->batch != processes->facts.batch) {
			if (!known->found)
				continue; /* it may be by now */
			known->batch = processes->facts.batch;
			image_look(known);
		}
		if (time_ns - known->since_ns < known->lasts_ns)
			break;
	}
	if (!entry)
		entry = table_ask(processes, tgid, start_ns, time_ns, offset_ns);
	if (processes->known[entry].found)
		processes->known[entry].used = processes->facts.batch;
	facts_use(&processes->facts, entry);
	return entry;
}

static inline uint32_t process_find(struct processes *processes, uint32_t tgid, uint64_t start_ns,
				    uint64_t time_ns, int64_t offset_ns)
{
	uint32_t entry = processes->slots[slot_first(processes, tgid, start_ns)];
	const struct known_process *known = &processes->known[entry];

	if (known->used == processes->facts.batch && known->tgid == tgid &&
	    known->start_ns == start_ns && time_ns - known->since_ns < known->lasts_ns)
		return entry;
	return process_seek(processes, tgid, start_ns, time_ns, offset_ns);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* Images of processes of which no row has come since they ended. */
static void sweep(struct processes *processes, int64_t now_ns)
{
	if (now_ns - processes->swept_ns < SWEEP_NS)
		return;
	processes->swept_ns = now_ns;
	for (uint32_t entry = 1; entry < processes->facts.count; entry++)
		image_look(&processes->known[entry]);
}

/* Room for an answer to each row. */
static int reserve(struct processes *processes, uint32_t row_count)
{
	uint32_t limit = processes->entry_limit > row_count ? processes->entry_limit : row_count;
	uint32_t slots = 1;
	void *grown;

	if ((processes->facts.count + row_count > limit + 1 && processes->facts.count > 1) ||
	    processes->facts.text_bytes > TEXT_BYTES ||
	    processes->users_version != processes->users->version) {
		if (begin_anew(processes))
			return -ENOMEM;
		processes->users_version = processes->users->version;
	}
	while (slots < 2 * (limit + 1))
		slots *= 2;
	if (slots > processes->slot_count) {
		grown = calloc(slots, sizeof(*processes->slots));
		if (!grown || (processes->facts.count > 1 && begin_anew(processes))) {
			free(grown);
			return -ENOMEM;
		}
		free(processes->slots);
		processes->slots = grown;
		processes->slot_count = slots;
	}
	if (limit + 1 > processes->known_capacity) {
		grown = reallocarray(processes->known, limit + 1, sizeof(*processes->known));
		if (!grown)
			return -ENOMEM;
		processes->known = grown;
		processes->known_capacity = limit + 1;
		processes->known[FACT_NONE] = (struct known_process){ 0 };
	}
	return 0;
}

/* The time of a row, boottime; of one that has none, now. */
static inline uint64_t time_of(const struct origin_columns *columns, uint32_t row,
			       int64_t offset_ns, uint64_t now_ns)
{
	if (!columns->time || !sonde_valid(columns->time, row))
		return now_ns;
	return (uint64_t)((int64_t)origin_u64(columns->time, row) - offset_ns);
}

static inline uint64_t start_of(const struct origin_columns *columns, uint32_t row,
				int64_t offset_ns)
{
	if (!columns->start || !sonde_valid(columns->start, row))
		return 0;
	return (uint64_t)((int64_t)origin_u64(columns->start, row) - offset_ns);
}

/* Where rows do not say by which clock they were stamped, a start time is not exact: whoever had
 * the pid then has to have started about that time too. */
static uint32_t alike_find(struct processes *processes, uint32_t tgid, uint64_t start_ns,
			   uint64_t time_ns, int64_t offset_ns)
{
	uint32_t entry = process_find(processes, tgid, 0, time_ns, offset_ns);
	uint64_t found_ns = processes->known[entry].image_start_ns;

	if (found_ns - start_ns + ALIKE_NS <= 2 * ALIKE_NS)
		return entry;
	facts_use(&processes->facts, FACT_NONE);
	return FACT_NONE;
}

/* Every row: those that do not count get the entry of one before, at which nobody looks. */
static void rows_find(struct processes *processes, const struct sonde_batch *batch,
		      const struct origin_columns *columns, int64_t offset_ns, uint64_t now_ns)
{
	struct facts *facts = &processes->facts;
	uint32_t last = FACT_NONE, missed = 0;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint64_t start_ns, time_ns;

		if (!sonde_selected(batch, row)) {
			facts->places[row] = last;
			continue;
		}
		if (!sonde_valid(columns->pid, row)) {
			facts_use(facts, FACT_NONE);
			continue;
		}
		if (columns->offset && columns->offset->stride)
			offset_ns = (int64_t)origin_u64(columns->offset, row);
		start_ns = start_of(columns, row, offset_ns);
		time_ns = time_of(columns, row, offset_ns, now_ns);
		last = start_ns && !columns->offset
			       ? alike_find(processes, origin_u32(columns->pid, row), start_ns,
					    time_ns, offset_ns)
			       : process_find(processes, origin_u32(columns->pid, row), start_ns,
					      time_ns, offset_ns);
		facts->places[row] = last;
		missed += !processes->known[last].found;
		processes->found_count += processes->known[last].found;
	}
	processes->missed_count += missed;
}

static bool is_plain(const struct sonde_batch *batch, const struct origin_columns *columns)
{
	return !batch->selected && columns->start && columns->offset && columns->time &&
	       !columns->offset->stride && !columns->pid->valid && !columns->start->valid &&
	       !columns->time->valid;
}

/* The same for what kernel inputs emit: every row counts and has a pid, a start time and a time. */
static void plain_rows_find(struct processes *processes, const struct sonde_batch *batch,
			    const struct origin_columns *columns, int64_t offset_ns)
{
	const unsigned char *pid = columns->pid->base, *start = columns->start->base;
	const unsigned char *time = columns->time->base;
	const uint32_t pid_stride = columns->pid->stride, start_stride = columns->start->stride;
	const uint32_t time_stride = columns->time->stride, row_count = batch->row_count;
	uint32_t *places = processes->facts.places, missed = 0;

	for (uint32_t row = 0; row < row_count; row++) {
		int64_t start_ns, time_ns;
		uint32_t tgid, entry;

		memcpy(&tgid, pid, sizeof(tgid));
		memcpy(&start_ns, start, sizeof(start_ns));
		memcpy(&time_ns, time, sizeof(time_ns));
		pid += pid_stride;
		start += start_stride;
		time += time_stride;
		entry = process_find(processes, tgid, (uint64_t)(start_ns - offset_ns),
				     (uint64_t)(time_ns - offset_ns), offset_ns);
		places[row] = entry;
		missed += !processes->known[entry].found;
	}
	processes->found_count += row_count - missed;
	processes->missed_count += missed;
}

int processes_look_up(struct processes *processes, const struct sonde_batch *batch,
		      const struct origin_columns *columns, int64_t offset_ns)
{
	uint32_t first = 0;

	if (!processes->table || !columns->pid)
		return 0;
	if (reserve(processes, batch->row_count) ||
	    facts_begin(&processes->facts, batch->row_count))
		return -ENOMEM;
	while (first < batch->row_count && !sonde_selected(batch, first))
		first++;
	if (first == batch->row_count)
		return 0;
	sonde_processes_read(processes->table);
	sweep(processes, (int64_t)sonde_kernel_monotonic_ns());
	if (columns->offset)
		memcpy(&offset_ns, sonde_value(columns->offset, first), sizeof(offset_ns));
	if (is_plain(batch, columns))
		plain_rows_find(processes, batch, columns, offset_ns);
	else
		rows_find(processes, batch, columns, offset_ns, sonde_kernel_boottime_ns());
	return 1;
}
