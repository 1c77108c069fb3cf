// SPDX-License-Identifier: Apache-2.0
/* Images of processes, counted, and the programs that they share. */
#include "processes_table.h"

#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t memory_bytes;

uint64_t images_memory_bytes(void)
{
	return atomic_load_explicit(&memory_bytes, memory_order_relaxed);
}

static void memory_add(size_t bytes)
{
	atomic_fetch_add_explicit(&memory_bytes, bytes, memory_order_relaxed);
}

static void memory_subtract(size_t bytes)
{
	atomic_fetch_sub_explicit(&memory_bytes, bytes, memory_order_relaxed);
}

/* ---- programs ---------------------------------------------------------------------------- */

static struct program *program_make(uint32_t executable_bytes, const char *arguments,
				    uint32_t arguments_bytes, bool truncated)
{
	bool open = arguments_bytes && arguments[arguments_bytes - 1];
	uint32_t bytes = executable_bytes + arguments_bytes + open;
	struct program *program = calloc(1, sizeof(*program) + bytes);

	if (!program)
		return NULL;
	atomic_init(&program->references, 1);
	program->bytes = bytes;
	program->arguments_bytes = arguments_bytes + open;
	program->truncated = truncated;
	if (arguments_bytes)
		memcpy(program->texts + executable_bytes, arguments, arguments_bytes);
	memory_add(sizeof(*program) + bytes);
	return program;
}

/* Names lie in a record as they were met, from the file up to the root: here it is turned round. */
static void path_write(char *out, uint32_t out_bytes, const char *names, uint32_t bytes,
		       bool deleted)
{
	static const char mark[] = " (deleted)";
	uint32_t at = out_bytes - 1, length;

	out[at] = 0;
	if (deleted) {
		at -= sizeof(mark) - 1;
		memcpy(out + at, mark, sizeof(mark) - 1);
	}
	for (uint32_t from = 0; from < bytes; from += length + 1) {
		length = (uint32_t)strnlen(names + from, bytes - from);
		if (at < length + 1)
			break;
		at -= length;
		memcpy(out + at, names + from, length);
		out[--at] = '/';
	}
	memmove(out, out + at, out_bytes - at);
}

struct program *program_create(const struct sonde_process_exec *exec)
{
	const char *tail = (const char *)(exec + 1);
	uint32_t flags = exec->record.header.flags, bytes = exec->path_bytes;
	bool deleted = flags & SONDE_PROCESS_PATH_DELETED;
	/* Each name has a zero behind it, which makes room for the slash in front of it. */
	uint32_t executable_bytes = bytes ? bytes + 1 + (deleted ? 10 : 0) : 1;
	struct program *program =
		program_make(executable_bytes, tail + bytes, exec->arguments_bytes,
			     flags & (SONDE_EVENT_TRUNCATED | SONDE_EVENT_TEXT_FAULT));

	if (!program || !bytes)
		return program;
	if (flags & SONDE_PROCESS_PATH_GIVEN)
		memcpy(program->texts, tail, strnlen(tail, bytes));
	else
		path_write(program->texts, executable_bytes, tail, bytes, deleted);
	return program;
}

struct program *program_complete(const struct program *program, const char *arguments,
				 uint32_t bytes, bool truncated)
{
	const char *executable = program ? program->texts : "";
	uint32_t executable_bytes = program ? program->bytes - program->arguments_bytes : 1;
	struct program *complete = program_make(executable_bytes, arguments, bytes, truncated);

	if (complete)
		memcpy(complete->texts, executable, executable_bytes);
	return complete;
}

void program_release(struct program *program)
{
	if (!program ||
	    atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) > 1)
		return;
	memory_subtract(sizeof(*program) + program->bytes);
	free(program);
}

/* ---- images ------------------------------------------------------------------------------ */

static void image_name(struct image *image, struct program *program)
{
	if (program)
		atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
	image->program = program;
	image->public.executable = program ? program->texts : "";
	image->public.arguments =
		program ? program->texts + program->bytes - program->arguments_bytes : "";
	image->public.arguments_bytes = program ? program->arguments_bytes : 0;
	image->public.truncated = program ? program->truncated : 0;
}

struct image *image_create(const struct sonde_process_record *record, uint64_t since_ns,
			   struct program *program)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	atomic_init(&image->references, 1);
	image->exec_id = record->exec_id;
	memcpy(image->command, record->command, sizeof(image->command));
	image->command[sizeof(image->command) - 1] = 0;
	image->public = (struct sonde_process_image){
		.size = sizeof(image->public),
		.tgid = record->header.tgid,
		.start_ns = record->header.start_time_ns,
		.since_ns = since_ns,
		.until_ns = UINT64_MAX,
		.parent_tgid = record->parent_tgid,
		.user_id = record->user_id,
		.group_id = record->group_id,
		.session_id = record->session_id,
		.parent_start_ns = record->parent_start_ns,
		.cgroup_id = record->header.cgroup_id,
		.command = image->command,
	};
	image_name(image, program);
	memory_add(sizeof(*image));
	return image;
}

struct image *image_copy(const struct image *image, uint64_t since_ns, struct program *program)
{
	struct image *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	atomic_init(&copy->references, 1);
	copy->exec_id = image->exec_id;
	memcpy(copy->command, image->command, sizeof(copy->command));
	copy->public = image->public;
	copy->public.since_ns = since_ns;
	copy->public.command = copy->command;
	image_name(copy, program);
	memory_add(sizeof(*copy));
	return copy;
}

void image_release(struct image *image)
{
	if (!image || atomic_fetch_sub_explicit(&image->references, 1, memory_order_acq_rel) > 1)
		return;
	program_release(image->program);
	memory_subtract(sizeof(*image));
	free(image);
}

void sonde_process_image_release(const struct sonde_process_image *image)
{
	image_release((struct image *)(uintptr_t)image);
}
