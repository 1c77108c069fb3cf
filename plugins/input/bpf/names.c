// SPDX-License-Identifier: Apache-2.0
/* Names of types, programs and targets. */
#include "names.h"

#include <stdio.h>
#include <string.h>

/* In the order of the kernel's enumerations, which only grow. */
static const char *const program_types[] = {
	"unspec",
	"socket_filter",
	"kprobe",
	"sched_cls",
	"sched_act",
	"tracepoint",
	"xdp",
	"perf_event",
	"cgroup_skb",
	"cgroup_sock",
	"lwt_in",
	"lwt_out",
	"lwt_xmit",
	"sock_ops",
	"sk_skb",
	"cgroup_device",
	"sk_msg",
	"raw_tracepoint",
	"cgroup_sock_addr",
	"lwt_seg6local",
	"lirc_mode2",
	"sk_reuseport",
	"flow_dissector",
	"cgroup_sysctl",
	"raw_tracepoint_writable",
	"cgroup_sockopt",
	"tracing",
	"struct_ops",
	"ext",
	"lsm",
	"sk_lookup",
	"syscall",
	"netfilter",
};

static const char *const map_types[] = {
	"unspec",
	"hash",
	"array",
	"prog_array",
	"perf_event_array",
	"percpu_hash",
	"percpu_array",
	"stack_trace",
	"cgroup_array",
	"lru_hash",
	"lru_percpu_hash",
	"lpm_trie",
	"array_of_maps",
	"hash_of_maps",
	"devmap",
	"sockmap",
	"cpumap",
	"xskmap",
	"sockhash",
	"cgroup_storage",
	"reuseport_sockarray",
	"percpu_cgroup_storage",
	"queue",
	"stack",
	"sk_storage",
	"devmap_hash",
	"struct_ops",
	"ringbuf",
	"inode_storage",
	"task_storage",
	"bloom_filter",
	"user_ringbuf",
	"cgrp_storage",
	"arena",
	"insn_array",
};

#define COUNT(list_) (sizeof(list_) / sizeof((list_)[0]))

static const char *type_name(const char *const *names, size_t count, uint32_t type, char *text)
{
	if (type < count)
		return names[type];
	snprintf(text, NAMES_BYTES, "type %u", type);
	return text;
}

const char *names_program_type(uint32_t type, char text[NAMES_BYTES])
{
	return type_name(program_types, COUNT(program_types), type, text);
}

const char *names_map_type(uint32_t type, char text[NAMES_BYTES])
{
	return type_name(map_types, COUNT(map_types), type, text);
}

bool names_is_type(const char *name)
{
	for (size_t i = 0; i < COUNT(program_types); i++)
		if (!strcmp(program_types[i], name))
			return true;
	for (size_t i = 0; i < COUNT(map_types); i++)
		if (!strcmp(map_types[i], name))
			return true;
	return false;
}

const char *names_program(const struct sonde_inventory_program *program)
{
	size_t length = strnlen(program->name, SONDE_INVENTORY_NAME);

	if (length == SONDE_INVENTORY_NAME - 1 &&
	    !strncmp(program->name, program->full_name, length))
		return program->full_name;
	return program->name;
}

const char *names_target(const struct sonde_inventory_program *program,
			 const struct sonde_inventory_link *link, char text[NAMES_BYTES])
{
	if (link && link->target[0])
		return link->target;
	text[0] = 0;
	if (link && link->cgroup_id)
		snprintf(text, NAMES_BYTES, "cgroup:%llu", (unsigned long long)link->cgroup_id);
	else if (link && link->interface)
		snprintf(text, NAMES_BYTES, "ifindex:%u", link->interface);
	else if (link && link->namespace)
		snprintf(text, NAMES_BYTES, "netns:%u", link->namespace);
	return text[0] ? text : program->target;
}

const char *names_tag(const uint8_t tag[8], char text[NAMES_BYTES])
{
	for (int i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", tag[i]);
	return text;
}
