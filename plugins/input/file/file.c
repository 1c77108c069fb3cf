// SPDX-License-Identifier: Apache-2.0
/* Input `file`: lines of OTLP/JSON, as the output `file` and other collectors write them, out of
 * files that are followed as they grow. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <sonde/plugin.h>

#include "decode.h"
#include "follow.h"
#include "position.h"
#include "transcode.h"

enum { FROM_BEGIN, FROM_END };
enum { TIMER_LOOK, TIMER_AGAIN };
enum {
	TURN_LINES = 16,  /* read before others have their turn */
	OUT_LIMIT = 4096, /* lines whose rows are on their way */
	TREE_FACTOR = 16, /* what parsing may take, of a line; some 5 are usual */
	TREE_BYTES_LEAST = 64 << 10,
};

static const int64_t again_ns = INT64_C(1000000000);

struct file {
	/* options */
	struct sonde_texts paths;
	uint32_t from;
	const char *position; /* NULL or empty: nothing is remembered */
	int64_t interval_ns;
	uint64_t line_limit_bytes;
	uint32_t column_limit;

	/* counters */
	uint64_t lines, rows, bad_lines, invalid_rows, repaired_texts;

	struct follow follow;
	struct otlp_decoder *decoder;
	struct buffer buffer;        /* a line as protobuf */
	struct sonde_batch *pending; /* of a line; there is no room for it yet */
	struct line *pending_line;
	uint64_t pending_rows;
	bool has_looked; /* what comes from now on is read from its beginning */
	bool waits;      /* for room() */
	bool ended;      /* drain() was called */
	bool is_lost;    /* the position file cannot be written, which was said */
};

static const char *const from_choices[] = { "begin", "end", NULL };

static const struct sonde_option file_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct file, paths),
	  .required = true,
	  .help = "files to read, with \"*\", \"?\" and \"[a-z]\" as in a shell" },
	{ .name = "from",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct file, from),
	  .value = "begin",
	  .choices = from_choices,
	  .help = "where to begin with files that are there at the start, if `position` does not "
		  "know them" },
	{ .name = "position",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct file, position),
	  .value = "",
	  .help = "file that remembers over restarts how far others were read; its directory must "
		  "be there" },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct file, interval_ns),
	  .value = "500ms",
	  .minimum = "10ms",
	  .maximum = "1h",
	  .knob = true,
	  .help = "time between two looks at what is new" },
	{ .name = "line_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct file, line_limit_bytes),
	  .value = "16MiB",
	  .minimum = "1KiB",
	  .maximum = "64MiB",
	  .help = "longer lines are left out, and counted" },
	{ .name = "columns",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct file, column_limit),
	  .value = "128",
	  .minimum = "0",
	  .maximum = "1024",
	  .help = "attributes of a resource, scope or row that become columns; others go into one "
		  "map" },
	{ 0 }
};

static const struct sonde_counter file_counters[] = {
	{ .name = "lines",
	  SONDE_MEMBER(struct file, lines),
	  .unit = "{line}",
	  .help = "lines read" },
	{ .name = "rows",
	  SONDE_MEMBER(struct file, rows),
	  .unit = "{row}",
	  .help = "log records, spans and data points in them" },
	{ .name = "bad_lines",
	  SONDE_MEMBER(struct file, bad_lines),
	  .unit = "{line}",
	  .help = "lines left out: no OTLP/JSON, or too long" },
	{ .name = "invalid",
	  SONDE_MEMBER(struct file, invalid_rows),
	  .unit = "{row}",
	  .help = "rows left out as not valid, of lines that were taken" },
	{ .name = "repaired",
	  SONDE_MEMBER(struct file, repaired_texts),
	  .unit = "{text}",
	  .help = "texts that were not UTF-8, and have U+FFFD where they were not" },
	{ 0 },
};

/* ---- what is told ------------------------------------------------------------------------ */

static void on_failed(void *data, const char *path, int error)
{
	struct sonde_instance *instance = data;

	if (error == EMFILE)
		sonde_log(instance, SONDE_ERROR, "%s: not read, there are too many files", path);
	else if (error)
		sonde_log(instance, SONDE_ERROR, "cannot read %s: %s", path, strerror(error));
	else
		sonde_log(instance, SONDE_INFO, "%s can be read again", path);
}

static void on_begun_anew(void *data, const char *path)
{
	sonde_log(data, SONDE_INFO, "%s was emptied or replaced, and is read from its beginning",
		  path);
}

