/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users: those of a file like /etc/passwd, read again when it has changed. */
#ifndef ENRICH_USERS_H
#define ENRICH_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct user {
	uint32_t id;
	uint32_t name; /* where it begins in `names` */
};

/* Zeroed, with its path filled in, it knows nobody. */
struct users {
	const char *path;
	struct user *users; /* by id */
	uint32_t count, capacity;
	char *names; /* each ended by a zero byte */
	size_t name_bytes, name_capacity;
	struct stat seen;  /* of the file when it was read */
	int64_t looked_ns; /* monotonic: when it was looked at last; 0: never */
	uint32_t version;  /* rises when names may have changed */
};

void users_close(struct users *users);

/* Looks, once a second at most, whether the file has changed, and reads it then. now_ns:
 * monotonic. A file that cannot be read leaves what was known. */
void users_look(struct users *users, int64_t now_ns);

/* The name of a user; NULL: there is none. Valid until the next look. */
const char *users_name(const struct users *users, uint32_t id);

#endif
