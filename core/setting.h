/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of a config read into structs, as option tables say. */
#ifndef SONDE_SETTING_H
#define SONDE_SETTING_H

#include <stdbool.h>
#include <libconfig.h>
#include "arena.h"
#include "option.h"
#include "problem.h"
#include "section.h"

/* A setting that a config has, by its whole path: "outputs.file.queue.memory". */
struct setting_given {
	const char *path;
	struct place place;
	struct setting_given *next;
};

/* Errors after which no more nearest names are looked for: a hostile config could make that long.
 */
enum { SETTING_HINTS_LIMIT = 200 };

/* What reading needs and what it finds out. */
struct setting_reader {
	struct arena *arena;
	struct problems *problems;
	const char *directory;       /* of the file that is being read */
	struct setting_given *given; /* what has been read, the last first */
	bool merging;                /* the group may stand in several files, each key in one */
};

/* One struct and the table that describes it. A list of them ends with options NULL. */
struct setting_table {
	const struct sonde_option *options;
	void *self;
};

/* Reads a group into the structs of the tables, which hold their defaults already. Keys that stand
 * in no table are unknown, unless they are among `parts` (may be NULL), which the caller reads.
 * Everything wrong becomes a problem and leaves its member alone. */
void settings_read(struct setting_reader *reader, const config_setting_t *group, const char *path,
		   const struct setting_table *tables, const struct section_part *parts);

/* Complains about required options of the table that the group does not have. */
void settings_require(struct setting_reader *reader, const config_setting_t *group,
		      const char *path, const struct sonde_option *options);

/* A text, expanded; NULL after a problem: it is none, or does not expand. */
const char *setting_text(struct setting_reader *reader, const config_setting_t *setting,
			 const char *path);

/* Whether it is a group; else a problem says that it should be. */
bool setting_is_group(struct setting_reader *reader, const config_setting_t *setting,
		      const char *path);

/* The entry of that path, or NULL. */
const struct setting_given *setting_find(const struct setting_given *given, const char *path);

/* An error that begins with the path of the setting. */
__attribute__((format(printf, 4, 5))) void setting_complain(struct setting_reader *reader,
							    struct place place, const char *path,
							    const char *format, ...);

/* What the arena gave; a NULL becomes a problem, so that a config never lacks something unnoticed.
 */
void *setting_memory(struct setting_reader *reader, void *memory);

#endif
