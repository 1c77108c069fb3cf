/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the output `file`. */
#ifndef SONDE_FILE_SETTINGS_H
#define SONDE_FILE_SETTINGS_H

#include <sys/types.h>
#include <sonde/plugin.h>

enum { FORMAT_JSON, FORMAT_CSV, FORMAT_OTLP_JSON, FORMAT_FRAME };
enum { COMPRESSION_NONE, COMPRESSION_ZSTD };
enum { MODE_APPEND, MODE_TRUNCATE };
enum { SYNC_NEVER, SYNC_INTERVAL, SYNC_BATCH };

struct settings {
	const char *path;
	uint32_t format, mode, compression, sync;
	uint32_t level;      /* of compression */
	bool schema;         /* say it in each row; of JSON and CSV */
	uint32_t open_files; /* at most */
	const char *permissions_text, *directory_permissions_text;

	int64_t sync_interval_ns; /* these are knobs */
	uint64_t rotate_bytes;    /* 0: never */
	int64_t rotate_every_ns;  /* 0: never */
	uint64_t keep_files;      /* closed files of one log; 0: all */
	int64_t keep_age_ns;      /* 0: for ever */
	uint64_t keep_bytes;      /* of all closed files; 0: no matter how many */

	mode_t permissions, directory_permissions; /* from their texts, by settings_resolve() */
};

/* A table for a private struct whose first member is a struct settings. */
extern const struct sonde_option settings_options[];
extern const char settings_manual[];

/* Names what is wrong to the instance. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

/* Works out the permissions, of settings in which nothing is wrong. */
void settings_resolve(struct settings *settings);

bool settings_is_standard_output(const struct settings *settings);

#endif
