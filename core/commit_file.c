/* SPDX-License-Identifier: Apache-2.0 */
/* The commit record of a pipeline, as it lies on disk.
 *
 * Two files are written in turns. Each begins with a head; behind it, in this machine's byte order,
 * stand the sources (stream, taken, below, number of ranges, ranges), the outputs (stream,
 * appended) and the stages (name, length, data). */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commit_file.h"

enum {
	COMMIT_VERSION = 1,
	COMMIT_PARTS_LIMIT = 1 << 16,
	COMMIT_BYTES_LIMIT = 64 << 20,
};

static const char commit_magic[8] = "sondecm";

struct commit_head {
	char magic[8];
	uint32_t version;
	uint32_t checksum; /* CRC-32 of all that follows */
	uint64_t generation;
	uint64_t length; /* of the file */
	uint32_t source_count, output_count, stage_count;
	uint32_t reserved;
};

struct source_head {
	unsigned char stream[16];
	uint64_t taken, below;
	uint64_t range_count;
};

int commit_record_make(struct commit_record *ret_record, uint32_t source_count,
		       uint32_t output_count, uint32_t stage_count)
{
	struct commit_record record = {
		.source_count = source_count,
		.output_count = output_count,
		.stage_count = stage_count,
		.sources = calloc(source_count + 1, sizeof(struct commit_source)),
		.outputs = calloc(output_count + 1, sizeof(struct commit_output)),
		.stages = calloc(stage_count + 1, sizeof(struct commit_stage)),
	};

	if (!record.sources || !record.outputs || !record.stages) {
		commit_record_clear(&record);
		return -ENOMEM;
	}
	*ret_record = record;
	return 0;
}

void commit_record_clear(struct commit_record *record)
{
	for (uint32_t i = 0; record->sources && i < record->source_count; i++)
		settled_clear(&record->sources[i].settled);
	free(record->sources);
	free(record->outputs);
	free(record->stages);
	*record = (struct commit_record){ 0 };
}

/* ---- reading ----------------------------------------------------------------------------- */

/* What is left of a record that is read. */
struct rest {
	const unsigned char *data;
	size_t length;
};

static bool rest_take(struct rest *rest, void *ret_data, size_t length)
{
	if (rest->length < length)
		return false;
	if (length)
		memcpy(ret_data, rest->data, length);
	rest->data += length;
	rest->length -= length;
	return true;
}

/* Ranges ascend, and lie apart from each other and from `below`. */
static bool settled_is_sound(const struct settled *settled)
{
	uint64_t end = settled->below;

	for (uint32_t i = 0; i < settled->count; i++) {
		const struct settled_range *range = &settled->ranges[i];

		if (range->first <= end || range->last < range->first || range->last == UINT64_MAX)
			return false;
		end = range->last + 1;
	}
	return true;
}

static int source_read(struct rest *rest, struct commit_source *source)
{
	struct settled *settled = &source->settled;
	struct source_head head;

	if (!rest_take(rest, &head, sizeof(head)) || head.range_count > COMMIT_RANGES_LIMIT ||
	    head.range_count * sizeof(struct settled_range) > rest->length)
		return -EBADMSG;
	memcpy(source->stream, head.stream, sizeof(source->stream));
	source->taken = head.taken;
	settled->below = head.below;
	settled->ranges = calloc(head.range_count + 1, sizeof(*settled->ranges));
	if (!settled->ranges)
		return -ENOMEM;
	settled->count = (uint32_t)head.range_count;
	settled->capacity = settled->count + 1;
	rest_take(rest, settled->ranges, settled->count * sizeof(*settled->ranges));
	return settled_is_sound(settled) ? 0 : -EBADMSG;
}

static bool stage_read(struct rest *rest, struct commit_stage *stage)
{
	return rest_take(rest, stage, sizeof(*stage)) && stage->length <= sizeof(stage->data) &&
	       memchr(stage->name, '\0', sizeof(stage->name));
}

static int record_read(struct rest rest, struct commit_record *ret_record)
{
	struct commit_record record;
	struct commit_head head;
	int result;

	if (!rest_take(&rest, &head, sizeof(head)) ||
	    memcmp(head.magic, commit_magic, sizeof(commit_magic)))
		return -EBADMSG;
	if (head.version != COMMIT_VERSION)
		return -EPROTONOSUPPORT;
	if (head.length != sizeof(head) + rest.length ||
	    head.checksum != libdeflate_crc32(0, rest.data - sizeof(head) + 16, head.length - 16) ||
	    head.source_count > COMMIT_PARTS_LIMIT || head.output_count > COMMIT_PARTS_LIMIT ||
	    head.stage_count > COMMIT_PARTS_LIMIT)
		return -EBADMSG;
	result =
		commit_record_make(&record, head.source_count, head.output_count, head.stage_count);
	if (result)
		return result;
	record.generation = head.generation;
	for (uint32_t i = 0; i < record.source_count && !result; i++)
		result = source_read(&rest, &record.sources[i]);
	for (uint32_t i = 0; i < record.output_count && !result; i++)
		result = rest_take(&rest, &record.outputs[i], sizeof(*record.outputs)) ? 0
										       : -EBADMSG;
	for (uint32_t i = 0; i < record.stage_count && !result; i++)
		result = stage_read(&rest, &record.stages[i]) ? 0 : -EBADMSG;
	if (!result && rest.length)
		result = -EBADMSG;
	if (result)
		commit_record_clear(&record);
	else
		*ret_record = record;
	return result;
}

static void file_name(const char *name, uint32_t which, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s.%u", name, which);
}

