/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Part of inventory.bpf.c: the kernel's types of programs, maps and links, by name only. */
#ifndef INVENTORY_TYPES_H
#define INVENTORY_TYPES_H

#include <sonde/bpf/kernel_types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

/* ---- programs ---------------------------------------------------------------------------- */

struct counter64 { /* u64_stats_t: CO-RE takes any struct for another */
	__u64 value;
};

struct bpf_prog_stats {
	struct counter64 cnt;
	struct counter64 nsecs;
	struct counter64 misses;
};

struct btf_type {
	__u32 name_off;
};

struct btf {
	struct btf_type **types;
	const char *strings;
	__u32 nr_types;
	struct btf *base_btf;
};

struct user_id { /* kuid_t */
	__u32 val;
};

struct user_struct {
	struct user_id uid;
};

struct bpf_prog_aux {
	__u32 id;
	__u32 func_info_cnt;
	const char *attach_func_name;
	struct user_struct *user;
	__u64 load_time;
	__u32 verified_insns;
	char name[16];
	struct btf *btf;
	struct bpf_func_info *func_info;
};

struct bpf_prog {
	__u16 pages;
	enum bpf_prog_type type;
	__u8 tag[8];
	struct bpf_prog_stats *stats; /* of each CPU */
	struct bpf_prog_aux *aux;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};

/* ---- maps -------------------------------------------------------------------------------- */

struct bpf_map {
	enum bpf_map_type map_type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 map_flags;
	__u32 id;
	char name[16];
	__s64 *elem_count; /* of each CPU; 6.6 and later */
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_array {
	struct bpf_map map;
	union {
		void *pptrs[0];
	};
};

struct counter32 { /* atomic_t */
	int counter;
};

struct percpu_counter {
	__s64 count;
	__s32 *counters;
};

struct bpf_htab {
	struct bpf_map map;
	struct percpu_counter pcount; /* 6.0 and later */
	struct counter32 count;
	bool use_percpu_counter;
};

struct lpm_trie {
	struct bpf_map map;
	unsigned long n_entries;
};

struct bpf_queue_stack {
	struct bpf_map map;
	__u32 head, tail;
	__u32 size; /* one more than entries may be */
};

struct bpf_dtab {
	struct bpf_map map;
	unsigned int items;
};

struct bpf_ringbuf {
	__u64 mask;
	unsigned long consumer_pos;
	unsigned long producer_pos;
};

struct bpf_ringbuf_map {
	struct bpf_map map;
	struct bpf_ringbuf *rb;
};

/* ---- links ------------------------------------------------------------------------------- */

struct bpf_link {
	__u32 id;
	enum bpf_link_type type;
	struct bpf_prog *prog;
};

struct bpf_iter__bpf_link {
	struct bpf_iter_meta *meta;
	struct bpf_link *link;
};

struct tracepoint {
	const char *name;
};

struct bpf_raw_event_map {
	struct tracepoint *tp;
};

struct bpf_raw_tp_link {
	struct bpf_link link;
	struct bpf_raw_event_map *btp;
};

struct bpf_cgroup_link {
	struct bpf_link link;
	struct cgroup *cgroup;
};

struct trace_event_call {
	union {
		const char *name;
		struct tracepoint *tp;
	};
};

struct perf_event {
	struct trace_event_call *tp_event;
};

struct file {
	void *private_data;
};

struct bpf_perf_link {
	struct bpf_link link;
	struct file *perf_file;
};

struct net_device {
	int ifindex;
};

struct bpf_xdp_link {
	struct bpf_link link;
	struct net_device *dev;
};

struct ns_common {
	__u32 inum;
};

struct net {
	struct ns_common ns;
};

struct bpf_netns_link {
	struct bpf_link link;
	struct net *net;
};

#pragma clang attribute pop

#endif
