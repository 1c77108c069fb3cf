/* SPDX-License-Identifier: Apache-2.0 */
/* Who a sonde is to those that it sends to: an id drawn at random when its state directory was
 * made, and the number of its run. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "identity.h"

/* The file, always of this length, so that the number is written over in its place. */
#define IDENTITY_FORMAT "id %s\nepoch %020" PRIu64 "\n"

enum {
	IDENTITY_BYTES = 3 + 32 + 1 + 6 + 20 + 1,
	ID_OFFSET = 3,
	EPOCH_OFFSET = 3 + 32 + 1 + 6,
	EPOCH_DIGITS = 20,
};

static int id_draw(char ret_id[IDENTITY_ID_BYTES])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int parse(const char text[IDENTITY_BYTES + 1], struct identity *identity)
{
	const char *id = text + ID_OFFSET, *epoch = text + EPOCH_OFFSET;
	uint64_t number = 0;

	if (strspn(id, "0123456789abcdef") != IDENTITY_ID_BYTES - 1 ||
	    strspn(epoch, "0123456789") != EPOCH_DIGITS || strncmp(text, "id ", 3) ||
	    strncmp(epoch - 7, "\nepoch ", 7) || epoch[EPOCH_DIGITS] != '\n')
		return -EBADMSG;
	for (int i = 0; i < EPOCH_DIGITS; i++) {
		if (number > INT64_MAX / 10)
			return -EBADMSG;
		number = number * 10 + (uint64_t)(epoch[i] - '0');
	}
	memcpy(identity->id, id, IDENTITY_ID_BYTES - 1);
	identity->id[IDENTITY_ID_BYTES - 1] = '\0';
	identity->epoch = number;
	return 0;
}

/* Written beside and then renamed: a kill leaves no half of an id. */
static int identity_make(const char *path)
{
	char beside[PATH_MAX + 16], text[IDENTITY_BYTES + 1], id[IDENTITY_ID_BYTES];
	int fd, result = id_draw(id);

	if (result)
		return result;
	snprintf(text, sizeof(text), IDENTITY_FORMAT, id, (uint64_t)0);
	snprintf(beside, sizeof(beside), "%s.new", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* where less is written than was asked for */
	if (write(fd, text, IDENTITY_BYTES) != IDENTITY_BYTES || fsync(fd))
		result = -errno;
	close(fd);
	if (!result && rename(beside, path))
		result = -errno;
	if (result)
		unlink(beside);
	return result;
}

int identity_open(const char *path, struct identity *ret_identity)
{
	char text[IDENTITY_BYTES + 2] = "";
	struct identity identity;
	ssize_t length;
	int result = 0;

	identity.fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (identity.fd < 0 && errno == ENOENT) {
		result = identity_make(path);
		if (result)
			return result;
		identity.fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	}
	if (identity.fd < 0)
		return -errno;
	length = pread(identity.fd, text, sizeof(text) - 1, 0); /* one more: it must end there */
	if (length < 0)
		result = -errno;
	else
		result = length == IDENTITY_BYTES ? parse(text, &identity) : -EBADMSG;
	if (result) {
		close(identity.fd);
		return result;
	}
	*ret_identity = identity;
	return 0;
}

int identity_begin(struct identity *identity, uint64_t epoch)
{
	char digits[EPOCH_DIGITS + 1];

	snprintf(digits, sizeof(digits), "%020" PRIu64, epoch);
	errno = ENOSPC;
	if (pwrite(identity->fd, digits, EPOCH_DIGITS, EPOCH_OFFSET) != EPOCH_DIGITS)
		return -errno;
	identity->epoch = epoch;
	return 0;
}

void identity_close(struct identity *identity)
{
	if (identity->fd >= 0)
		close(identity->fd);
	identity->fd = -1;
}