/* A line is left out: where it is, and why. */
static void say_bad(struct sonde_instance *instance, const char *path, uint64_t number,
		    int64_t begin, uint32_t column, const char *why)
{
	struct file *file = instance->self;

	sonde_count(&file->bad_lines, 1);
	if (number && column)
		sonde_log(instance, SONDE_WARNING, "%s:%llu:%u: left out: %s", path,
			  (unsigned long long)number, column, why);
	else if (number)
		sonde_log(instance, SONDE_WARNING, "%s:%llu: left out: %s", path,
			  (unsigned long long)number, why);
	else
		sonde_log(instance, SONDE_WARNING, "%s: the line at byte %lld is left out: %s",
			  path, (long long)begin, why);
}

static void on_too_long(void *data, const struct followed *followed, int64_t begin, uint64_t number)
{
	say_bad(data, followed->path, number, begin, 0, "it is longer than line_limit");
}

static const struct follow_news file_news = {
	.failed = on_failed,
	.begun_anew = on_begun_anew,
	.too_long = on_too_long,
};

/* ---- lines ------------------------------------------------------------------------------- */

static void say_bad_line(struct sonde_instance *instance, const struct line *line, uint32_t column,
			 const char *why)
{
	say_bad(instance, line->file ? line->file->path : "an emptied file", line->number,
		line->begin, column, why);
}

static enum sonde_signal signal_of(enum otlp_message message)
{
	switch (message) {
	case OTLP_LOGS:
		return SONDE_SIGNAL_LOG;
	case OTLP_SPANS:
		return SONDE_SIGNAL_SPAN;
	default:
		return SONDE_SIGNAL_METRIC;
	}
}

/* The batch of the request in the buffer. -EBADMSG: the line is bad, which was said. */
static int decode(struct sonde_instance *instance, const struct line *line,
		  enum otlp_message message, struct otlp_decoded *ret_decoded)
{
	struct file *file = instance->self;
	struct sonde_dictionary *texts = sonde_dictionary_create(instance, false);
	size_t length = file->buffer.length, offset;
	void *data = texts ? sonde_dictionary_memory(instance, texts, length) : NULL;
	const char *why;
	int result = -ENOMEM;

	if (data) {
		if (length)
			memcpy(data, file->buffer.data, length);
		result = otlp_decode(file->decoder, signal_of(message), texts, data, length,
				     ret_decoded, &why, &offset);
	}
	sonde_dictionary_release(instance, texts);
	if (result == -EBADMSG)
		say_bad_line(instance, line, 0, why);
	return result;
}

/* Makes rows of a line; they are pending then, if there are any. -ENOMEM: later. */
static int take_line(struct sonde_instance *instance, struct line *line,
		     const struct line_text *text)
{
	struct file *file = instance->self;
	struct otlp_decoded decoded = { 0 };
	struct otlp_json_error error = { 0 };
	enum otlp_message message;
	int result;

	result = otlp_data_from_json(text->data, text->length,
				     TREE_FACTOR * text->length + TREE_BYTES_LEAST, &message,
				     &file->buffer, &error);
	if (result == -EBADMSG || result == -EMSGSIZE)
		say_bad_line(instance, line, error.column, error.text);
	else if (!result)
		result = decode(instance, line, message, &decoded);
	if (result == -ENOMEM)
		return result;
	if (decoded.refused_count)
		sonde_log(instance, SONDE_WARNING, "%s:%llu: %llu of %llu rows left out: %s",
			  line->file->path, (unsigned long long)line->number,
			  (unsigned long long)decoded.refused_count,
			  (unsigned long long)(decoded.row_count + decoded.refused_count),
			  decoded.refused_why);
	sonde_count(&file->invalid_rows, decoded.refused_count);
	sonde_count(&file->repaired_texts, decoded.repaired_count);
	file->pending = decoded.batch;
	file->pending_rows = decoded.row_count;
	file->pending_line = decoded.batch ? line : NULL;
	if (!decoded.batch)
		line_done(&file->follow, line);
	return 0;
}

/* Nobody wakes an input because there is memory again: it has to try. */
static int lack_memory(struct sonde_instance *instance)
{
	(void)sonde_after(instance, TIMER_AGAIN, again_ns);
	return sonde_fail(instance, ENOMEM, "no memory for a line");
}

