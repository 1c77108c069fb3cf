// SPDX-License-Identifier: Apache-2.0
/* The options of the output `file`: their table, their manual, and what is wrong with them. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "settings.h"
#include "template.h"

static const char *const format_choices[] = { "json", "csv", "otlp_json", "frame", NULL };
static const char *const mode_choices[] = { "append", "truncate", NULL };
static const char *const compression_choices[] = { "none", "zstd", NULL };
static const char *const sync_choices[] = { "never", "interval", "batch", NULL };

const struct sonde_option settings_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, path),
	  .required = true,
	  .help = "file to write, \"%{NAME}\" and \"%Y %m %d %H %M\" filled in by row; \"-\" is "
		  "standard output" },
	{ .name = "format",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, format),
	  .value = "json",
	  .choices = format_choices,
	  .help = "json: a line of JSON a row; csv: a header and a record a row; otlp_json: a "
		  "line of OTLP/JSON an export request; frame: sonde's own, which the input "
		  "`replay` "
		  "reads" },
	{ .name = "schema",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct settings, schema),
	  .value = "true",
	  .help = "begin each row with the name of its schema (json, csv)" },
	{ .name = "mode",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, mode),
	  .value = "append",
	  .choices = mode_choices,
	  .help = "what becomes of a file that is there at the start" },
	{ .name = "compression",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, compression),
	  .value = "none",
	  .choices = compression_choices,
	  .help = "zstd: the path must end in \".zst\"; frames are compressed by themselves" },
	{ .name = "level",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, level),
	  .value = "3",
	  .minimum = "1",
	  .maximum = "19",
	  .knob = true,
	  .help = "of compression: higher is smaller and slower" },
	{ .name = "sync",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, sync),
	  .value = "never",
	  .choices = sync_choices,
	  .help = "when rows count as delivered: once written; once on the disk, synced together "
		  "or each batch" },
	{ .name = "sync_interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, sync_interval_ns),
	  .value = "1s",
	  .minimum = "1ms",
	  .maximum = "1h",
	  .knob = true,
	  .help = "with sync = \"interval\": longest time that rows wait for the disk" },
	{ .name = "rotate_size",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, rotate_bytes),
	  .value = "0B",
	  .knob = true,
	  .help = "close a file before it grows beyond this; 0B: no matter how large" },
	{ .name = "rotate_interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, rotate_every_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .knob = true,
	  .help = "close files at whole multiples of this in UTC: \"1h\", \"1d\"; 0s: never" },
	{ .name = "keep_files",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct settings, keep_files),
	  .value = "0",
	  .knob = true,
	  .help = "delete the oldest closed files of a log beyond so many; 0: keep all" },
	{ .name = "keep_age",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, keep_age_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .knob = true,
	  .help = "delete closed files whose last row was written so long ago; 0s: keep all" },
	{ .name = "keep_size",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, keep_bytes),
	  .value = "0B",
	  .knob = true,
	  .help = "delete the oldest closed files while all of them are larger; 0B: keep all" },
	{ .name = "open_files",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, open_files),
	  .value = "64",
	  .minimum = "1",
	  .maximum = "4096",
	  .help = "files open at once; beyond, the one not used for the longest time is closed" },
	{ .name = "permissions",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, permissions_text),
	  .value = "0640",
	  .help = "of files that are created, in octal, whatever the umask" },
	{ .name = "directory_permissions",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, directory_permissions_text),
	  .value = "0750",
	  .help = "of directories that are created" },
	{ 0 }
};

const char settings_manual[] =
	"JSON: a line is one row: an object whose keys are the columns in their order, after "
	"\"schema\". A row without a value in a column has no such key. Times are RFC 3339 in UTC "
	"with nanoseconds, durations whole nanoseconds, ids hex, bytes base64; NaN and infinities "
	"are the strings \"NaN\", \"Infinity\" and \"-Infinity\". Histograms keep their buckets. "
	"Attributes of the resource and of the instrumentation scope stand in objects of these "
	"names, child tables such as span events in arrays.\n\n"
	"CSV (RFC 4180): each file begins with a header. Attributes of the resource and of the "
	"scope have \"resource.\" and \"scope.\" before their names. A cell without a value is "
	"empty, an empty text is \"\"; values are as in JSON without the quotes, and what has "
	"parts "
	"is JSON in a cell. A column that a row lacks is empty; one that the header lacks closes "
	"the file, and the next one has all columns of both.\n\n"
	"OTLP/JSON: a line is an export request of one signal, as collectors write and read it: "
	"{\"resourceLogs\":[..]}, {\"resourceSpans\":[..]} or {\"resourceMetrics\":[..]}, with "
	"1,000 rows or about 4 MiB of protobuf at most. A file holds one signal, so the path names "
	"\"%{signal}\"; on standard output lines of all signals may follow each other.\n\n"
	"Frames: batches as sonde sends and stores them, with all of their columns, types and "
	"roles, "
	"compressed at `level`. A file is one frame after the other, each whole in itself; the "
	"input "
	"`replay` plays it back.\n\n"
	"Paths: \"%{signal}\" stands for logs, traces or metrics, \"%{schema}\" for the name of "
	"the row's schema, \"%{NAME}\" for its value "
	"in "
	"the column NAME, \"%Y %m %d %H %M\" for its time in UTC (the time of writing if it has "
	"none), \"%%\" for a per cent sign. In a value, slashes, tildes, control characters and a "
	"dot at the beginning become \"_\"; no value is \"_\"; one of more than 80 bytes ends in a "
	"hash of it. Directories are made.\n\n"
	"Closed files: rows.json is renamed to rows~20260701T120000Z.json, with the time of "
	"closing "
	"in UTC. keep_files, keep_age and keep_size delete files with such names, and files of an "
	"earlier time in the path, only where the path's template can have made them; keep_files "
	"counts files that differ in nothing but their times.\n\n"
	"Only whole rows are ever left in a file: when the disk is full or fails, what was written "
	"of a delivery is cut off again and the delivery is tried anew. A file is locked while it "
	"is "
	"open; a torn last row that a crash left is cut off when it is opened. One that was moved "
	"or "
	"deleted is begun anew with the next row.\n\n"
	"With zstd, what is written at once is a frame of its own, so a file can be read up to its "
	"last rows at any time.";

bool settings_is_standard_output(const struct settings *settings)
{
	return strcmp(settings->path, "-") == 0;
}

/* Three or four octal digits. */
static bool parse_permissions(const char *text, mode_t *ret_mode)
{
	char *end;
	unsigned long value = strtoul(text, &end, 8);

	if (*end || strlen(text) < 3 || strlen(text) > 4 || strspn(text, "01234567") < 3)
		return false;
	*ret_mode = (mode_t)value;
	return true;
}

