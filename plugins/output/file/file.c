// SPDX-License-Identifier: Apache-2.0
/* Output `file`: rows as lines of JSON, appended to a file or written to standard output. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sonde/plugin.h>
#include "../../../lib/stream/stream.h"
#include "lines.h"

enum { MODE_APPEND, MODE_TRUNCATE };
enum { SYNC_NEVER, SYNC_BATCH };

struct file {
	const char *path; /* options */
	uint32_t mode, sync;
	bool schema;

	uint64_t lines_written; /* counters */
	uint64_t bytes_written;

	struct stream stream;
	struct lines *lines;
	struct json out; /* lines of the delivery, of which `written` bytes are out */
	size_t written;
	uint64_t sequence;           /* of the delivery that `out` holds */
	struct sonde_delivery *kept; /* waits for a slow reader */
	bool torn;                   /* the file ends within a line that could not be cut off */
};

static const char *const mode_choices[] = { "append", "truncate", NULL };
static const char *const sync_choices[] = { "never", "batch", NULL };

static const struct sonde_option file_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct file, path),
	  .required = true,
	  .help = "file to write; \"-\" is standard output" },
	{ .name = "mode",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct file, mode),
	  .value = "append",
	  .choices = mode_choices,
	  .help = "what becomes of a file that is there already" },
	{ .name = "sync",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct file, sync),
	  .value = "never",
	  .choices = sync_choices,
	  .help = "batch: rows count as delivered once they are on the disk" },
	{ .name = "schema",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct file, schema),
	  .value = "true",
	  .help = "begin each line with the name of its schema" },
	{ 0 }
};

static const struct sonde_counter file_counters[] = { { .name = "lines",
							SONDE_MEMBER(struct file, lines_written),
							.unit = "{line}",
							.help = "lines written whole" },
						      { .name = "bytes",
							SONDE_MEMBER(struct file, bytes_written),
							.unit = "By",
							.help = "bytes of these lines" },
						      { 0 } };

static bool is_output(const struct file *file)
{
	return strcmp(file->path, "-") == 0;
}

static int file_check(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	char *copy;

	if (!file->path[0])
		sonde_problem(instance, "path", "is empty (\"-\" is standard output)");
	if (is_output(file) || !file->path[0])
		return 0;
	copy = strdup(file->path);
	if (!copy)
		return -ENOMEM;
	if (access(dirname(copy), F_OK) < 0)
		sonde_problem(instance, "path", "\"%s\": its directory does not exist", file->path);
	free(copy);
	return 0;
}

static int open_failure(struct sonde_instance *instance, int error)
{
	struct file *file = instance->self;

	if (error == EWOULDBLOCK)
		return sonde_fail(instance, EBUSY, "%s is being written by somebody else",
				  file->path);
	if (error == ENXIO)
		return sonde_fail(instance, error, "nobody reads %s yet", file->path);
	if (error == EBADMSG)
		return sonde_fail(instance, error, "%s does not hold lines; not appending to it",
				  file->path);
	return sonde_fail(instance, error, "cannot open %s", file->path);
}

static int file_start(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	int64_t cut_bytes = 0;
	int result;

	if (is_output(file))
		result = stream_open_output(&file->stream);
	else
		result = stream_open_file(&file->stream, file->path, file->mode == MODE_TRUNCATE);
	if (result == 0 && file->stream.regular && !is_output(file))
		result = stream_mend(&file->stream, &cut_bytes);
	if (result < 0)
		return open_failure(instance, -result);
	if (cut_bytes)
		sonde_log(instance, SONDE_WARNING, "%s ended within a line: %lld bytes cut off",
			  file->path, (long long)cut_bytes);
	file->lines = lines_create(instance, file->schema);
	if (!file->lines)
		return sonde_fail(instance, ENOMEM, "cannot start");
	return 0;
}

static uint64_t line_count(const struct sonde_delivery *delivery)
{
	uint64_t count = 0;

	for (uint32_t index = 0; index < delivery->batch_count; index++)
		count += delivery->batches[index]->selected_count;
	return count;
}

/* Fills `out` with the delivery's lines, unless it holds them already from an earlier attempt.
 * Before them stands the end of a line that an earlier delivery left torn. */
static int encode(struct file *file, const struct sonde_delivery *delivery)
{
	const char *rest, *line_end;
	size_t rest_length;
	int result = 0;

	if (file->written && file->sequence == delivery->sequence)
		return 0;
	rest = file->out.data + file->written;
	line_end = file->written && file->written < file->out.length && rest[-1] != '\n'
			   ? memchr(rest, '\n', file->out.length - file->written)
			   : NULL;
	rest_length = line_end ? (size_t)(line_end - rest) + 1 : 0;
	if (rest_length)
		memmove(file->out.data, rest, rest_length);
	json_clear(&file->out);
	file->out.length = rest_length;
	file->written = 0;
	file->sequence = delivery->sequence;
	if (file->torn)
		json_newline(&file->out);
	for (uint32_t index = 0; index < delivery->batch_count && result == 0; index++)
		result = lines_write(file->lines, delivery->batches[index], &file->out);
	if (result < 0 || file->out.failed)
		file->out.length = rest_length;
	return file->out.failed ? -ENOMEM : result;
}

