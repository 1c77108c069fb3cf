/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon itself understands in a config, in the same tables that plugins use. */
#ifndef SONDE_SECTION_H
#define SONDE_SECTION_H

#include <sonde/plugin.h>

/* The sections of a config; instances of enum sonde_kind are in the section of that number. */
enum section {
	SECTION_SONDE,
	SECTION_INPUTS,
	SECTION_PROCESSORS,
	SECTION_OUTPUTS,
	SECTION_PIPELINES
};

/* "sonde", "inputs" …, ended by NULL. */
extern const char *const section_names[];

/* What an instance says besides its plugin's options. */
struct instance_keys {
	const char *plugin;
	uint32_t threads;
};

/* What an entry of `to` says. */
struct route_keys {
	const char *output, *where;
};

/* A key that a section understands besides its options, and that is read by code of its own: a list
 * of names, a group. A table of them ends with name NULL. */
struct section_part {
	const char *name, *help;
	const char *detail;                 /* type and default, for the manual; NULL: a group */
	const struct sonde_option *options; /* of a group; NULL: none */
};

extern const struct sonde_option daemon_options[];         /* of struct daemon_config */
extern const struct sonde_option privilege_options[];      /* of struct privilege_config */
extern const struct sonde_option instance_options[];       /* of struct instance_keys */
extern const struct sonde_option pipeline_options[];       /* of struct pipeline_config */
extern const struct sonde_option route_options[];          /* of struct route_keys */
extern const struct sonde_option output_queue_options[];   /* of struct queue_config */
extern const struct sonde_option pipeline_queue_options[]; /* the same with other defaults */
extern const struct sonde_option retry_options[];          /* of struct retry_config */

extern const struct section_part daemon_parts[];
extern const struct section_part output_parts[];
extern const struct section_part pipeline_parts[];
extern const struct section_part route_parts[];

#endif
