// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Programs and maps of all sorts, for the input `bpf` to find and count. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define MAP(name_, type_, limit_, flags_)                                                          \
	struct {                                                                                   \
		__uint(type, type_);                                                               \
		__uint(max_entries, limit_);                                                       \
		__uint(map_flags, flags_);                                                         \
		__uint(key_size, 8);                                                               \
		__uint(value_size, 8);                                                             \
	} name_ SEC(".maps")

MAP(subject_hash, BPF_MAP_TYPE_HASH, 1000, 0);
MAP(subject_single, BPF_MAP_TYPE_HASH, 1000, BPF_F_NO_PREALLOC);
MAP(subject_percpu, BPF_MAP_TYPE_PERCPU_HASH, 1000, 0);
MAP(subject_lru, BPF_MAP_TYPE_LRU_HASH, 1000, 0);
MAP(subject_trie, BPF_MAP_TYPE_LPM_TRIE, 1000, BPF_F_NO_PREALLOC);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1000);
	__uint(value_size, 8);
} subject_queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1000);
	__uint(key_size, 4);
	__uint(value_size, 8);
} subject_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} subject_ring SEC(".maps");

/* Runs for each datagram that its socket gets, and lets all of it pass. */
SEC("socket") int subject_filter(struct __sk_buff *packet)
{
	return -1;
}

SEC("raw_tp/sys_enter") int subject_with_a_name_longer_than_the_kernel_keeps(void *context)
{
	return 0;
}

SEC("tp_btf/sched_switch") int subject_switch(void *context)
{
	return 0;
}

SEC("tracepoint/sched/sched_process_fork") int subject_fork(void *context)
{
	return 0;
}

SEC("xdp") int subject_xdp(struct xdp_md *packet)
{
	return XDP_PASS;
}

SEC("cgroup_skb/egress") int subject_egress(struct __sk_buff *packet)
{
	return 1;
}

static void fault(void)
{
	char byte;

	bpf_probe_read_user(&byte, 1, (void *)8);
}

/* Each run makes a fault, which would have it run again, and does not: one miss a run. */
SEC("raw_tp/page_fault_kernel") int subject_again(void *context)
{
	fault();
	return 0;
}

SEC("raw_tp") int subject_fault(void *context)
{
	fault();
	return 0;
}

/* 16 bytes of the ring: a header and 8 bytes. */
SEC("raw_tp") int subject_record(void *context)
{
	__u64 value = 1;

	return bpf_ringbuf_output(&subject_ring, &value, sizeof(value), BPF_RB_NO_WAKEUP);
}
