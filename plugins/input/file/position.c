// SPDX-License-Identifier: Apache-2.0
/* How far files are done with, kept in a file over restarts: a line of text each. */
#include "position.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char first_line[] = "sonde positions 1\n";

/* "OFFSET LINE DEVICE INODE LENGTH HASH PATH"; LINE is "-" if it is not known. The path is for
 * people. */
static bool parse(const char *line, struct position *ret_position)
{
	struct position position = { .is_numbered = true };
	uint64_t device, inode;
	int end = 0;

	if (sscanf(line, "%" SCNd64 " %n", &position.offset, &end) != 1 || !end)
		return false;
	line += end;
	if (line[0] == '-' && line[1] == ' ') {
		position.is_numbered = false;
		line += 2;
	} else {
		end = 0;
		if (sscanf(line, "%" SCNu64 " %n", &position.line_number, &end) != 1 || !end)
			return false;
		line += end;
	}
	end = 0;
	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNx64 " %n", &device, &inode,
		   &position.print.length, &position.print.hash, &end) != 4 ||
	    !end)
		return false;
	if (position.offset < 0 || position.print.length > FOLLOW_PRINT_BYTES)
		return false;
	position.device = (dev_t)device;
	position.inode = (ino_t)inode;
	*ret_position = position;
	return true;
}

static int add(struct follow *follow, const struct position *position)
{
	struct position *positions =
		reallocarray(follow->positions, follow->position_count + 1, sizeof(*positions));

	if (!positions)
		return -ENOMEM;
	positions[follow->position_count++] = *position;
	follow->positions = positions;
	return 0;
}

int position_read(struct follow *follow, const char *path, uint32_t *ret_line)
{
	char line[PATH_MAX + 200];
	FILE *file = fopen(path, "re");
	struct position position;
	uint32_t number = 0;
	int result = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!result && fgets(line, sizeof(line), file)) {
		number++;
		if (number == 1)
			result = strcmp(line, first_line) ? -EBADMSG : 0;
		else
			result = parse(line, &position) ? add(follow, &position) : -EBADMSG;
	}
	if (!result && ferror(file))
		result = -EIO;
	(void)fclose(file);
	if (result)
		*ret_line = number;
	return result;
}

static int write_all(const struct follow *follow, FILE *file)
{
	(void)fputs(first_line, file);
	for (const struct followed *at = follow->files; at; at = at->next) {
		(void)fprintf(file, "%" PRId64 " ", at->done_offset);
		if (at->is_numbered)
			(void)fprintf(file, "%" PRIu64, at->done_line_number);
		else
			(void)fputc('-', file);
		(void)fprintf(file, " %" PRIu64 " %" PRIu64 " %u %016" PRIx64 " ",
			      (uint64_t)at->device, (uint64_t)at->inode, at->print.length,
			      at->print.hash);
		for (const char *byte = at->path; *byte; byte++)
			(void)fputc(*byte == '\n' ? '?' : *byte, file);
		(void)fputc('\n', file);
	}
	errno = 0;
	if (fflush(file) || ferror(file) || fdatasync(fileno(file)))
		return errno ? -errno : -EIO;
	return 0;
}

int position_write(const struct follow *follow, const char *path)
{
	char beside[PATH_MAX];
	int fd, result;
	FILE *file;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		result = -errno;
		close(fd);
		return result;
	}
	result = write_all(follow, file);
	if (fclose(file) && !result)
		result = -errno;
	if (!result && rename(beside, path))
		result = -errno;
	if (result)
		(void)unlink(beside);
	return result;
}
