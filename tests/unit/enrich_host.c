// SPDX-License-Identifier: Apache-2.0
/* lib/kernel as the processor enrich sees it, out of a test's own hands. */
#include "enrich_host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fake fake;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.offset_ns = 1000000000000000000; /* 2001 */
	fake.boottime_ns = 900000000000;
}

struct sonde_process_image *fake_image(uint32_t tgid, uint64_t start_ns, uint64_t since_ns,
				       uint64_t until_ns, const char *executable)
{
	struct sonde_process_image *image = &fake.images[fake.image_count++];
	const char *slash = strrchr(executable, '/');

	assert_true(fake.image_count <= FAKE_IMAGES);
	*image = (struct sonde_process_image){ .size = sizeof(*image),
					       .tgid = tgid,
					       .start_ns = start_ns,
					       .since_ns = since_ns,
					       .until_ns = until_ns,
					       .command = slash ? slash + 1 : executable,
					       .executable = executable,
					       .arguments = "" };
	return image;
}

int sonde_processes_take(struct sonde_processes **ret_processes, char *message, size_t size)
{
	if (fake.refused)
		snprintf(message, size, "it is refused here");
	else
		*ret_processes = (struct sonde_processes *)(void *)&fake;
	return fake.refused;
}

void sonde_processes_release(struct sonde_processes *processes)
{
}

void sonde_processes_read(struct sonde_processes *processes)
{
}

int sonde_processes_fd(const struct sonde_processes *processes)
{
	return STDIN_FILENO; /* nothing comes of it */
}

const struct sonde_process_image *sonde_processes_find(struct sonde_processes *processes,
						       uint32_t tgid, uint64_t start_ns,
						       uint64_t time_ns)
{
	fake.asked++;
	for (uint32_t i = 0; i < fake.image_count; i++) {
		struct sonde_process_image *image = &fake.images[i];

		if (image->tgid != tgid || (start_ns && image->start_ns != start_ns) ||
		    time_ns < image->since_ns ||
		    (time_ns >= image->until_ns &&
		     (!fake.ends_late || (!start_ns && time_ns > image->until_ns))))
			continue;
		fake.held++;
		return image;
	}
	return NULL;
}

void sonde_process_image_release(const struct sonde_process_image *image)
{
	assert_non_null(image);
	fake.held--;
}

void sonde_processes_counts(struct sonde_processes *processes,
			    struct sonde_processes_counts *ret_counts)
{
	ret_counts->live_count = fake.image_count;
}

int sonde_kernel_cgroup_path(uint64_t cgroup_id, char *path, size_t capacity)
{
	for (size_t i = 0; i < sizeof(fake.cgroups) / sizeof(*fake.cgroups); i++) {
		if (!fake.cgroups[i].path || fake.cgroups[i].id != cgroup_id)
			continue;
		snprintf(path, capacity, "%s", fake.cgroups[i].path);
		return 0;
	}
	return -ENOENT;
}

int64_t sonde_kernel_clock_offset_ns(void)
{
	return fake.offset_ns;
}

uint64_t sonde_kernel_boottime_ns(void)
{
	return fake.boottime_ns;
}

uint64_t sonde_kernel_monotonic_ns(void)
{
	return fake.boottime_ns;
}

struct sonde_test *enrich_begin(const char *option, ...)
{
	const char *options[16] = { option };
	struct sonde_test *test;
	va_list arguments;

	va_start(arguments, option);
	for (int i = 1; i < 15 && options[i - 1]; i++)
		options[i] = va_arg(arguments, const char *);
	va_end(arguments);
	test = sonde_test_create_replica(sonde_plugin, 0, 1, options);
	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}
