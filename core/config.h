/* SPDX-License-Identifier: Apache-2.0 */
/* A config file (or a directory of fragments) as structs: everything resolved, defaults filled. */
#ifndef SONDE_CONFIG_H
#define SONDE_CONFIG_H

#include <stdio.h>
#include "arena.h"
#include "log.h"
#include "option.h"
#include "plugin.h"
#include "problem.h"

struct setting_given;

enum { CONFIG_NAMES_LIMIT = 4096 }; /* instances and pipelines */

enum when_full { WHEN_FULL_DROP_OLDEST, WHEN_FULL_DROP_NEWEST, WHEN_FULL_WAIT };

/* The `queue` group of an output, a pipeline or an entry of `to`. */
struct queue_config {
	uint64_t memory_bytes;
	uint64_t disk_bytes; /* 0: none */
	uint32_t when_full;  /* enum when_full */
	bool turn_down;      /* inputs are, when it is full for long; see pressure.h */
};

/* The `retry` group of an output: backoff between offers of a delivery. */
struct retry_config {
	int64_t first_ns, longest_ns; /* doubles in between, with jitter */
	int64_t give_up_ns;           /* 0: never; else lost as "expired" */
};

/* The `privileges` group of `sonde`. */
struct privilege_config {
	const char *user, *group; /* names or numbers; NULL: as docs/privileges.md says */
	struct sonde_texts keep;  /* capabilities to hold besides what inputs need */
	uint64_t keep_set;        /* the same as bits */
};

/* Capabilities as bits. What is needed to run is needed to start. */
struct needs {
	uint64_t start, running;
};

/* The `sonde` group. */
struct daemon_config {
	const char *state;           /* directory; NULL: the default of the user */
	const char *control;         /* socket path; NULL: the default of the user */
	int64_t drain_ns;            /* bound of SIGTERM's drain; "5s" */
	int64_t slow_ns;             /* a callback longer than this is named; "1s" */
	uint64_t memory_bytes;       /* bound of all memory; 0: a share of the machine's */
	struct sonde_texts plugins;  /* directories before the built-in one */
	struct sonde_texts resource; /* "key=value" attributes of everything that is sent */
	struct log_settings log;
	struct privilege_config privileges;
};

struct instance_config {
	const char *name;
	struct place place;
	uint32_t kind;           /* enum sonde_kind */
	const char *plugin_name; /* as the config says it: a name or a path */
	const struct plugin
		*plugin;  /* loaded; NULL, as self, only where config_load() found errors */
	void *self;       /* self_size bytes with the options filled; the template of replicas */
	uint32_t threads; /* 0: shares a loop; N: N replicas with a thread each */
	struct queue_config queue; /* outputs: default of their routes */
	struct retry_config retry; /* outputs */
	const char
		*source; /* its group, effective, secrets hashed: two equal sources are unchanged */
	const char *fixed_source;          /* of it what cannot change while it runs */
	bool routed;                       /* some pipeline names it */
	struct needs needs;                /* as its check() declares them */
	const struct setting_given *given; /* what the file says of it; the rest are defaults */
};

/* One entry of from, through or to: exactly one of instance and pipeline is set. */
struct config_reference {
	struct place place;
	struct instance_config *instance;
	struct pipeline_config *pipeline;
	const char *where;         /* to: condition; NULL: all rows */
	struct queue_config queue; /* to: this route's own; else the output's */
};

struct pipeline_config {
	const char *name;
	struct place place;
	uint32_t from_count, through_count, to_count;
	struct config_reference *from, *through, *to;
	uint32_t threads;
	struct queue_config
		queue;      /* of what comes in, for each source; default 16MiB, drop_newest */
	uint32_t order;     /* position in a topological order, sources first */
	const char *source; /* as of an instance */
	const struct setting_given *given;
};

struct config {
	struct arena *arena; /* owns everything below */
	uint32_t holders;    /* beyond the one that loaded it */
	const char *path;
	struct daemon_config daemon;
	const struct setting_given *daemon_given;
	uint32_t instance_count, pipeline_count;
	struct instance_config *instances;
	struct pipeline_config *pipelines;
};

/* Reads a file, or all *.conf of a directory in the order of their names. Every problem goes into
 * `problems`; 0 if none is an error, else -EINVAL (and *ret_config is what could be understood, or
 * NULL). -errno if the file cannot be read. Touches nothing but files, and loads plugins. */
int config_load(const char *path, struct catalog *catalog, struct problems *problems,
		struct config **ret_config);
/* One more holder, each of which releases it. On one thread. */
struct config *config_hold(struct config *config);
void config_release(struct config *config);

/* The effective config, every option with its value, in the config language; defaults are marked,
 * secrets are "***". What it prints reads back as the same config, but for secrets. */
void config_show(const struct config *config, FILE *file);

/* The place of an option of an instance ("interval", "queue.memory"), or of the instance where the
 * option is a default. */
struct place config_place(const struct instance_config *instance, const char *option);

#endif
