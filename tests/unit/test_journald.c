/* SPDX-License-Identifier: Apache-2.0 */
/* What core/journald.h promises, to a socket that the test reads as the journal would. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "journald.h"

struct journal {
	char directory[64], path[96];
	int fd;
	char got[JOURNALD_BYTES];
	size_t length;
	bool as_file; /* the last message came as one */
	int seals;
};

static int set_up(void **state)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!journal)
		return -1;
	*state = journal;
	snprintf(journal->directory, sizeof(journal->directory), "/tmp/sonde-journald-XXXXXX");
	if (!mkdtemp(journal->directory))
		return -1;
	snprintf(journal->path, sizeof(journal->path), "%s/socket", journal->directory);
	strcpy(address.sun_path, journal->path);
	journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return bind(journal->fd, (struct sockaddr *)&address, sizeof(address));
}

static int tear_down(void **state)
{
	struct journal *journal = *state;

	close(journal->fd);
	unlink(journal->path);
	rmdir(journal->directory);
	free(journal);
	return 0;
}

/* The file that came with an empty datagram. */
static void read_file(struct journal *journal, struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	ssize_t length;
	int file;

	assert_non_null(header);
	assert_int_equal(header->cmsg_type, SCM_RIGHTS);
	memcpy(&file, CMSG_DATA(header), sizeof(file));
	journal->seals = fcntl(file, F_GET_SEALS);
	length = pread(file, journal->got, sizeof(journal->got), 0);
	close(file);
	assert_true(length > 0);
	journal->length = (size_t)length;
}

static void receive(struct journal *journal)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec piece = { journal->got, sizeof(journal->got) };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(journal->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	assert_true(length >= 0);
	journal->length = (size_t)length;
	journal->as_file = length == 0;
	if (journal->as_file)
		read_file(journal, &message);
}

/* The value of a field as the protocol has it: NAME=value, or NAME, a length and the value. Returns
 * its length, -1 where there is no such field. */
static ssize_t field(const struct journal *journal, const char *name, char *value)
{
	const char *at = journal->got, *end = at + journal->length;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *equals = memchr(at, '=', (size_t)(line_end - at));
		size_t name_length = (size_t)((equals ? equals : line_end) - at);
		const char *start = equals ? equals + 1 : line_end + 1 + sizeof(uint64_t);
		uint64_t length = (uint64_t)(line_end - start);

		assert_non_null(line_end);
		if (!equals) {
			memcpy(&length, line_end + 1, sizeof(length));
			length = le64toh(length);
		}
		assert_true(start + length < end && start[length] == '\n');
		if (name_length == strlen(name) && !memcmp(at, name, name_length)) {
			memcpy(value, start, length);
			value[length] = '\0';
			return (ssize_t)length;
		}
		at = start + length + 1;
	}
	return -1;
}

static int send_line(struct journal *journal, int fd, const struct log_line *line)
{
	char fields[JOURNALD_BYTES];

	return journald_send(fd, journal->path, fields, journald_fields(line, fields));
}

static void a_line_arrives_as_fields(void **state)
{
	struct log_line line = { SONDE_WARNING, 0, "calls", "two\nlines = fine" };
	struct journal *journal = *state;
	char value[JOURNALD_BYTES];
	int fd = journald_open();

	assert_int_equal(send_line(journal, fd, &line), 0);
	receive(journal);
	assert_false(journal->as_file);
	field(journal, "MESSAGE", value);
	assert_string_equal(value, "calls: two\nlines = fine");
	field(journal, "PRIORITY", value);
	assert_string_equal(value, "4");
	field(journal, "SYSLOG_IDENTIFIER", value);
	assert_string_equal(value, "sonde");
	field(journal, "SONDE_INSTANCE", value);
	assert_string_equal(value, "calls");
	close(fd);
}

