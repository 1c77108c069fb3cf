// SPDX-License-Identifier: Apache-2.0
/* Tables one after the other, and inotify on the directories that their files are in. */
#include "tables.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

int tables_open(struct tables *tables, struct sonde_instance *instance,
		const struct sonde_groups *settings, size_t limit_bytes, char *why,
		size_t why_bytes)
{
	const struct table_settings *items = settings->items;

	*tables = (struct tables){ .instance = instance, .watch_fd = -1 };
	if (!settings->count)
		return 0;
	tables->items = calloc(settings->count, sizeof(*tables->items));
	if (!tables->items) {
		snprintf(why, why_bytes, "no memory for %u tables", settings->count);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < settings->count; i++, tables->count++)
		if (!table_open(&tables->items[i], instance, &items[i], limit_bytes, why,
				why_bytes))
			return -EINVAL;
	return 0;
}

void tables_close(struct tables *tables)
{
	if (!tables->instance)
		return;
	for (uint32_t i = 0; i < tables->count; i++)
		table_close(&tables->items[i]);
	free(tables->items);
	if (tables->watch_fd >= 0) {
		(void)sonde_unwatch(tables->instance, tables->watch_fd);
		close(tables->watch_fd);
	}
	*tables = (struct tables){ .watch_fd = -1 };
}

static void directory_watch(const struct tables *tables, const char *file)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", file) < (int)sizeof(copy))
		(void)inotify_add_watch(tables->watch_fd, dirname(copy),
					IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
						IN_CREATE | IN_ATTRIB);
}

/* Without a watch, they are looked at from time to time. */
void tables_watch(struct tables *tables)
{
	if (!tables->count)
		return;
	if (tables->watch_fd < 0) {
		tables->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (tables->watch_fd < 0)
			return;
		if (sonde_watch(tables->instance, tables->watch_fd, SONDE_READABLE)) {
			close(tables->watch_fd);
			tables->watch_fd = -1;
			return;
		}
	}
	for (uint32_t i = 0; i < tables->count; i++)
		directory_watch(tables, tables->items[i].settings->file);
}

bool tables_ready(struct tables *tables, int fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	if (fd != tables->watch_fd || fd < 0)
		return false;
	while (read(fd, events, sizeof(events)) > 0)
		; /* whatever it is, the files are looked at */
	return true;
}

int tables_look(struct tables *tables, bool tell, const char **ret_problem)
{
	int first = 0;

	*ret_problem = NULL;
	for (uint32_t i = 0; i < tables->count; i++) {
		struct table *table = &tables->items[i];
		uint64_t loads = table->load_count;
		int result = table_load(table);

		if (tell && table->load_count != loads)
			sonde_log(tables->instance, SONDE_INFO, "%s: %u records read in %.1f ms",
				  table->settings->file, table->content.facts.count - 1,
				  table->load_ms);
		if (!result)
			continue;
		first = first ? first : result;
		if (result != -EAGAIN && !*ret_problem)
			*ret_problem = table->problem;
	}
	return first;
}

int tables_add(struct tables *tables, struct enriched *enriched)
{
	int first = 0;

	for (uint32_t i = 0; i < tables->count; i++) {
		int result = table_add(&tables->items[i], enriched);

		first = first ? first : result;
	}
	return first;
}

static void time_print(int64_t time_ns, char text[32])
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm parts;

	text[0] = 0;
	if (time_ns && gmtime_r(&seconds, &parts))
		(void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

void tables_report(const struct tables *tables, struct sonde_report *report)
{
	struct sonde_instance *instance = tables->instance;

	for (uint32_t i = 0; i < tables->count; i++) {
		const struct table *table = &tables->items[i];
		const char *row = table->settings->file;
		uint32_t records = table->loaded ? table->content.facts.count - 1 : 0;
		char text[32];

		time_print(table->loaded_ns, text);
		sonde_report(instance, report, "tables", row, "records", "{record}", records);
		sonde_report(instance, report, "tables", row, "found", "{row}",
			     (double)table->hit_count);
		sonde_report(instance, report, "tables", row, "missed", "{row}",
			     (double)table->miss_count);
		sonde_report(instance, report, "tables", row, "loads", "{load}",
			     (double)table->load_count);
		sonde_report(instance, report, "tables", row, "load", "ms", table->load_ms);
		sonde_report_text(instance, report, "tables", row, "loaded", text);
		sonde_report(instance, report, "tables", row, "memory", "By",
			     (double)(facts_bytes(&table->content.facts) +
				      index_bytes(&table->content.index)));
		sonde_report_text(instance, report, "tables", row, "problem", table->problem);
	}
}