/* A whole file in memory that the caller frees. */
static int file_load(int directory_fd, const char *name, unsigned char **ret_data,
		     size_t *ret_length)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), result = 0;
	unsigned char *data = NULL;
	struct stat status;
	ssize_t length = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status))
		result = -errno;
	else if (status.st_size > COMMIT_BYTES_LIMIT)
		result = -EBADMSG;
	else if (!(data = malloc((size_t)status.st_size + 1)))
		result = -ENOMEM;
	if (!result) {
		length = read(fd, data, (size_t)status.st_size);
		result = length < 0 ? -errno : 0;
	}
	close(fd);
	if (result) {
		free(data);
		return result;
	}
	*ret_data = data;
	*ret_length = (size_t)length;
	return 0;
}

/* A file may be longer than its record, as a longer one stood there before. */
static size_t record_length(const unsigned char *data, size_t length)
{
	struct commit_head head;

	if (length < sizeof(head))
		return length;
	memcpy(&head, data, sizeof(head));
	return head.length < length ? head.length : length;
}

static int file_read(int directory_fd, const char *name, uint32_t which,
		     struct commit_record *ret_record)
{
	unsigned char *data = NULL;
	char file[NAME_MAX + 1];
	size_t length = 0;
	int result;

	file_name(name, which, file, sizeof(file));
	result = file_load(directory_fd, file, &data, &length);
	if (result)
		return result;
	result = record_read((struct rest){ .data = data, .length = record_length(data, length) },
			     ret_record);
	free(data);
	return result;
}

int commit_file_read(int directory_fd, const char *name, struct commit_record *ret_record)
{
	struct commit_record records[2] = { 0 };
	int results[2];

	for (uint32_t i = 0; i < 2; i++)
		results[i] = file_read(directory_fd, name, i, &records[i]);
	for (uint32_t i = 0; i < 2; i++) {
		if (results[i] != -EBADMSG && results[i] != -ENOENT && results[i]) {
			commit_record_clear(&records[!i]);
			return results[i]; /* it may be the newer one: nothing is to be guessed */
		}
	}
	if (results[0] && results[1])
		return results[0] == -ENOENT && results[1] == -ENOENT ? -ENOENT : -EBADMSG;
	if (!results[0] && (results[1] || records[0].generation > records[1].generation)) {
		commit_record_clear(&records[1]);
		*ret_record = records[0];
	} else {
		commit_record_clear(&records[0]);
		*ret_record = records[1];
	}
	return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t record_size(const struct commit_record *record)
{
	size_t size = sizeof(struct commit_head) +
		      record->source_count * sizeof(struct source_head) +
		      record->output_count * sizeof(struct commit_output) +
		      record->stage_count * sizeof(struct commit_stage);

	for (uint32_t i = 0; i < record->source_count; i++)
		size += record->sources[i].settled.count * sizeof(struct settled_range);
	return size;
}

static uint64_t range_count(const struct commit_record *record)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < record->source_count; i++)
		count += record->sources[i].settled.count;
	return count;
}

static unsigned char *put(unsigned char *at, const void *data, size_t length)
{
	if (length)
		memcpy(at, data, length);
	return at + length;
}

static unsigned char *source_put(unsigned char *at, const struct commit_source *source)
{
	struct source_head head = {
		.taken = source->taken,
		.below = source->settled.below,
		.range_count = source->settled.count,
	};

	memcpy(head.stream, source->stream, sizeof(head.stream));
	at = put(at, &head, sizeof(head));
	return put(at, source->settled.ranges,
		   source->settled.count * sizeof(struct settled_range));
}

static void record_put(const struct commit_record *record, unsigned char *data, size_t length)
{
	struct commit_head head = {
		.version = COMMIT_VERSION,
		.generation = record->generation,
		.length = length,
		.source_count = record->source_count,
		.output_count = record->output_count,
		.stage_count = record->stage_count,
	};
	unsigned char *at = data + sizeof(head);

	memcpy(head.magic, commit_magic, sizeof(head.magic));
	for (uint32_t i = 0; i < record->source_count; i++)
		at = source_put(at, &record->sources[i]);
	at = put(at, record->outputs, record->output_count * sizeof(*record->outputs));
	put(at, record->stages, record->stage_count * sizeof(*record->stages));
	memcpy(data, &head, sizeof(head));
	head.checksum = libdeflate_crc32(0, data + 16, length - 16);
	memcpy(data, &head, sizeof(head));
}

static int file_store(int directory_fd, const char *name, const unsigned char *data, size_t length)
{
	int fd = openat(directory_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC), result = 0;
	bool is_new = fd < 0 && errno == ENOENT;
	size_t done = 0;

	if (is_new)
		fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	while (done < length && !result) {
		ssize_t count = pwrite(fd, data + done, length - done, (off_t)done);

		if (count < 0 && errno != EINTR)
			result = -errno;
		else if (count > 0)
			done += (size_t)count;
	}
	if (!result && fdatasync(fd))
		result = -errno;
	close(fd);
	if (!result && is_new && fsync(directory_fd)) /* that it is there is on the disk too */
		result = -errno;
	return result;
}

int commit_file_write(int directory_fd, const char *name, const struct commit_record *record)
{
	size_t length = record_size(record);
	unsigned char *data;
	char file[NAME_MAX + 1];
	int result;

	if (range_count(record) > COMMIT_RANGES_LIMIT || length > COMMIT_BYTES_LIMIT)
		return -E2BIG;
	data = malloc(length);
	if (!data)
		return -ENOMEM;
	record_put(record, data, length);
	file_name(name, (uint32_t)(record->generation & 1), file, sizeof(file));
	result = file_store(directory_fd, file, data, length);
	free(data);
	return result;
}