static void the_daemons_own_line_names_no_instance(void **state)
{
	struct log_line line = { SONDE_DEBUG, 0, "", "hello" };
	struct journal *journal = *state;
	char value[JOURNALD_BYTES];
	int fd = journald_open();

	assert_int_equal(send_line(journal, fd, &line), 0);
	receive(journal);
	assert_int_equal(field(journal, "SONDE_INSTANCE", value), -1);
	field(journal, "PRIORITY", value);
	assert_string_equal(value, "7");
	close(fd);
}

static void no_message_can_add_a_field(void **state)
{
	struct log_line line = { SONDE_INFO, 0, "a\nPRIORITY=0", "x\nPRIORITY=0\nMESSAGE=forged" };
	struct journal *journal = *state;
	char value[JOURNALD_BYTES];
	int fd = journald_open();

	assert_int_equal(send_line(journal, fd, &line), 0);
	receive(journal);
	field(journal, "PRIORITY", value);
	assert_string_equal(value, "6");
	field(journal, "MESSAGE", value);
	assert_string_equal(value, "a\nPRIORITY=0: x\nPRIORITY=0\nMESSAGE=forged");
	field(journal, "SONDE_INSTANCE", value);
	assert_string_equal(value, line.subject);
	close(fd);
}

static void what_is_not_text_is_escaped(void **state)
{
	struct log_line line = { SONDE_INFO, 0, "", "\x1b[2J \xff" };
	struct journal *journal = *state;
	char value[JOURNALD_BYTES];
	int fd = journald_open();

	assert_int_equal(send_line(journal, fd, &line), 0);
	receive(journal);
	field(journal, "MESSAGE", value);
	assert_string_equal(value, "\\x1b[2J \\xff");
	close(fd);
}

static void what_no_datagram_takes_goes_as_a_sealed_file(void **state)
{
	char message[LOG_MESSAGE_BYTES], value[JOURNALD_BYTES];
	struct log_line line = { SONDE_ERROR, 0, "calls", message };
	struct journal *journal = *state;
	int fd = journald_open(), smallest = 1;

	memset(message, '\x02', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)), 0);
	assert_int_equal(send_line(journal, fd, &line), 0);
	receive(journal);
	assert_true(journal->as_file);
	assert_int_equal(journal->seals, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	assert_int_equal(field(journal, "MESSAGE", value),
			 strlen("calls: ") + 4 * (LOG_MESSAGE_BYTES - 1));
	field(journal, "PRIORITY", value);
	assert_string_equal(value, "3");
	close(fd);
}

static void without_a_journal_it_says_so(void **state)
{
	struct journal *journal = *state;
	struct log_line line = { SONDE_INFO, 0, "", "hello" };
	char fields[JOURNALD_BYTES], far[256];
	size_t length = journald_fields(&line, fields);
	int fd = journald_open();

	unlink(journal->path);
	assert_int_equal(journald_send(fd, journal->path, fields, length), -ENOENT);
	memset(far, 'x', sizeof(far) - 1);
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(journald_send(fd, far, fields, length), -ENAMETOOLONG);
	close(fd);
}

static void the_stream_of_the_journal_is_known_by_device_and_inode(void **state)
{
	struct journal *journal = *state;
	struct stat status;
	char stream[64];

	assert_int_equal(fstat(journal->fd, &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	assert_true(journald_has(stream, journal->fd));
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino + 1);
	assert_false(journald_has(stream, journal->fd));
	assert_false(journald_has(NULL, journal->fd));
	assert_false(journald_has("nonsense", journal->fd));
	assert_false(journald_has(stream, -1));
}

int main(void)
{
#define with_journal(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_journal(a_line_arrives_as_fields),
		with_journal(the_daemons_own_line_names_no_instance),
		with_journal(no_message_can_add_a_field),
		with_journal(what_is_not_text_is_escaped),
		with_journal(what_no_datagram_takes_goes_as_a_sealed_file),
		with_journal(without_a_journal_it_says_so),
		with_journal(the_stream_of_the_journal_is_known_by_device_and_inode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
