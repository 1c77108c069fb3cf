// SPDX-License-Identifier: Apache-2.0
/* Paths of cgroups, read component by component from the root: what lies deeper says it better. */
#include "container.h"

#include <stdbool.h>
#include <string.h>

enum { ID_LENGTH = 64, UID_LENGTH = 36, UID_PLAIN_LENGTH = 32 };

/* What the name of a scope, or of the directory above a container, begins with. */
static const struct {
	const char *name, *runtime;
} runtimes[] = {
	{ "docker", "docker" },         { "cri-containerd", "containerd" },
	{ "containerd", "containerd" }, { "nerdctl", "containerd" },
	{ "k8s.io", "containerd" },     { "crio", "cri-o" },
	{ "libpod", "podman" },
};

static bool part_is(struct container_part part, const char *text)
{
	return part.length == strlen(text) && memcmp(part.data, text, part.length) == 0;
}

static bool part_begins(struct container_part part, const char *text)
{
	size_t length = strlen(text);

	return part.length >= length && memcmp(part.data, text, length) == 0;
}

/* Takes the ending off, if that leaves something. */
static bool part_ends(struct container_part *part, const char *text)
{
	size_t length = strlen(text);

	if (part->length <= length || memcmp(part->data + part->length - length, text, length) != 0)
		return false;
	part->length -= (uint32_t)length;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_digit(data[i]) && !(data[i] >= 'a' && data[i] <= 'f'))
			return false;
	return true;
}

static const char *runtime_of(struct container_part name)
{
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (part_is(name, runtimes[i].name))
			return runtimes[i].runtime;
	return NULL;
}

static bool is_id(struct container_part part)
{
	return part.length == ID_LENGTH && is_hex(part.data, ID_LENGTH);
}

/* "0123456789abcdef0123456789abcdef-1234567890", as Fargate calls them. */
static bool is_task_id(struct container_part part)
{
	if (part.length < UID_PLAIN_LENGTH + 6 || part.length > UID_PLAIN_LENGTH + 12 ||
	    !is_hex(part.data, UID_PLAIN_LENGTH) || part.data[UID_PLAIN_LENGTH] != '-')
		return false;
	for (uint32_t i = UID_PLAIN_LENGTH + 1; i < part.length; i++)
		if (!is_digit(part.data[i]))
			return false;
	return true;
}

/* "docker-ID", of which the ending is gone already. */
static bool id_behind_name(struct container_part part, struct container_part *ret_name,
			   struct container_part *ret_id)
{
	struct container_part name, id;

	if (part.length < ID_LENGTH + 2 || part.data[part.length - ID_LENGTH - 1] != '-')
		return false;
	name = (struct container_part){ part.data, part.length - ID_LENGTH - 1 };
	id = (struct container_part){ part.data + part.length - ID_LENGTH, ID_LENGTH };
	if (!is_id(id) || part_is(name, "conmon") || part_ends(&name, "-conmon"))
		return false; /* conmon watches over a container from outside */
	*ret_name = name;
	*ret_id = id;
	return true;
}

/* ---- pods -------------------------------------------------------------------------------- */

/* A UID with dashes; systemd has '_' for them, static pods have none. */
static bool uid_read(const char *data, size_t length, char *ret_uid)
{
	char uid[CONTAINER_POD_BYTES] = "";

	if (length != UID_LENGTH && length != UID_PLAIN_LENGTH)
		return false;
	memcpy(uid, data, length);
	for (size_t i = 0; i < length; i++) {
		bool is_dash = length == UID_LENGTH && (i == 8 || i == 13 || i == 18 || i == 23);

		if (is_dash && (uid[i] == '-' || uid[i] == '_'))
			uid[i] = '-';
		else if (is_dash || !is_hex(&uid[i], 1))
			return false;
	}
	memcpy(ret_uid, uid, sizeof(uid));
	return true;
}

