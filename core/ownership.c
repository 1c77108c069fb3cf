/* SPDX-License-Identifier: Apache-2.0 */
/* Files across the change of user: what is handed over to it, and what it will not be able to
 * reach. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "privilege.h"

static const char run_directory[] = "/run/sonde"; /* of root's control socket, by default */

/* What the daemon itself makes in the state directory. */
static const char *const own_names[] = { "lock",   "host",       "host.new",       "host.damaged",
					 "ledger", "ledger.new", "ledger.damaged", "control.sock",
					 "queues", "commits" };
/* Of these, directories: what lies in them is made by the daemon alone. */
static const char *const own_directories[] = { "queues", "commits" };
enum { DIRECTORY_DEPTH = 2 };

static bool is_own(const char *name)
{
	for (size_t i = 0; i < sizeof(own_names) / sizeof(*own_names); i++) {
		if (!strcmp(name, own_names[i]))
			return true;
	}
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Gives a file that is root's to the user, and follows no link. A socket that is for the group of
 * `nobody` would be for too many: it stays root's. */
static void file_give(const struct privilege *privilege, int directory_fd, const char *name)
{
	struct stat status;
	int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && !fstat(fd, &status) && !status.st_uid && status.st_nlink == 1 &&
	    (S_ISREG(status.st_mode) || (S_ISSOCK(status.st_mode) && !privilege->shared)) &&
	    fchownat(fd, "", privilege->uid, privilege->gid, AT_EMPTY_PATH))
		log_write(SONDE_WARNING, NULL, "cannot give %s to the user %s: %s", name,
			  privilege->user, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Whether the directory is root's alone and holds nothing but what the daemon makes, so that no one
 * else's is given away. */
static bool directory_is_own(int fd)
{
	struct dirent *entry;
	struct stat status;
	DIR *directory;
	bool own = true;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	if (fstat(fd, &status) || status.st_uid || status.st_mode & (S_IWGRP | S_IWOTH))
		own = false;
	while (own && (entry = readdir(directory)))
		own = is_own(entry->d_name);
	closedir(directory);
	return own;
}

/* Directories that are for sonde alone by their names; a service manager makes them root's again
 * with each start. */
static bool directory_is_dedicated(const char *path)
{
	const char *state = getenv("STATE_DIRECTORY"), *runtime = getenv("RUNTIME_DIRECTORY");

	return !strcmp(path, "/var/lib/sonde") || !strcmp(path, run_directory) ||
	       (state && !strcmp(path, state)) || (runtime && !strcmp(path, runtime));
}

static void files_give(const struct privilege *privilege, int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		file_give(privilege, fd, entry->d_name);
	if (directory)
		closedir(directory);
	else if (copy >= 0)
		close(copy);
}

/* A directory of root's and all that is in it. */
static void tree_give(const struct privilege *privilege, int directory_fd, const char *name,
		      int depth)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	DIR *directory;
	struct dirent *entry;

	if (fd < 0)
		return;
	if (!fstat(fd, &status) && !status.st_uid && fchown(fd, privilege->uid, privilege->gid))
		log_write(SONDE_WARNING, NULL, "cannot give %s to the user %s: %s", name,
			  privilege->user, strerror(errno));
	files_give(privilege, fd);
	directory = depth > 1 ? fdopendir(fd) : NULL;
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] != '.')
			tree_give(privilege, dirfd(directory), entry->d_name, depth - 1);
	}
	if (directory)
		closedir(directory);
	else
		close(fd);
}

static void directory_give(const struct privilege *privilege, const char *path)
{
	bool dedicated = directory_is_dedicated(path);
	struct stat status;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if ((dedicated || directory_is_own(fd)) && fchown(fd, privilege->uid, privilege->gid))
		log_write(SONDE_WARNING, NULL, "cannot give %s to the user %s: %s", path,
			  privilege->user, strerror(errno));
	if (dedicated)
		files_give(privilege, fd);
	else if (!fstat(fd, &status) && status.st_uid == privilege->uid)
		for (size_t i = 0; i < sizeof(own_names) / sizeof(*own_names); i++)
			file_give(privilege, fd, own_names[i]);
	if (!fstat(fd, &status) && status.st_uid == privilege->uid)
		for (size_t i = 0; i < sizeof(own_directories) / sizeof(*own_directories); i++)
			tree_give(privilege, fd, own_directories[i], DIRECTORY_DEPTH);
	close(fd);
}

void privilege_hand_over(const struct privilege *privilege, const char *state_path,
			 const char *control_path)
{
	char directory[PATH_MAX];
	char *slash;

	if (!privilege->switches)
		return;
	directory_give(privilege, state_path);
	snprintf(directory, sizeof(directory), "%s", control_path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	if (directory_is_dedicated(directory))
		directory_give(privilege, directory);
	file_give(privilege, AT_FDCWD, control_path);
}

/* ---- what will not be reached ------------------------------------------------------------ */

static bool may(const char *path, int how)
{
	return !faccessat(AT_FDCWD, path, how, AT_EACCESS);
}

/* By its name in /proc, as the fd is another thread's and may be closed meanwhile. */
static bool is_written(int directory_fd, const char *name)
{
	int flags = fcntl(atoi(name), F_GETFL);
	struct stat status;

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH) &&
	       !fstatat(directory_fd, name, &status, 0) && S_ISREG(status.st_mode) &&
	       status.st_nlink;
}

/* Rotation, and whatever mends a failure, opens a file by its name again. */
static void warn_of_files(const struct privilege *privilege)
{
	DIR *directory = opendir("/proc/self/fd");
	char path[PATH_MAX];
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int fd = atoi(entry->d_name);
		ssize_t length = fd > STDERR_FILENO && is_written(dirfd(directory), entry->d_name)
					 ? readlinkat(dirfd(directory), entry->d_name, path,
						      sizeof(path) - 1)
					 : 0;

		path[length > 0 ? length : 0] = '\0';
		if (path[0] == '/' && !may(path, W_OK))
			log_write(SONDE_WARNING, NULL,
				  "%s is written as it was open already: the user %s may not open "
				  "it again (give it and its directory to that user, or name "
				  "another with sonde.privileges.user)",
				  path, privilege->user);
	}
	if (directory)
		closedir(directory);
}

void privilege_warn(const struct privilege *privilege, const char *config_path,
		    const char *state_path)
{
	if (!privilege->switches)
		return;
	if (!may(config_path, R_OK))
		log_write(SONDE_WARNING, NULL,
			  "the user %s may not read %s, so a reload will fail (give it to the "
			  "group %s, or name another user with sonde.privileges.user)",
			  privilege->user, config_path, privilege->group);
	if (!may(state_path, W_OK | X_OK))
		log_write(SONDE_WARNING, NULL,
			  "the user %s may not write to the state directory %s (give it to that "
			  "user, or name another with sonde.privileges.user)",
			  privilege->user, state_path);
	warn_of_files(privilege);
}