/* Counts what is written whole, and is ready for the next. */
static void finish(struct file *file, const struct sonde_delivery *delivery)
{
	sonde_count(&file->lines_written, line_count(delivery));
	sonde_count(&file->bytes_written, file->out.length);
	file->written = file->out.length = 0;
	file->torn = false;
}

/* A regular file takes all of a delivery or nothing: what was written of it is cut off again. */
static int write_regular(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;
	struct sonde_outcome outcome = { .size = sizeof(outcome), .verdict = SONDE_RETRY };
	int64_t start = 0;
	size_t written = 0;
	int result = stream_size(&file->stream, &start);

	if (result == 0)
		result = stream_write(&file->stream, file->out.data, file->out.length, &written);
	if (result == 0 && file->sync == SYNC_BATCH && fdatasync(file->stream.fd) < 0)
		result = -errno;
	if (result == 0) {
		finish(file, delivery);
		return SONDE_OK;
	}
	file->out.length = 0;
	if (written && stream_cut(&file->stream, start) < 0) {
		file->torn = true;
		outcome.uncertain = true;
		outcome.reason = "file cannot be cut back";
		(void)sonde_fail(instance, -result, "cannot write to %s", file->path);
		sonde_settle(instance, delivery, &outcome);
		return SONDE_LATER;
	}
	return sonde_fail(instance, -result, "cannot write to %s", file->path);
}

/* A pipe keeps what it has taken: the rest waits until there is room. Returns what write() does. */
static int write_pipe(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;
	size_t count = 0;
	int result = stream_write(&file->stream, file->out.data + file->written,
				  file->out.length - file->written, &count);

	file->written += count;
	if (result == -EAGAIN) {
		if (!file->kept)
			result = sonde_watch(instance, file->stream.fd, SONDE_WRITABLE);
		else
			result = 0;
		file->kept = result < 0 ? NULL : delivery;
		return result < 0 ? result : SONDE_LATER;
	}
	if (file->kept)
		(void)sonde_unwatch(instance, file->stream.fd);
	file->kept = NULL;
	if (result == -EPIPE)
		return sonde_fail(instance, EPIPE, "nobody reads %s any more",
				  is_output(file) ? "standard output" : file->path);
	if (result < 0)
		return sonde_fail(instance, -result, "cannot write to %s", file->path);
	finish(file, delivery);
	return SONDE_OK;
}

static int file_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;

	if (encode(file, delivery) < 0)
		return sonde_fail(instance, ENOMEM, "cannot write lines");
	return file->stream.regular ? write_regular(instance, delivery)
				    : write_pipe(instance, delivery);
}

static int file_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct file *file = instance->self;
	struct sonde_delivery *delivery = file->kept;
	struct sonde_outcome outcome = { .size = sizeof(outcome) };
	int result;

	(void)fd;
	(void)events;
	if (!delivery)
		return 0;
	result = write_pipe(instance, delivery);
	if (result == SONDE_LATER)
		return 0;
	if (result < 0) {
		outcome.verdict = SONDE_RETRY;
		outcome.reason = "nobody reads";
	}
	sonde_settle(instance, delivery, &outcome);
	return result;
}

static void file_stop(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	lines_release(file->lines);
	json_release(&file->out);
	stream_close(&file->stream);
}

static const struct sonde_plugin file_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "file",
	.summary = "rows as lines of JSON, in a file",
	.manual =
		"A line is one row: an object whose keys are the columns in their order, after "
		"\"schema\". "
		"A row without a value in a column has no such key. Times are RFC 3339 in UTC with "
		"nanoseconds, durations whole nanoseconds, ids hex, bytes base64; NaN and "
		"infinities are "
		"the strings \"NaN\", \"Infinity\" and \"-Infinity\". Histograms keep their "
		"buckets. "
		"Attributes of the resource and of the instrumentation scope stand in objects of "
		"these "
		"names, child tables such as span events in arrays.\n\n"
		"Only whole lines are ever left in a file: when the disk is full, what was written "
		"of a "
		"delivery is cut off again and the delivery is tried anew. The file is locked "
		"while it is "
		"open; a torn last line that a crash left is cut off at the start.",
	.self_size = sizeof(struct file),
	.in_flight = 1,
	.batch_limit = 8,
	.options = file_options,
	.counters = file_counters,
	.check = file_check,
	.start = file_start,
	.write = file_write,
	.ready = file_ready,
	.stop = file_stop,
};

SONDE_EXPORT(file_plugin)