/* "podUID", "kubepods-burstable-podUID.slice". */
static bool pod_read(struct container_part part, char *ret_uid)
{
	static const size_t lengths[] = { UID_LENGTH, UID_PLAIN_LENGTH };

	(void)part_ends(&part, ".slice");
	for (size_t i = 0; i < 2; i++) {
		size_t length = lengths[i], before;

		if (part.length < length + 3)
			continue;
		before = part.length - length - 3;
		if (memcmp(part.data + before, "pod", 3) == 0 &&
		    (!before || part.data[before - 1] == '-') &&
		    uid_read(part.data + before + 3, length, ret_uid))
			return true;
	}
	return false;
}

/* ---- components -------------------------------------------------------------------------- */

static void container_enter(struct container *container, struct container_part id,
			    const char *runtime)
{
	container->id = id;
	container->runtime = runtime;
	container->unit = (struct container_part){ 0 }; /* it was around the container */
}

/* Containers whose names are theirs alone: LXC's and systemd-nspawn's. */
static bool named_read(struct container *container, struct container_part part,
		       struct container_part parent)
{
	struct container_part name = part;

	if (part_begins(part, "lxc.payload.") && part.length > 12) {
		name = (struct container_part){ part.data + 12, part.length - 12 };
		container_enter(container, name, "lxc");
		return true;
	}
	if (part_is(parent, "lxc") && part.length) {
		container_enter(container, part, "lxc");
		return true;
	}
	if (part_begins(part, "systemd-nspawn@") && part_ends(&name, ".service") &&
	    name.length > 15) {
		name = (struct container_part){ name.data + 15, name.length - 15 };
		container_enter(container, name, "systemd-nspawn");
		return true;
	}
	return false;
}

/* "kubepods-podUID.slice:cri-containerd:ID": what a runtime makes of a path for systemd where it
 * does not ask systemd. */
static bool joined_read(struct container *container, struct container_part part)
{
	const char *first = memchr(part.data, ':', part.length);
	const char *end = part.data + part.length;
	const char *second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	struct container_part slice, name, id;

	if (!second)
		return false;
	slice = (struct container_part){ part.data, (uint32_t)(first - part.data) };
	name = (struct container_part){ first + 1, (uint32_t)(second - first - 1) };
	id = (struct container_part){ second + 1, (uint32_t)(end - second - 1) };
	if (!is_id(id))
		return false;
	if (!pod_read(slice, container->pod_uid) && part_ends(&slice, ".slice"))
		container->slice = (struct container_part){ part.data, slice.length + 6 };
	container_enter(container, id, runtime_of(name));
	return true;
}

static bool is_unit(struct container_part part)
{
	return part_ends(&part, ".service") || part_ends(&part, ".scope") ||
	       part_ends(&part, ".socket") || part_ends(&part, ".mount") ||
	       part_ends(&part, ".swap");
}

static void component_read(struct container *container, struct container_part part,
			   struct container_part parent)
{
	struct container_part bare = part, name, id;

	if (joined_read(container, part))
		return;
	if (pod_read(part, container->pod_uid))
		return;
	if (part_ends(&bare, ".slice")) {
		container->slice = part;
		return;
	}
	if (is_id(part) || is_task_id(part)) {
		container_enter(container, part,
				part_is(parent, "default") ? "containerd" : runtime_of(parent));
		return;
	}
	(void)part_ends(&bare, ".scope"); /* without it where the driver is cgroupfs */
	if (id_behind_name(bare, &name, &id)) {
		container_enter(container, id, runtime_of(name));
		return;
	}
	if (named_read(container, part, parent))
		return;
	if (is_unit(part))
		container->unit = part;
}

void container_read(const char *path, size_t length, struct container *ret_container)
{
	struct container container = { 0 };
	struct container_part parent = { "", 0 };
	size_t start = 0;

	while (start < length) {
		const char *end = memchr(path + start, '/', length - start);
		size_t stop = end ? (size_t)(end - path) : length;
		struct container_part part = { path + start, (uint32_t)(stop - start) };

		if (part.length) {
			component_read(&container, part, parent);
			parent = part;
		}
		start = stop + 1;
	}
	*ret_container = container;
}
