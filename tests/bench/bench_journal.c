// SPDX-License-Identifier: Apache-2.0
/* How fast records of 64 KiB go into a journal and come out of it, in the directory that TMPDIR
 * names, or /var/tmp. journal.append and journal.read are MB per second of CPU, the others of time.
 *
 * floors: the same bytes by plain write() into a file that grows, with fdatasync() as often; and by
 * plain read(), of a file that the kernel has in memory (journal.read) or not (journal.replay). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "middle.h"

enum {
	RUNS = 7,
	RECORD_BYTES = 64 << 10,
	RECORDS = 4096,      /* 256 MiB */
	SYNCED_RECORDS = 64, /* 4 MiB a sync */
};

static char directory[256], journal_path[300], floor_path[300];
static unsigned char *content;

static void fail(const char *what)
{
	fprintf(stderr, "bench_journal: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of this CPU where no disk is waited for: other processes do not change that as much. */
static clockid_t clock_used;

static double seconds(void)
{
	struct timespec time;

	clock_gettime(clock_used, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double rate(double begin)
{
	return (double)RECORDS * RECORD_BYTES / 1e6 / (seconds() - begin);
}

/* ---- sonde ------------------------------------------------------------------------------- */

static struct journal *opened(void)
{
	const struct journal_settings settings = { .path = journal_path,
						   .limit_bytes = UINT64_C(1) << 30 };
	struct journal *journal = NULL;
	char error[256] = "";

	if (journal_open(&settings, &journal, error, sizeof(error))) {
		fprintf(stderr, "bench_journal: %s\n", error);
		exit(1);
	}
	return journal;
}

static double sonde_append(uint32_t synced_records)
{
	struct journal *journal = opened();
	struct journal_record record = { .rows = 500,
					 .events = 500,
					 .origin = "edge",
					 .data = content,
					 .length = RECORD_BYTES };
	double begin = seconds(), result;

	for (uint32_t count = 1; count <= RECORDS; count++) {
		memcpy(record.stream, "one of the edges", sizeof(record.stream));
		record.sequence = count;
		if (journal_append(journal, &record) < 0)
			fail("append");
		if (synced_records && count % synced_records == 0 &&
		    journal_sync(journal, NULL) < 0)
			fail("sync");
	}
	result = rate(begin);
	journal_sync(journal, NULL);
	journal_release(journal, RECORDS + 1);
	journal_close(journal, true);
	return result;
}

static double sonde_read(struct journal *journal)
{
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .number = 0 };
	double begin = seconds();
	uint32_t count = 0;

	while (!journal_read(reading, record.number + 1, &record, NULL))
		count++;
	if (count != RECORDS)
		fail("read");
	begin = rate(begin);
	journal_reading_free(reading);
	return begin;
}

/* ---- floors ------------------------------------------------------------------------------ */

static double floor_write(uint32_t synced_records)
{
	int fd = open(floor_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	double begin = seconds(), result;

	if (fd < 0)
		fail(floor_path);
	for (uint32_t count = 1; count <= RECORDS; count++) {
		if (write(fd, content, RECORD_BYTES) != RECORD_BYTES)
			fail("write");
		if (synced_records && count % synced_records == 0 && fdatasync(fd))
			fail("fdatasync");
	}
	result = rate(begin);
	fdatasync(fd);
	close(fd);
	return result;
}

static double floor_read(void)
{
	int fd = open(floor_path, O_RDONLY | O_CLOEXEC);
	unsigned char *buffer = malloc(RECORD_BYTES);
	double begin = seconds();
	uint32_t count = 0;

	while (fd >= 0 && buffer && read(fd, buffer, RECORD_BYTES) == RECORD_BYTES)
		count++;
	if (count != RECORDS)
		fail("read");
	begin = rate(begin);
	close(fd);
	free(buffer);
	return begin;
}

/* The kernel forgets what the files hold. */
static void forget(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		fail(path);
	close(fd);
}

static void journal_forget(void)
{
	DIR *entries = opendir(journal_path);
	const struct dirent *entry;
	char path[600];

	if (!entries)
		fail(journal_path);
	while ((entry = readdir(entries))) {
		snprintf(path, sizeof(path), "%s/%s", journal_path, entry->d_name);
		if (entry->d_name[0] != '.')
			forget(path);
	}
	closedir(entries);
}

/* ---- results ----------------------------------------------------------------------------- */

static void clock_choose(bool waits)
{
	clock_used = waits ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
}

static void print(const char *name, double *sonde, double *least)
{
	double ratios[RUNS], spread, other;

	for (int run = 0; run < RUNS; run++) {
		ratios[run] = sonde[run] / least[run];
		fprintf(stderr, "%s: sonde %.0f, floor %.0f MB/s\n", name, sonde[run], least[run]);
	}
	spread = middle_spread(sonde, RUNS);
	other = middle_spread(least, RUNS);
	printf("{\"name\":\"%s\",\"unit\":\"MB/s\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,\"better\":\"more\","
	       "\"spread\":%.3g,\"runs\":%d}\n",
	       name, middle(sonde, RUNS), middle(least, RUNS), middle(ratios, RUNS),
	       spread > other ? spread : other, RUNS);
	fflush(stdout);
}

static void measure_append(const char *name, uint32_t synced_records)
{
	double sonde[RUNS], least[RUNS];

	clock_choose(synced_records);
	for (int run = 0; run < RUNS; run++) {
		sonde[run] = sonde_append(synced_records);
		least[run] = floor_write(synced_records);
		unlink(floor_path);
	}
	print(name, sonde, least);
}

static void measure_read(const char *name, bool forgotten)
{
	double sonde[RUNS], least[RUNS];
	struct journal *journal = opened();
	struct journal_record record = { .rows = 500, .data = content, .length = RECORD_BYTES };

	for (uint32_t count = 0; count < RECORDS; count++)
		if (journal_append(journal, &record) < 0)
			fail("append");
	if (journal_sync(journal, NULL) < 0)
		fail("sync");
	floor_write(0);
	clock_choose(forgotten);
	for (int run = 0; run < RUNS; run++) {
		if (forgotten) {
			journal_forget();
			forget(floor_path);
		}
		sonde[run] = sonde_read(journal);
		least[run] = floor_read();
	}
	journal_release(journal, RECORDS + 1);
	journal_close(journal, true);
	unlink(floor_path);
	print(name, sonde, least);
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int at = 1; at < argc; at++)
		if (strcmp(argv[at], name) == 0)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const char *place = getenv("TMPDIR");

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		printf("journal.append\njournal.sync\njournal.read\njournal.replay\n");
		return 0;
	}
	snprintf(directory, sizeof(directory), "%.200s/sonde-bench-XXXXXX",
		 place && *place ? place : "/var/tmp");
	if (!mkdtemp(directory))
		fail(directory);
	snprintf(journal_path, sizeof(journal_path), "%s/journal", directory);
	snprintf(floor_path, sizeof(floor_path), "%s/floor", directory);
	content = malloc(RECORD_BYTES);
	if (!content)
		fail("memory");
	for (size_t i = 0; i < RECORD_BYTES; i++)
		content[i] = (unsigned char)(i * 2654435761U >> 13);
	if (wanted(argc, argv, "journal.append"))
		measure_append("journal.append", 0);
	if (wanted(argc, argv, "journal.sync"))
		measure_append("journal.sync", SYNCED_RECORDS);
	if (wanted(argc, argv, "journal.read"))
		measure_read("journal.read", false);
	if (wanted(argc, argv, "journal.replay"))
		measure_read("journal.replay", true);
	free(content);
	rmdir(directory);
	return 0;
}
