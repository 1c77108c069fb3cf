/* SPDX-License-Identifier: Apache-2.0 */
/* What users, cgroups and signals are called, remembered for a while. */
#ifndef PROCESSES_NAMES_H
#define PROCESSES_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_USERS = 64, NAMES_CGROUPS = 256, NAMES_USER_BYTES = 64 };

struct names {
	struct {
		uint64_t looked_ns; /* monotonic; 0: this place is free */
		uint32_t id;
		char name[NAMES_USER_BYTES]; /* "": there is none */
	} users[NAMES_USERS];
	struct {
		uint64_t id; /* 0: this place is free */
		char *path;  /* NULL: it was gone before it could be asked */
	} cgroups[NAMES_CGROUPS];
};

void names_close(struct names *names);

/* The name of a user; NULL: there is none. Valid until the next call. */
const char *names_user(struct names *names, uint32_t id, uint64_t now_ns);

/* The id of a user given by name or number. */
int names_user_id(const char *text, uint32_t *ret_id);

/* The path of a cgroup; NULL: it is not known. Valid until the next call. */
const char *names_cgroup(struct names *names, uint64_t id);

/* "SIGKILL", or "signal 64" where it has no name. */
const char *names_signal(int number, char buffer[24]);

#endif
