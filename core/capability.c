/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of capabilities as bits, and their names: "bpf" is CAP_BPF. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "capability.h"
#include "name.h"

static const char prefix[] = "cap_";

uint32_t capability_count(void)
{
	int count = cap_max_bits();

	return count > 0 && count < CAPABILITY_LIMIT ? (uint32_t)count : CAPABILITY_LIMIT;
}

const char *capability_name(uint32_t number, char buffer[CAPABILITY_NAME_BYTES])
{
	char *name = cap_to_name((cap_value_t)number);
	size_t skip = name && !strncmp(name, prefix, strlen(prefix)) ? strlen(prefix) : 0;

	if (name)
		snprintf(buffer, CAPABILITY_NAME_BYTES, "%s", name + skip);
	else
		snprintf(buffer, CAPABILITY_NAME_BYTES, "%u", number);
	cap_free(name);
	return buffer;
}

int capability_find(const char *name, uint32_t *ret_number)
{
	size_t skip = strncasecmp(name, prefix, strlen(prefix)) ? 0 : strlen(prefix);
	char each[CAPABILITY_NAME_BYTES];

	for (uint32_t number = 0; number < capability_count(); number++) {
		if (strcasecmp(capability_name(number, each), name + skip))
			continue;
		*ret_number = number;
		return 0;
	}
	return -ENOENT;
}

const char *capability_hint(const char *name, char *buffer, size_t size)
{
	size_t skip = strncasecmp(name, prefix, strlen(prefix)) ? 0 : strlen(prefix);
	char names[CAPABILITY_LIMIT][CAPABILITY_NAME_BYTES];
	const char *items[CAPABILITY_LIMIT];
	uint32_t count = capability_count();

	for (uint32_t number = 0; number < count; number++)
		items[number] = capability_name(number, names[number]);
	return nearest_hint(name + skip, items, count, buffer, size);
}

const char *capabilities_print(uint64_t set, char buffer[CAPABILITY_TEXT_BYTES])
{
	char name[CAPABILITY_NAME_BYTES];
	size_t length = 0;

	buffer[0] = '\0';
	for (uint32_t number = 0; number < CAPABILITY_LIMIT; number++) {
		if (!(set & CAPABILITY(number)) || length >= CAPABILITY_TEXT_BYTES)
			continue;
		length += (size_t)snprintf(buffer + length, CAPABILITY_TEXT_BYTES - length, "%s%s",
					   length ? ", " : "", capability_name(number, name));
	}
	if (!set)
		snprintf(buffer, CAPABILITY_TEXT_BYTES, "none");
	return buffer;
}

/* The kernel takes the older, larger one wherever it asks for these. */
static uint64_t stood_for(uint64_t held)
{
	return held & CAPABILITY(CAP_SYS_ADMIN) ? CAPABILITY(CAP_BPF) | CAPABILITY(CAP_PERFMON) : 0;
}

uint64_t capabilities_lacking(uint64_t needed, uint64_t held)
{
	return needed & ~(held | stood_for(held));
}

uint64_t capabilities_serving(uint64_t needed, uint64_t held)
{
	uint64_t serving = needed & held;

	if (needed & ~held & stood_for(held))
		serving |= CAPABILITY(CAP_SYS_ADMIN);
	return serving;
}

static uint64_t joined(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

uint64_t capabilities_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return capget(&header, data) ? 0 : joined(data[0].permitted, data[1].permitted);
}

/* Where nothing changes the kernel is not asked: a sandbox may forbid the call. */
int capabilities_hold(uint64_t set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const struct __user_cap_data_struct wanted[_LINUX_CAPABILITY_U32S_3] = {
		{ .permitted = (uint32_t)set, .effective = (uint32_t)set },
		{ .permitted = (uint32_t)(set >> 32), .effective = (uint32_t)(set >> 32) },
	};

	if (!capget(&header, data) && !memcmp(data, wanted, sizeof(data)))
		return 0;
	memcpy(data, wanted, sizeof(data));
	return capset(&header, data) ? -errno : 0;
}
