/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to systemd's journal by its native protocol: a datagram of fields. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "journald.h"

bool journald_has(const char *stream, int fd)
{
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && !fstat(fd, &status) &&
	       status.st_dev == device && status.st_ino == inode;
}

/* ---- fields ------------------------------------------------------------------------------ */

/* The levels of syslog(3). */
static int priority_of(enum sonde_level level)
{
	static const int priorities[] = {
		[SONDE_ERROR] = 3, [SONDE_WARNING] = 4, [SONDE_INFO] = 6, [SONDE_DEBUG] = 7
	};

	return priorities[level <= SONDE_DEBUG ? level : SONDE_DEBUG];
}

/* Begins a value that has its length in front, and so may hold anything, line breaks included. */
static char *field_begin(char *at, const char *name)
{
	at = stpcpy(at, name);
	*at++ = '\n';
	return at + sizeof(uint64_t);
}

static char *field_end(char *value, char *end)
{
	uint64_t length = htole64((uint64_t)(end - value));

	memcpy(value - sizeof(length), &length, sizeof(length));
	*end++ = '\n';
	return end;
}

static char *put_clean(char *at, const char *text, size_t text_bytes)
{
	return at + log_clean(text, true, at, 4 * text_bytes);
}

/* The message has its instance in front, as whoever reads a journal sees messages alone. */
size_t journald_fields(const struct log_line *line, char ret_fields[JOURNALD_BYTES])
{
	char *at = ret_fields, *value;

	at += snprintf(at, JOURNALD_BYTES, "PRIORITY=%d\nSYSLOG_IDENTIFIER=sonde\n",
		       priority_of(line->level));
	if (line->subject[0]) {
		value = field_begin(at, "SONDE_INSTANCE");
		at = field_end(value, put_clean(value, line->subject, LOG_SUBJECT_BYTES));
	}
	value = at = field_begin(at, "MESSAGE");
	if (line->subject[0])
		at = stpcpy(put_clean(at, line->subject, LOG_SUBJECT_BYTES), ": ");
	at = field_end(value, put_clean(at, line->message, LOG_MESSAGE_BYTES));
	return (size_t)(at - ret_fields);
}

/* ---- socket ------------------------------------------------------------------------------ */

int journald_open(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* An fd of a sealed file with these bytes, which the journal may read in place; -errno. */
static int file_of(const char *fields, size_t length)
{
	int file = memfd_create("sonde-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = 0;

	if (file < 0)
		return -errno;
	errno = 0;
	if (write(file, fields, length) != (ssize_t)length)
		error = errno ? errno : EIO;
	else if (fcntl(file, F_ADD_SEALS,
		       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = errno;
	if (!error)
		return file;
	close(file);
	return -error;
}

static int message_send(int fd, const struct msghdr *message)
{
	ssize_t sent;

	do
		sent = sendmsg(fd, message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Nothing but the file. */
static int send_as_file(int fd, struct msghdr *message, const char *fields, size_t length)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	int file = file_of(fields, length), result;
	struct cmsghdr *header;

	if (file < 0)
		return file;
	message->msg_iovlen = 0;
	message->msg_control = &control;
	message->msg_controllen = sizeof(control.room);
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(file));
	memcpy(CMSG_DATA(header), &file, sizeof(file));
	result = message_send(fd, message);
	close(file);
	return result;
}

int journald_send(int fd, const char *path, const char *fields, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct iovec piece = { (char *)fields, length };
	struct msghdr message = { .msg_name = &address,
				  .msg_namelen = sizeof(address),
				  .msg_iov = &piece,
				  .msg_iovlen = 1 };
	int result;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	result = message_send(fd, &message);
	if (result == -EMSGSIZE || result == -ENOBUFS)
		return send_as_file(fd, &message, fields, length);
	return result;
}
