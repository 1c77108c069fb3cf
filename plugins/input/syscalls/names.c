// SPDX-License-Identifier: Apache-2.0
/* Looks up names of calls and errors, and the traits of calls that the programs treat apart. */
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *names_call(uint32_t index, char buffer[24])
{
	uint32_t number = index % SONDE_SYSCALL_NUMBERS;
	const char *const *names = index >= SONDE_SYSCALL_NUMBERS ? names_i386 : names_x86_64;

	if (index == SONDE_SYSCALL_OTHER)
		return "other";
	if (names[number])
		return names[number];
	if (number == SONDE_SYSCALL_NUMBERS - 1)
		return "unknown";
	snprintf(buffer, 24, "syscall_%u", number);
	return buffer;
}

uint32_t names_find(const char *name, uint32_t ret_indexes[2])
{
	const char *const *tables[2] = { names_x86_64, names_i386 };
	uint32_t count = 0;

	for (uint32_t half = 0; half < 2; half++) {
		for (uint32_t number = 0; number < SONDE_SYSCALL_NUMBERS; number++) {
			if (tables[half][number] && !strcmp(tables[half][number], name)) {
				ret_indexes[count++] = half * SONDE_SYSCALL_NUMBERS + number;
				break;
			}
		}
	}
	return count;
}

/* What the kernel keeps to itself, and tracepoints see: a signal comes between, the call is made
 * again. */
static const char *const restart_names[] = {
	"ERESTARTSYS", "ERESTARTNOINTR",        "ERESTARTNOHAND",
	"ENOIOCTLCMD", "ERESTART_RESTARTBLOCK", "EPROBE_DEFER",
};

const char *names_error(uint32_t error_index, char buffer[24])
{
	const char *name;

	if (!error_index)
		return "other";
	if (error_index > SONDE_SYSCALL_ERRNO_LAST)
		return restart_names[error_index - SONDE_SYSCALL_ERRNO_LAST - 1];
	name = strerrorname_np((int)error_index);
	if (name)
		return name;
	snprintf(buffer, 24, "%u", error_index);
	return buffer;
}

int32_t names_error_index(int64_t return_value)
{
	int64_t error = -return_value;

	if (error < 1 || error > 4095)
		return -1;
	if (error <= SONDE_SYSCALL_ERRNO_LAST)
		return (int32_t)error;
	if (error >= SONDE_SYSCALL_RESTART_FIRST && error <= SONDE_SYSCALL_RESTART_LAST)
		return (int32_t)(error - SONDE_SYSCALL_RESTART_FIRST + SONDE_SYSCALL_ERRNO_LAST +
				 1);
	return 0;
}

#define TEXT(argument_) ((argument_) << SONDE_SYSCALL_TEXT_SHIFT)

/* clang-format off */
static const struct {
	const char *name;
	uint8_t trait;
} special[] = {
	{ "exit", SONDE_SYSCALL_ENDS },
	{ "exit_group", SONDE_SYSCALL_ENDS },
	{ "fork", SONDE_SYSCALL_FORKS },
	{ "vfork", SONDE_SYSCALL_FORKS },
	{ "clone", SONDE_SYSCALL_FORKS },
	{ "clone3", SONDE_SYSCALL_FORKS },
	{ "execve", SONDE_SYSCALL_REPLACES | TEXT(1) },
	{ "execveat", SONDE_SYSCALL_REPLACES | TEXT(2) },
	{ "access", TEXT(1) },       { "acct", TEXT(1) },         { "chdir", TEXT(1) },
	{ "chmod", TEXT(1) },        { "chown", TEXT(1) },        { "chown32", TEXT(1) },
	{ "chroot", TEXT(1) },       { "creat", TEXT(1) },        { "delete_module", TEXT(1) },
	{ "faccessat", TEXT(2) },    { "faccessat2", TEXT(2) },   { "fchmodat", TEXT(2) },
	{ "fchmodat2", TEXT(2) },    { "fchownat", TEXT(2) },     { "fstatat64", TEXT(2) },
	{ "fspick", TEXT(2) },       { "futimesat", TEXT(2) },    { "getxattr", TEXT(1) },
	{ "inotify_add_watch", TEXT(2) }, { "lchown", TEXT(1) },  { "lgetxattr", TEXT(1) },
	{ "link", TEXT(1) },         { "linkat", TEXT(2) },       { "listxattr", TEXT(1) },
	{ "lstat", TEXT(1) },        { "lstat64", TEXT(1) },      { "memfd_create", TEXT(1) },
	{ "mkdir", TEXT(1) },        { "mkdirat", TEXT(2) },      { "mknod", TEXT(1) },
	{ "mknodat", TEXT(2) },      { "mount", TEXT(2) },        { "move_mount", TEXT(2) },
	{ "mq_open", TEXT(1) },      { "mq_unlink", TEXT(1) },    { "name_to_handle_at", TEXT(2) },
	{ "newfstatat", TEXT(2) },   { "oldlstat", TEXT(1) },     { "oldstat", TEXT(1) },
	{ "open", TEXT(1) },         { "open_tree", TEXT(2) },    { "openat", TEXT(2) },
	{ "openat2", TEXT(2) },      { "pivot_root", TEXT(1) },   { "readlink", TEXT(1) },
	{ "readlinkat", TEXT(2) },   { "removexattr", TEXT(1) },  { "rename", TEXT(1) },
	{ "renameat", TEXT(2) },     { "renameat2", TEXT(2) },    { "rmdir", TEXT(1) },
	{ "setxattr", TEXT(1) },     { "stat", TEXT(1) },         { "stat64", TEXT(1) },
	{ "statfs", TEXT(1) },       { "statfs64", TEXT(1) },     { "statx", TEXT(2) },
	{ "swapoff", TEXT(1) },      { "swapon", TEXT(1) },       { "symlink", TEXT(1) },
	{ "symlinkat", TEXT(1) },    { "truncate", TEXT(1) },     { "truncate64", TEXT(1) },
	{ "umount", TEXT(1) },       { "umount2", TEXT(1) },      { "unlink", TEXT(1) },
	{ "unlinkat", TEXT(2) },     { "utime", TEXT(1) },        { "utimensat", TEXT(2) },
	{ "utimensat_time64", TEXT(2) }, { "utimes", TEXT(1) },
};
/* clang-format on */

void names_traits(uint8_t traits[SONDE_SYSCALL_INDEXES])
{
	uint32_t indexes[2], count;

	memset(traits, 0, SONDE_SYSCALL_INDEXES);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		count = names_find(special[i].name, indexes);
		while (count--)
			traits[indexes[count]] = special[i].trait;
	}
}
