// SPDX-License-Identifier: Apache-2.0
/* Fills rows of events; what the kernel takes for text need not be UTF-8, and becomes it here. */
#include "events.h"

#include <errno.h>
#include <sonde/bpf/processes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "rows.h"

enum {
	TEXT_BYTES = SONDE_PROCESS_ARGUMENT_BYTES + 1,
	ITEMS = TEXT_BYTES, /* of one byte each, the ending zero */
	ENCODED_BYTES = 16 * TEXT_BYTES,
};

struct events_room {
	char text[TEXT_BYTES];
	struct sonde_any items[ITEMS];
	unsigned char encoded[ENCODED_BYTES];
};

static const char *const event_names[] = {
	[SONDE_PROCESS_FORKED] = "process.fork",
	[SONDE_PROCESS_EXECED] = "process.exec",
	[SONDE_PROCESS_EXITED] = "process.exit",
};

int events_open(struct events *events, struct sonde_instance *instance, struct names *names)
{
	*events = (struct events){ .instance = instance, .names = names };
	events->room = malloc(sizeof(*events->room));
	return events->room ? 0 : -ENOMEM;
}

void events_close(struct events *events)
{
	free(events->room);
	events->room = NULL;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* How many bytes a character has that begins here; 0: it is not whole, or none. */
static size_t character_bytes(const unsigned char *at, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t count = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	uint32_t value = at[0] & (0xffu >> (count + 1));

	if (count == 1)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4 || count > left)
		return 0;
	for (size_t i = 1; i < count; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[count] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	return count;
}

/* Puts a question mark in place of each byte that belongs to no character. */
static void text_clean(char *text, size_t length)
{
	unsigned char *bytes = (unsigned char *)text;

	for (size_t at = 0, count; at < length; at += count ? count : 1) {
		count = character_bytes(bytes + at, length - at);
		if (!count)
			bytes[at] = '?';
	}
}

static uint32_t text_code(struct events *events, const char *text)
{
	size_t length = strnlen(text, TEXT_BYTES);

	memcpy(events->room->text, text, length);
	text_clean(events->room->text, length);
	return sonde_text(events->instance, events->room->text, length);
}

static uint32_t array_code(struct events *events, size_t length)
{
	struct events_room *room = events->room;
	struct sonde_any array = { .kind = SONDE_ANY_ARRAY, .as.items = room->items };
	int64_t bytes;

	for (size_t at = 0; at < length; at += room->items[array.length++].length + 1)
		room->items[array.length] = (struct sonde_any){
			.kind = SONDE_ANY_TEXT,
			.length = (uint32_t)strnlen(room->text + at, length - at),
			.as.data = room->text + at,
		};
	bytes = sonde_any_encode(events->instance, &array, room->encoded, sizeof(room->encoded));
	if (bytes < 0 || bytes > (int64_t)sizeof(room->encoded))
		return 0;
	return sonde_bytes(events->instance, room->encoded, (size_t)bytes);
}

/* Both forms of the arguments, or none where they are not known or not wanted. */
static void arguments_fill(struct events *events, struct event_row *row,
			   const struct sonde_process_image *image)
{
	size_t length = image->arguments_bytes < TEXT_BYTES ? image->arguments_bytes : TEXT_BYTES;
	char *text = events->room->text;

	if (!events->with_arguments || !length) {
		sonde_null(events->instance, SCHEMA_EVENT, EVENT_COMMAND_LINE);
		sonde_null(events->instance, SCHEMA_EVENT, EVENT_ARGUMENTS);
		sonde_null(events->instance, SCHEMA_EVENT, EVENT_TRUNCATED);
		return;
	}
	memcpy(text, image->arguments, length);
	text_clean(text, length);
	row->truncated = image->truncated != 0;
	row->arguments = array_code(events, length);
	length -= !text[length - 1];
	for (size_t i = 0; i < length; i++)
		if (!text[i])
			text[i] = ' ';
	row->command_line = sonde_bytes(events->instance, text, length);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void exit_fill(struct events *events, struct event_row *row,
		      const struct sonde_process_event *event)
{
	struct sonde_instance *instance = events->instance;
	const struct sonde_process_usage *usage = &event->usage;
	char buffer[24];

	if (WIFSIGNALED(event->status)) {
		row->signal = text_code(events, names_signal(WTERMSIG(event->status), buffer));
		sonde_null(instance, SCHEMA_EVENT, EVENT_EXIT_CODE);
	} else {
		row->exit_code = WEXITSTATUS(event->status);
		sonde_null(instance, SCHEMA_EVENT, EVENT_SIGNAL);
	}
	row->core_dumped = WCOREDUMP(event->status) != 0;
	row->duration_ns = event->time_ns - event->image->start_ns;
	row->user_ns = usage->user_ns;
	row->system_ns = usage->system_ns;
	row->resident_bytes = usage->resident_bytes;
	row->minor_faults = usage->minor_faults;
	row->major_faults = usage->major_faults;
	row->voluntary_switches = usage->voluntary_switches;
	row->involuntary_switches = usage->involuntary_switches;
	row->read_bytes = usage->read_bytes;
	row->written_bytes = usage->written_bytes;
	for (uint32_t field = EVENT_READ;
	     usage->read_bytes == UINT64_MAX && field < EVENT_USAGE_END; field++)
		sonde_null(instance, SCHEMA_EVENT, field);
}

static void who_fill(struct events *events, struct event_row *row,
		     const struct sonde_process_event *event)
{
	struct sonde_instance *instance = events->instance;
	const struct sonde_process_image *image = event->image;
	const char *user = names_user(events->names, event->user_id, events->now_ns);
	const char *path = names_cgroup(events->names, event->cgroup_id);

	row->command = text_code(events, image->command);
	if (image->executable[0])
		row->executable = text_code(events, image->executable);
	else
		sonde_null(instance, SCHEMA_EVENT, EVENT_EXECUTABLE);
	row->user_id = event->user_id;
	if (user)
		row->user = text_code(events, user);
	else
		sonde_null(instance, SCHEMA_EVENT, EVENT_USER);
	if (path)
		row->cgroup = text_code(events, path);
	else
		sonde_null(instance, SCHEMA_EVENT, EVENT_CGROUP);
}

void events_add(struct events *events, const struct sonde_process_event *event)
{
	const struct sonde_process_image *image = event->image;
	int64_t offset_ns = events->clock_offset_ns;
	struct event_row *row = sonde_row(events->instance, SCHEMA_EVENT);

	row->time_ns = (int64_t)event->time_ns + offset_ns;
	row->start_time_ns = (int64_t)image->start_ns + offset_ns;
	if (event->parent_start_ns)
		row->parent_start_time_ns = (int64_t)event->parent_start_ns + offset_ns;
	row->name = text_code(events, event_names[event->change]);
	row->cgroup_id = event->cgroup_id;
	row->tgid = image->tgid;
	row->parent_tgid = event->parent_tgid;
	row->session_id = image->session_id;
	row->group_id = image->group_id;
	row->weight = events->weight;
	who_fill(events, row, event);
	arguments_fill(events, row, image);
	if (event->change == SONDE_PROCESS_EXITED) {
		exit_fill(events, row, event);
		return;
	}
	for (uint32_t field = EVENT_EXIT_CODE; field < EVENT_USAGE_END; field++)
		sonde_null(events->instance, SCHEMA_EVENT, field);
}
