// SPDX-License-Identifier: Apache-2.0
/* Files of tables, paths of cgroups and answers of metadata services. The first byte chooses. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "metadata.h"
#include "records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Looks at every byte that it is given. */
static int take(void *context, uint32_t line, const struct sonde_text *values,
		struct records_error *ret_error)
{
	const struct records_wanted *wanted = context;
	volatile unsigned sum = 0;

	if (!line)
		abort();
	for (uint32_t i = 0; i < wanted->count; i++)
		for (uint32_t byte = 0; values[i].data && byte < values[i].length; byte++)
			sum += (unsigned char)values[i].data[byte];
	return sum == 12345 ? records_fail(ret_error, line, "refused") : 0;
}

static void records_try(uint8_t how, char *data, size_t size)
{
	const struct records_wanted wanted = { .fields = { "a", "b" }, .count = 2 };
	struct records_error error = { 0 };
	int result = (how & 1 ? records_csv : records_json)(data, size, &wanted, take,
							    (void *)&wanted, &error);

	if (result == -EINVAL && (!error.line || !error.text[0]))
		abort();
}

static void part_check(struct container_part part, const char *path, size_t length)
{
	if (part.length && (part.data < path || part.data + part.length > path + length))
		abort();
}

static void container_try(const char *path, size_t length)
{
	struct container is;

	container_read(path, length, &is);
	part_check(is.id, path, length);
	part_check(is.unit, path, length);
	part_check(is.slice, path, length);
	if (strlen(is.pod_uid) >= sizeof(is.pod_uid))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metadata_answer answer = { 0 };
	char *copy;

	if (!size)
		return 0;
	copy = malloc(size); /* of its own, so that nothing is read behind it */
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = 0;
	if (data[0] % 4 < 2)
		records_try(data[0] % 4, copy, size - 1);
	else if (data[0] % 4 == 2)
		container_try(copy, size - 1);
	else
		(void)metadata_read(CLOUD_AWS + data[0] / 4 % 3, data[0] / 16 % 4, copy, size - 1,
				    &answer);
	free(copy);
	return 0;
}