/* Emits what is pending. 0; -EAGAIN: there is no room, and room() will be called. */
static int send_pending(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	struct line *line = file->pending_line;
	struct sonde_batch *batch = file->pending;
	int result = sonde_reserve(instance, sonde_batch_bytes(instance, batch));

	if (result == -EAGAIN)
		return result;
	file->pending = NULL;
	if (result < 0) {
		sonde_batch_release(instance, batch);
		say_bad_line(
			instance, line, 0,
			"its rows are more than a pipeline's queue or the memory of all holds");
		sonde_lose(instance, file->pending_rows, file->pending_rows, SONDE_LOST_QUEUE_FULL);
		line_done(&file->follow, line);
		return 0;
	}
	result = sonde_emit_token(instance, batch, (uintptr_t)line);
	sonde_unreserve(instance, SIZE_MAX);
	if (result < 0) {
		line_again(&file->follow, line);
		return -ENOMEM;
	}
	sonde_count(&file->rows, file->pending_rows);
	return 0;
}

/* The next line, one that is to be read again first: 1, 0 or -ENOMEM. */
static int next_line(struct file *file, struct line **ret_line, struct line_text *ret_text)
{
	int result = follow_again(&file->follow, ret_line, ret_text);

	if (!result && file->follow.out_count < OUT_LIMIT)
		result = follow_next(&file->follow, ret_line, ret_text);
	return result;
}

/* Reads a few lines, and asks for another turn while there are more. */
static int take_turn(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	struct line_text text;
	struct line *line;
	int result;

	file->waits = false;
	for (int count = 0; count < TURN_LINES && !file->ended; count++) {
		if (!file->pending) {
			result = next_line(file, &line, &text);
			if (!result)
				return 0;
			if (result > 0) {
				result = take_line(instance, line, &text);
				if (result)
					line_again(&file->follow, line);
				else
					sonde_count(&file->lines, 1);
			}
			if (result < 0)
				return lack_memory(instance);
		}
		result = file->pending ? send_pending(instance) : 0;
		if (result == -EAGAIN) {
			file->waits = true;
			return 0;
		}
		if (result < 0)
			return lack_memory(instance);
	}
	if (!file->ended)
		sonde_wake(instance);
	return 0;
}

/* ---- positions --------------------------------------------------------------------------- */

static void save(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	int result;

	if (!file->position[0] || !file->follow.dirty || !file->has_looked)
		return;
	result = position_write(&file->follow, file->position);
	if (result < 0 && !file->is_lost)
		sonde_log(instance, SONDE_ERROR,
			  "cannot write %s: %s; after a restart lines come again", file->position,
			  strerror(-result));
	if (!result && file->is_lost)
		sonde_log(instance, SONDE_INFO, "%s is written again", file->position);
	file->is_lost = result < 0;
	file->follow.dirty = result < 0;
}

static int load(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	uint32_t line = 0;
	int result;

	if (!file->position[0])
		return 0;
	result = position_read(&file->follow, file->position, &line);
	if (result == -EBADMSG)
		return sonde_fail(instance, EBADMSG,
				  "%s:%u: not what this input has written; move it away to begin "
				  "anew",
				  file->position, line);
	return result < 0 ? sonde_fail(instance, -result, "cannot read %s", file->position) : 0;
}

/* ---- looking ----------------------------------------------------------------------------- */

static void look_at(struct sonde_instance *instance, const char *pattern, int64_t now_ns)
{
	struct file *file = instance->self;
	bool at_end = file->from == FROM_END && !file->has_looked;
	glob_t found = { 0 };
	int result = glob(pattern, GLOB_NOSORT, NULL, &found);

	if (result == GLOB_NOSPACE)
		sonde_log(instance, SONDE_ERROR, "no memory to look for %s", pattern);
	for (size_t at = 0; result == 0 && at < found.gl_pathc; at++)
		if (!file->position[0] || strcmp(found.gl_pathv[at], file->position) != 0)
			follow_look(&file->follow, found.gl_pathv[at], at_end, now_ns);
	globfree(&found);
}

static void look(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	int64_t now_ns = sonde_now_ns(instance);

	follow_begin_look(&file->follow);
	for (uint32_t at = 0; at < file->paths.count; at++)
		look_at(instance, file->paths.items[at], now_ns);
	follow_end_look(&file->follow, now_ns);
	file->has_looked = true;
}

/* ---- callbacks --------------------------------------------------------------------------- */

