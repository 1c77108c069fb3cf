/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: whose it is, and where things lie in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "state.h"

struct state {
	char path[PATH_MAX];
	char ledger[PATH_MAX + 16];
	int lock_fd;
};

int directory_make(const char *path, unsigned int mode)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return -ENAMETOOLONG;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, mode) && errno != EEXIST ? -errno : 0;
}

/* A directory that the service manager made for this service, of several the first. */
static bool service_directory(const char *variable, char *buffer, size_t size)
{
	const char *given = getenv(variable);
	size_t length = given ? strcspn(given, ":") : 0;

	if (!length || given[0] != '/')
		return false;
	snprintf(buffer, size, "%.*s", (int)length, given);
	return true;
}

static void default_path(char *buffer, size_t size)
{
	const char *state_home = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (service_directory("STATE_DIRECTORY", buffer, size))
		return;
	if (!geteuid())
		snprintf(buffer, size, "/var/lib/sonde");
	else if (state_home && *state_home)
		snprintf(buffer, size, "%s/sonde", state_home);
	else
		snprintf(buffer, size, "%s/.local/state/sonde", home && *home ? home : "/tmp");
}

int control_path(const char *control, const char *state, char *buffer, size_t size)
{
	char directory[PATH_MAX];
	int length;

	if (control) {
		length = snprintf(buffer, size, "%s", control);
	} else if (state) {
		length = snprintf(buffer, size, "%s/control.sock", state);
	} else if (service_directory("RUNTIME_DIRECTORY", directory, sizeof(directory))) {
		length = snprintf(buffer, size, "%s/control.sock", directory);
	} else if (!geteuid()) {
		length = snprintf(buffer, size, "/run/sonde/control.sock");
	} else {
		default_path(directory, sizeof(directory));
		length = snprintf(buffer, size, "%s/control.sock", directory);
	}
	if (length >= (int)size || length >= (int)sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

static int state_lock(struct state *state, char *error, size_t error_size)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/lock", state->path);
	state->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (state->lock_fd < 0) {
		snprintf(error, error_size,
			 "cannot write to the state directory %s: %s (name "
			 "another with sonde.state)",
			 state->path, strerror(errno));
		return -errno;
	}
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB)) {
		snprintf(error, error_size,
			 "another sonde uses the state directory %s (give each "
			 "its own with sonde.state)",
			 state->path);
		return -EBUSY;
	}
	return 0;
}

int state_open(const char *path, struct state **ret_state, char *error, size_t error_size)
{
	struct state *state = calloc(1, sizeof(*state));
	int result;

	if (!state)
		return -ENOMEM;
	state->lock_fd = -1;
	if (path)
		snprintf(state->path, sizeof(state->path), "%s", path);
	else
		default_path(state->path, sizeof(state->path));
	snprintf(state->ledger, sizeof(state->ledger), "%s/ledger", state->path);
	result = directory_make(state->path, 0750);
	if (result)
		snprintf(error, error_size,
			 "cannot make the state directory %s: %s (name another "
			 "with sonde.state)",
			 state->path, strerror(-result));
	else
		result = state_lock(state, error, error_size);
	if (result) {
		state_close(state);
		return result;
	}
	*ret_state = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	free(state);
}

const char *state_path(const struct state *state)
{
	return state->path;
}

const char *state_ledger_path(const struct state *state)
{
	return state->ledger;
}