static void check_permissions(struct sonde_instance *instance, const char *option, const char *text,
			      const char *example)
{
	mode_t mode;

	if (!parse_permissions(text, &mode))
		sonde_problem(instance, option,
			      "\"%s\" is no octal number of three or four digits (try \"%s\")",
			      text, example);
}

void settings_resolve(struct settings *settings)
{
	(void)parse_permissions(settings->permissions_text, &settings->permissions);
	(void)parse_permissions(settings->directory_permissions_text,
				&settings->directory_permissions);
}

/* Directories are made, but only in directories. */
static void check_directory(struct sonde_instance *instance, const struct template *template)
{
	char path[TEMPLATE_PATH_BYTES], *directory = path;
	struct stat status;

	template_base(template, path);
	while (stat(directory, &status) < 0 && strcmp(directory, "/") != 0 &&
	       strcmp(directory, ".") != 0)
		directory = dirname(directory);
	if (stat(directory, &status) == 0 && !S_ISDIR(status.st_mode))
		sonde_problem(instance, "path", "%s is no directory", directory);
}

static void check_compression(struct sonde_instance *instance, const struct settings *settings)
{
	size_t length = strlen(settings->path);
	bool ends_so = length > 4 && strcmp(settings->path + length - 4, ".zst") == 0;

	if (settings->compression == COMPRESSION_ZSTD && settings->format == FORMAT_FRAME)
		sonde_problem(instance, "compression",
			      "frames are compressed already, as `level` says: leave it out");
	else if (settings->compression == COMPRESSION_ZSTD && settings_is_standard_output(settings))
		sonde_problem(instance, "compression",
			      "standard output is not compressed: pipe it through zstd");
	else if (settings->compression == COMPRESSION_ZSTD && !ends_so)
		sonde_problem(instance, "path", "\"%s\" is to be compressed: end it in \".zst\"",
			      settings->path);
	else if (settings->format == FORMAT_FRAME && ends_so)
		sonde_problem(instance, "path",
			      "\"%s\" ends in \".zst\", but frames are no file of zstd: end it in "
			      "\".frame\"",
			      settings->path);
	else if (settings->compression == COMPRESSION_NONE && ends_so)
		sonde_problem(
			instance, "compression",
			"the path ends in \".zst\", but nothing is compressed (say \"zstd\")");
}

/* A file of OTLP/JSON holds one signal. */
static void check_signal(struct sonde_instance *instance, const struct settings *settings,
			 const struct template *template)
{
	for (uint32_t at = 0; at < template->part_count; at++)
		if (template->parts[at].kind == PART_SIGNAL)
			return;
	if (settings->format == FORMAT_OTLP_JSON)
		sonde_problem(instance, "path",
			      "\"%s\" does not keep signals apart: with format = \"otlp_json\" it "
			      "names %%{signal}, which is logs, traces or metrics",
			      settings->path);
}

static void check_standard_output(struct sonde_instance *instance, const struct settings *settings)
{
	if (settings->rotate_bytes || settings->rotate_every_ns)
		sonde_problem(instance, settings->rotate_bytes ? "rotate_size" : "rotate_interval",
			      "standard output cannot be closed and begun anew");
	if (settings->keep_files || settings->keep_age_ns || settings->keep_bytes)
		sonde_problem(instance, "path", "standard output leaves no closed files to delete");
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	struct template template;
	char error[160];

	check_permissions(instance, "permissions", settings->permissions_text, "0640");
	check_permissions(instance, "directory_permissions", settings->directory_permissions_text,
			  "0750");
	check_compression(instance, settings);
	if (!settings->path[0]) {
		sonde_problem(instance, "path", "is empty (\"-\" is standard output)");
	} else if (settings_is_standard_output(settings)) {
		check_standard_output(instance, settings);
	} else if (template_parse(&template, settings->path, error) < 0) {
		sonde_problem(instance, "path", "\"%s\": %s", settings->path, error);
	} else {
		if (settings->mode == MODE_TRUNCATE && template.varies)
			sonde_problem(instance, "mode",
				      "\"truncate\" is for one file, and the path names many");
		check_signal(instance, settings, &template);
		check_directory(instance, &template);
		template_release(&template);
	}
}
