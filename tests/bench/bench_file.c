/* SPDX-License-Identifier: Apache-2.0 */
/* What the output `file` costs a row: batches of 1,000 rows of eight columns, put into words and
 * written to a file in memory.
 *
 * floor: the same bytes, there already, handed to write(). peer: one snprintf() a row, which knows
 * the columns, escapes nothing and keeps the second of a time from the row before. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "dictionary.h"
#include "middle.h"
#include "../../plugins/output/file/writer.h"

enum { RUNS = 7, BATCH_ROWS = 1000, BATCHES = 500, BUFFER_BYTES = 1 << 20 };

struct row {
	int64_t time_ns, wait_ns;
	uint64_t number;
	double share;
	int32_t error;
	uint32_t cpu, word, group; /* codes of texts */
};

static const struct sonde_field fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "wait", .type = SONDE_DURATION, SONDE_MEMBER(struct row, wait_ns) },
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct row, number) },
	{ .name = "share", .type = SONDE_DOUBLE, SONDE_MEMBER(struct row, share) },
	{ .name = "error", .type = SONDE_I32, SONDE_MEMBER(struct row, error) },
	{ .name = "cpu", .type = SONDE_U32, SONDE_MEMBER(struct row, cpu) },
	{ .name = "syscall.name", .type = SONDE_TEXT, SONDE_MEMBER(struct row, word) },
	{ .name = "cgroup", .type = SONDE_TEXT, SONDE_MEMBER(struct row, group) },
	{ 0 }
};

static const struct sonde_schema schema = { .name = "bench",
					    .row_size = sizeof(struct row),
					    .fields = fields };

static const char *const words[] = { "read", "openat", "epoll_wait", "futex" };
static const char *const groups[] = { "/system.slice/ssh.service", "/user.slice/user-1000.slice",
				      "/kubepods.slice/pod-7f3a/web", "/" };

static char path[] = "/dev/shm/sonde-bench-XXXXXX";

static void fail(const char *what)
{
	fprintf(stderr, "bench_file: %s: %s\n", what, strerror(errno));
	unlink(path);
	exit(1);
}

static struct row row_of(uint64_t number)
{
	return (struct row){ .time_ns = INT64_C(1782907200123456789) + (int64_t)number * 1037,
			     .wait_ns = (int64_t)(number * 7919 % 10000000),
			     .number = number,
			     .share = (double)(number % 1000) / 8,
			     .error = -(int32_t)(number % 40),
			     .cpu = (uint32_t)(number % 64),
			     .word = (uint32_t)(number % 4),
			     .group = (uint32_t)(number / 4 % 4) };
}

static struct sonde_batch *make_batch(void)
{
	struct sonde_dictionary *dictionaries[8] = { 0 };
	struct sonde_batch *batch;
	struct row *rows;

	dictionaries[6] = dictionary_create(true);
	dictionaries[7] = dictionary_create(true);
	for (uint32_t index = 0; index < 4; index++) {
		dictionary_add(dictionaries[6], words[index], strlen(words[index]));
		dictionary_add(dictionaries[7], groups[index], strlen(groups[index]));
	}
	batch = batch_create(&schema, BATCH_ROWS, dictionaries);
	if (!batch)
		fail("batch");
	rows = batch_rows(batch);
	for (uint32_t row = 0; row < BATCH_ROWS; row++)
		rows[row] = row_of(row);
	batch_resize(batch, BATCH_ROWS);
	batch_finish(batch);
	dictionary_release(dictionaries[6]);
	dictionary_release(dictionaries[7]);
	return batch;
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- sonde ------------------------------------------------------------------------------- */

/* Returns ns a row, and in *ret_bytes what a batch takes. */
static double sonde_ns(uint32_t format, struct sonde_batch *batch, size_t *ret_bytes)
{
	const struct settings settings = { .path = path,
					   .format = format,
					   .schema = true,
					   .mode = MODE_TRUNCATE,
					   .open_files = 1 };
	const struct sonde_delivery delivery = { .size = sizeof(delivery),
						 .batch_count = 1,
						 .batches = &batch };
	struct sonde_instance instance = { .size = sizeof(instance) };
	struct template template;
	struct store store = { 0 };
	struct writer writer = { 0 };
	char error[160];
	double begin;

	store_open(&store, &instance, &settings);
	if (template_parse(&template, path, error) < 0 ||
	    writer_open(&writer, &instance, &settings, &template, &store) < 0)
		fail("writer");
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++) {
		if (store_begin(&store) < 0 || writer_write(&writer, &delivery, 1) < 0 ||
		    store_commit(&store, false) < 0)
			fail(store.problem);
	}
	begin = cpu_ns() - begin;
	*ret_bytes = writer.bytes;
	writer_close(&writer);
	store_close(&store);
	template_release(&template);
	return begin / BATCHES / BATCH_ROWS;
}

