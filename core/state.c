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

#include "identity.h"
#include "ledger.h"
#include "state.h"

struct state {
	char path[PATH_MAX];
	char ledger[PATH_MAX + 16], host[PATH_MAX + 16];
	int lock_fd;
	struct identity identity;
	char note[2 * PATH_MAX + 512];
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

/* The lock holds the number of its owner's process, for the message to others. */
static int lock_owner(int fd)
{
	char digits[16] = "";

	return pread(fd, digits, sizeof(digits) - 1, 0) > 0 ? atoi(digits) : 0;
}

/* Always of one length: a file system may write out at once what takes the place of a file that
 * was emptied. */
static int lock_sign(int fd)
{
	char digits[16];
	int length = snprintf(digits, sizeof(digits), "%-10d\n", (int)getpid());

	return pwrite(fd, digits, (size_t)length, 0) == length ? 0 : -1;
}

static int state_lock(struct state *state, char *error, size_t error_size)
{
	char path[PATH_MAX + 16], owner[32] = "";
	int pid;

	snprintf(path, sizeof(path), "%s/lock", state->path);
	state->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (state->lock_fd >= 0 && flock(state->lock_fd, LOCK_EX | LOCK_NB)) {
		pid = lock_owner(state->lock_fd);
		if (pid > 0)
			snprintf(owner, sizeof(owner), ", process %d", pid);
		snprintf(error, error_size,
			 "another sonde uses the state directory %s%s (give each "
			 "its own with sonde.state)",
			 state->path, owner);
		return -EBUSY;
	}
	errno = state->lock_fd < 0 ? errno : ENOSPC;
	if (state->lock_fd < 0 || lock_sign(state->lock_fd)) {
		int result = -errno;

		snprintf(error, error_size,
			 "cannot write to the state directory %s: %s (name "
			 "another with sonde.state)",
			 state->path, strerror(errno));
		return result;
	}
	return 0;
}

/* Moves a file that cannot be used out of the way; what was there from earlier goes. */
static int set_aside(struct state *state, const char *path, const char *meaning)
{
	char aside[PATH_MAX + 32];
	size_t length = strlen(state->note);

	snprintf(aside, sizeof(aside), "%s.damaged", path);
	if (rename(path, aside))
		return -errno;
	snprintf(state->note + length, sizeof(state->note) - length,
		 "%s%s is damaged and was set aside as %s.damaged: %s", length ? "; " : "", path,
		 strrchr(path, '/') + 1, meaning);
	return 0;
}

static int state_identify(struct state *state, char *error, size_t error_size)
{
	int result = identity_open(state->host, &state->identity);

	if (result == -EBADMSG &&
	    !set_aside(state, state->host, "from now on this sonde has another id"))
		result = identity_open(state->host, &state->identity);
	if (result)
		snprintf(error, error_size, "cannot read or make %s: %s", state->host,
			 strerror(-result));
	return result;
}

int state_open(const char *path, struct state **ret_state, char *error, size_t error_size)
{
	struct state *state = calloc(1, sizeof(*state));
	int result;

	if (!state)
		return -ENOMEM;
	state->lock_fd = state->identity.fd = -1;
	if (path)
		snprintf(state->path, sizeof(state->path), "%s", path);
	else
		default_path(state->path, sizeof(state->path));
	snprintf(state->ledger, sizeof(state->ledger), "%s/ledger", state->path);
	snprintf(state->host, sizeof(state->host), "%s/host", state->path);
	result = directory_make(state->path, 0750);
	if (result)
		snprintf(error, error_size,
			 "cannot make the state directory %s: %s (name another "
			 "with sonde.state)",
			 state->path, strerror(-result));
	else
		result = state_lock(state, error, error_size);
	if (!result)
		result = state_identify(state, error, error_size);
	if (result) {
		state_close(state);
		return result;
	}
	*ret_state = state;
	return 0;
}

/* The run's number is kept in two places, and goes on from the greater: so neither a ledger that is
 * moved away nor a new id makes it come again. */
static int state_begin(struct state *state, struct ledger *ledger)
{
	ledger_raise_epoch(ledger, state->identity.epoch + 1);
	return identity_begin(&state->identity, ledger_epoch(ledger));
}

static const char *ledger_mend(int error)
{
	switch (error) {
	case -EBADMSG:
		return "it is no ledger: move it away, or name another directory with sonde.state";
	case -EPROTONOSUPPORT:
		return "it is that of another version of sonde: move it away, or run that version";
	default:
		return strerror(-error);
	}
}

int state_open_ledger(struct state *state, struct ledger **ret_ledger, char *error,
		      size_t error_size)
{
	int result = ledger_open(state->ledger, ret_ledger);

	if (result == -EUCLEAN && !set_aside(state, state->ledger, "its counters begin anew"))
		result = ledger_open(state->ledger, ret_ledger);
	if (result) {
		snprintf(error, error_size, "cannot open the ledger %s: %s", state->ledger,
			 ledger_mend(result));
		return result;
	}
	result = state_begin(state, *ret_ledger);
	if (result) {
		snprintf(error, error_size, "cannot write to %s: %s", state->host,
			 strerror(-result));
		ledger_close(*ret_ledger);
		*ret_ledger = NULL;
	}
	return result;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	identity_close(&state->identity);
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	free(state);
}

const char *state_host_id(const struct state *state)
{
	return state->identity.id;
}

const char *state_note(const struct state *state)
{
	return state->note;
}

const char *state_path(const struct state *state)
{
	return state->path;
}

const char *state_ledger_path(const struct state *state)
{
	return state->ledger;
}
