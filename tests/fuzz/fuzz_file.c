/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what the output `file` finds in directories and files: frames, headers, names. What
 * it makes of names itself, it must know again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "../../plugins/output/file/frame.h"
#include "../../plugins/output/file/header.h"
#include "../../plugins/output/file/rotate.h"
#include "../../plugins/output/file/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame of the format, or one to be skipped; zstd also knows those of before its version 0.8. */
static int is_ours(const uint8_t *data, size_t size)
{
	return size >= 4 &&
	       (!memcmp(data, "\x28\xb5\x2f\xfd", 4) || !memcmp(data + 1, "\x2a\x4d\x18", 3));
}

/* Frames end where zstd says, and what was cut to whole frames is whole. */
static void check_frames(const uint8_t *data, size_t size)
{
	char head[4096];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int64_t end = -1, again = -1, length;
	size_t place = 0, count;

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)frames_end(fd, (int64_t)size, &end);
	assert(end >= 0 && end <= (int64_t)size);
	assert(!frames_end(fd, end, &again) && again == end);
	while (is_ours(data + place, size - place)) {
		count = ZSTD_findFrameCompressedSize(data + place, size - place);
		if (ZSTD_isError(count))
			break;
		place += count;
		assert(!frames_end(fd, (int64_t)place, &again) && again == (int64_t)place);
	}
	assert(end >= (int64_t)place);
	length = frames_head(fd, head, sizeof(head));
	assert(length <= (int64_t)sizeof(head));
	close(fd);
}

/* A header that was read is read back the same from what it is written as. */
static void check_header(const char *text, size_t size)
{
	struct header header = { 0 }, again = { 0 };
	struct json out = { 0 };
	bool quoted = false;

	assert(header_record_end(text, size, &quoted) <= size);
	if (!header_read(&header, text, size)) {
		header_write(&header, &out);
		assert(!header_read(&again, out.data, out.length));
		assert(again.count == header.count);
		for (uint32_t index = 0; index < header.count; index++)
			assert(!strcmp(header_name(&header, index), header_name(&again, index)));
	}
	json_release(&out);
	header_release(&header);
	header_release(&again);
}

static void check_closing(const char *name)
{
	char closed[512], live[512];
	bool is_name = *name && strlen(name) < 200 && !strchr(name, '/');

	if (is_name && rotate_name(name, 1782907200, 3, closed, sizeof(closed)))
		assert(rotate_parse(closed, live) && !strcmp(live, name));
	if (is_name && rotate_parse(name, live))
		assert(strlen(live) < strlen(name));
}

/* Every path that a template makes is made of names that it matches. */
static void check_template(const char *text, const char *value)
{
	const struct sonde_batch batch = { .size = sizeof(batch), .schema = value };
	struct template template;
	struct match match;
	char error[160], path[TEMPLATE_PATH_BYTES], base[TEMPLATE_PATH_BYTES];
	char *name, *rest;

	if (template_parse(&template, text, error) < 0)
		return;
	(void)template_match(&template, 0, value, &match);
	template_bind(&template, &batch, NULL, INT64_C(1782907200123456789));
	assert(template_expand(&template, 0, path) == strlen(path));
	template_base(&template, base);
	name = path;
	if (!strncmp(path, base, strlen(base)) && path[strlen(base)] == '/')
		name += strlen(base);
	for (uint32_t depth = 0; (name = strtok_r(depth ? NULL : name, "/", &rest)); depth++)
		assert(depth < template_depth(&template) &&
		       template_match(&template, depth, name, &match));
	template_release(&template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *line;

	check_frames(data, size);
	check_header((const char *)data, size);
	text = malloc(size + 1);
	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	line = strchr(text, '\n');
	if (line)
		*line++ = '\0';
	check_closing(text);
	check_template(text, line ? line : "");
	free(text);
	return 0;
}