static int file_check(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	if (!file->paths.count)
		sonde_problem(instance, "path", "names no file");
	for (uint32_t at = 0; at < file->paths.count; at++)
		if (!file->paths.items[at][0])
			sonde_problem(instance, "path", "\"\" is no file");
	return 0;
}

static int file_start(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	const struct otlp_decoder_options options = { .column_limit = file->column_limit };
	int result;

	file->follow.news = &file_news;
	file->follow.data = instance;
	file->follow.line_limit_bytes = file->line_limit_bytes;
	file->decoder = otlp_decoder_create(instance, &options);
	if (!file->decoder)
		return sonde_fail(instance, ENOMEM, "cannot start");
	result = load(instance);
	if (result < 0)
		return result;
	sonde_wake(instance);
	return sonde_every(instance, TIMER_LOOK, file->interval_ns);
}

static int file_set(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	return sonde_every(instance, TIMER_LOOK, file->interval_ns);
}

static int file_woken(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	if (!file->has_looked)
		look(instance);
	return file->waits || file->ended ? 0 : take_turn(instance);
}

static int file_timer(struct sonde_instance *instance, int timer)
{
	struct file *file = instance->self;

	if (timer == TIMER_LOOK && !file->ended)
		look(instance);
	save(instance);
	return file_woken(instance);
}

static int file_settled(struct sonde_instance *instance, uint64_t token,
			const struct sonde_settlement *settlement)
{
	struct file *file = instance->self;
	struct line *line = (struct line *)(uintptr_t)token;
	bool was_full = file->follow.out_count >= OUT_LIMIT;

	if (settlement->verdict == SONDE_RETRY)
		line_again(&file->follow, line);
	else
		line_done(&file->follow, line);
	if (settlement->verdict == SONDE_RETRY && !file->ended)
		return sonde_after(instance, TIMER_AGAIN, again_ns);
	if (was_full)
		sonde_wake(instance);
	return 0;
}

/* What was not read yet is read after the next start. */
static int file_drain(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	file->ended = true;
	if (file->pending)
		line_again(&file->follow, file->pending_line);
	sonde_batch_release(instance, file->pending);
	file->pending = NULL;
	return 0;
}

static int file_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct file *file = instance->self;

	for (const struct followed *at = file->follow.files; at; at = at->next) {
		sonde_report(instance, report, "files", at->path, "size", "By", (double)at->size);
		sonde_report(instance, report, "files", at->path, "done", "By",
			     (double)at->done_offset);
	}
	return 0;
}

static void file_stop(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	sonde_batch_release(instance, file->pending);
	file->pending = NULL;
	save(instance);
	follow_close(&file->follow);
	otlp_decoder_release(file->decoder);
	buffer_release(&file->buffer);
	file->decoder = NULL;
	file->has_looked = file->waits = file->ended = false;
}

static const struct sonde_plugin file_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "file",
	.summary = "lines of OTLP/JSON out of files, followed as they grow",
	.manual =
		"Each line is an export request of logs, traces or metrics in OTLP/JSON, as the "
		"output "
		"`file` with format = \"otlp_json\" and the file exporters of other collectors "
		"write "
		"it. A line that is none is left out: counted, and named in the log with its file, "
		"number and column.\n\n"
		"Files are looked for, and looked at, every `interval`. A line counts when it is "
		"ended. A "
		"file "
		"that is renamed is read to its end under its new name, and the one that takes its "
		"place from its beginning; one that is emptied, or replaced in place, is read from "
		"its "
		"beginning. A file that is under no path any more is read to its end, and given up "
		"when it has not grown for 10 s. Files that appear while it runs are read from "
		"their "
		"beginning.\n\n"
		"While there is no room in a queue that waits, nothing is read. How far a file is "
		"done "
		"with is the end of the last line before which all rows were delivered, reduced on "
		"purpose, or booked as lost; that is written to `position` every `interval` and at "
		"the "
		"end. After a crash, lines since then come again. Files are known again by device, "
		"inode and first bytes, whatever their names.",
	.self_size = sizeof(struct file),
	.waits = 1,
	.options = file_options,
	.counters = file_counters,
	.check = file_check,
	.start = file_start,
	.stop = file_stop,
	.set = file_set,
	.timer = file_timer,
	.woken = file_woken,
	.drain = file_drain,
	.report = file_report,
	.settled = file_settled,
	.room = take_turn,
};

SONDE_EXPORT(file_plugin)