/* ---- floor and peer ---------------------------------------------------------------------- */

static int open_anew(void)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

static double floor_ns(size_t bytes)
{
	char *text = calloc(1, bytes);
	int fd = open_anew();
	double begin = cpu_ns();

	for (uint32_t count = 0; count < BATCHES; count++)
		if (!text || write(fd, text, bytes) != (ssize_t)bytes)
			fail("write");
	begin = cpu_ns() - begin;
	close(fd);
	free(text);
	return begin / BATCHES / BATCH_ROWS;
}

static int print_row(char *at, size_t size, uint32_t format, const struct row *row)
{
	static const char json[] = "{\"schema\":\"bench\",\"time\":\"%s.%09dZ\",\"wait\":%lld,"
				   "\"number\":%llu,\"share\":%.17g,\"error\":%d,\"cpu\":%u,"
				   "\"syscall.name\":\"%s\",\"cgroup\":\"%s\"}\n";
	static const char csv[] = "bench,%s.%09dZ,%lld,%llu,%.17g,%d,%u,%s,%s\r\n";
	static char second_text[32];
	static time_t last;
	time_t second = row->time_ns / 1000000000;
	struct tm when;

	if (second != last) {
		last = second;
		gmtime_r(&second, &when);
		strftime(second_text, sizeof(second_text), "%Y-%m-%dT%H:%M:%S", &when);
	}
	return snprintf(at, size, format == FORMAT_CSV ? csv : json, second_text,
			(int)(row->time_ns % 1000000000), (long long)row->wait_ns,
			(unsigned long long)row->number, row->share, row->error, row->cpu,
			words[row->word], groups[row->group]);
}

static double peer_ns(uint32_t format, struct sonde_batch *batch)
{
	const struct row *rows = batch_rows(batch);
	char *text = malloc(BUFFER_BYTES);
	int fd = open_anew();
	double begin = cpu_ns();

	for (uint32_t count = 0; text && count < BATCHES; count++) {
		size_t length = 0;

		for (uint32_t row = 0; row < BATCH_ROWS; row++)
			length += (size_t)print_row(text + length, BUFFER_BYTES - length, format,
						    &rows[row]);
		if (write(fd, text, length) != (ssize_t)length)
			fail("write");
	}
	begin = cpu_ns() - begin;
	close(fd);
	free(text);
	return begin / BATCHES / BATCH_ROWS;
}

/* ---- results ----------------------------------------------------------------------------- */

/* The larger of a spread and that of these. */
static double spread_with(double spread, double *values)
{
	double own = middle_spread(values, RUNS);

	return own > spread ? own : spread;
}

static void measure(const char *name, uint32_t format)
{
	double sonde[RUNS], least[RUNS], peer[RUNS], to_least[RUNS], to_peer[RUNS];
	double spread;
	struct sonde_batch *batch = make_batch();

	for (int run = 0; run < RUNS; run++) {
		size_t bytes;

		sonde[run] = sonde_ns(format, batch, &bytes);
		least[run] = floor_ns(bytes);
		peer[run] = peer_ns(format, batch);
		to_least[run] = sonde[run] / least[run];
		to_peer[run] = sonde[run] / peer[run];
		fprintf(stderr, "%s: sonde %.1f, floor %.1f, snprintf %.1f ns a row of %zu bytes\n",
			name, sonde[run], least[run], peer[run], bytes / BATCH_ROWS);
	}
	batch_release(batch);
	spread = spread_with(spread_with(spread_with(0, sonde), least), peer);
	printf("{\"name\":\"%s\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":%.4g,"
	       "\"peer_name\":\"snprintf\",\"vs_floor\":%.3g,\"vs_peer\":%.3g,"
	       "\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       name, middle(sonde, RUNS), middle(least, RUNS), middle(peer, RUNS),
	       middle(to_least, RUNS), middle(to_peer, RUNS), spread, RUNS);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "file.json", "file.csv" };
	static const uint32_t formats[] = { FORMAT_JSON, FORMAT_CSV };
	int fd;

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		printf("%s\n%s\n", names[0], names[1]);
		return 0;
	}
	fd = mkstemp(path);
	if (fd < 0)
		fail(path);
	close(fd);
	for (int index = 0; index < 2; index++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || strcmp(argv[at], names[index]) == 0;
		if (wanted)
			measure(names[index], formats[index]);
	}
	unlink(path);
	return 0;
}
