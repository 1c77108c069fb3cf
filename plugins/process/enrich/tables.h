/* SPDX-License-Identifier: Apache-2.0 */
/* All tables of an instance, and the watch over their files. */
#ifndef ENRICH_TABLES_H
#define ENRICH_TABLES_H

#include "table.h"

struct tables {
	struct sonde_instance *instance;
	struct table *items;
	uint32_t count;
	int watch_fd; /* inotify; -1: none */
};

/* Zeroed, or closed. A negative errno: `why` says what is wrong. tables_close() follows. */
int tables_open(struct tables *tables, struct sonde_instance *instance,
		const struct sonde_groups *settings, size_t limit_bytes, char *why,
		size_t why_bytes);
void tables_close(struct tables *tables);

/* Watches the directories of the files, where that can be had: a file that another one takes the
 * place of is seen too. Called again, takes in directories that have come back. */
void tables_watch(struct tables *tables);

/* For ready() of the instance: takes in what was seen. true: it was the watch's fd. */
bool tables_ready(struct tables *tables, int fd);

/* Reads the files that have changed; tell: the log says so. 0, or a negative errno of the first
 * that is wrong: *ret_problem says how, or is NULL if it did before. */
int tables_look(struct tables *tables, bool tell, const char **ret_problem);

/* Adds what all of them know, one after the other. -ENOMEM. */
int tables_add(struct tables *tables, struct enriched *enriched);

void tables_report(const struct tables *tables, struct sonde_report *report);

#endif
