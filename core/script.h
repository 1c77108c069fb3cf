/* SPDX-License-Identifier: Apache-2.0 */
/* A test file: which config is tried on which recordings, and what is expected. */
#ifndef SONDE_SCRIPT_H
#define SONDE_SCRIPT_H

#include "config.h"
#include "expectation.h"

/* An input of the config, and what takes its place. */
struct script_input {
	const char *name;
	struct place place;
	struct sonde_texts paths; /* of recordings */
};

struct script {
	struct arena *arena; /* owns everything below, but for what expectations release */
	const char *path;
	const char *config;             /* path */
	struct sonde_texts without;     /* processors that are left out */
	struct sonde_texts environment; /* "NAME=value" */
	struct place without_place;
	struct script_input *inputs;
	uint32_t input_count;
	struct expectation *expectations;
	uint32_t expectation_count;
};

/* Reads a test file; paths in it count from where it lies. Every problem goes into `problems`: 0 if
 * none is an error, else -EINVAL. -errno if the file cannot be read. */
int script_load(const char *path, struct problems *problems, struct script **ret_script);
void script_release(struct script *script); /* NULL is fine */

/* Whether what the test names is in the config. An expectation that names no output is of the only
 * one, if there is only one. */
void script_check(struct script *script, const struct config *config, struct problems *problems);

#endif
