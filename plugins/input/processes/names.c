// SPDX-License-Identifier: Apache-2.0
/* Asks the host what users and cgroups are called, and remembers the answers. */
#include "names.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sonde/kernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGE_NS 60000000000ull /* a user's name is asked for anew after that */
#define ENTRY_BYTES 4096           /* of one line of the list of users */

void names_close(struct names *names)
{
	for (int i = 0; i < NAMES_CGROUPS; i++)
		free(names->cgroups[i].path);
	memset(names, 0, sizeof(*names));
}

const char *names_user(struct names *names, uint32_t id, uint64_t now_ns)
{
	uint32_t place = id % NAMES_USERS;
	struct passwd entry, *found = NULL;
	char room[ENTRY_BYTES];

	if (!names->users[place].looked_ns || names->users[place].id != id ||
	    now_ns - names->users[place].looked_ns > USER_AGE_NS) {
		names->users[place].id = id;
		names->users[place].looked_ns = now_ns ? now_ns : 1;
		(void)getpwuid_r(id, &entry, room, sizeof(room), &found);
		snprintf(names->users[place].name, NAMES_USER_BYTES, "%s",
			 found ? entry.pw_name : "");
	}
	return names->users[place].name[0] ? names->users[place].name : NULL;
}

int names_user_id(const char *text, uint32_t *ret_id)
{
	struct passwd entry, *found = NULL;
	char room[ENTRY_BYTES], *end;
	unsigned long id;

	errno = 0;
	id = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && id < UINT32_MAX) {
		*ret_id = (uint32_t)id;
		return 0;
	}
	(void)getpwnam_r(text, &entry, room, sizeof(room), &found);
	if (!found)
		return -ENOENT;
	*ret_id = entry.pw_uid;
	return 0;
}

const char *names_cgroup(struct names *names, uint64_t id)
{
	uint32_t place = id % NAMES_CGROUPS;
	char path[PATH_MAX];
	int error;

	if (names->cgroups[place].id == id)
		return names->cgroups[place].path;
	error = sonde_kernel_cgroup_path(id, path, sizeof(path));
	if (error == -EAGAIN)
		return NULL;
	free(names->cgroups[place].path);
	names->cgroups[place].path = error ? NULL : strdup(path);
	names->cgroups[place].id = id;
	return names->cgroups[place].path;
}

const char *names_signal(int number, char buffer[24])
{
	const char *name = sigabbrev_np(number);

	if (name)
		snprintf(buffer, 24, "SIG%s", name);
	else
		snprintf(buffer, 24, "signal %d", number);
	return buffer;
}
