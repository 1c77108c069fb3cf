// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Iterators of the input `bpf`: a record of each program, map and link of the host. Whoever holds
 * their links reads them without a capability, and no program is kept alive by being looked at. */
#include <sonde/bpf/program.h>
#include <sonde/bpf/inventory.h>

#include "inventory_types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 cpu_count = 1; /* that may ever come */

/* ---- what each CPU has ------------------------------------------------------------------- */

/* Where a CPU's part of a per-CPU pointer lies is nowhere to be read on all kernels; but it is as
 * far from the pointer for any memory, and of this map both can be had. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} anchor SEC(".maps");

/* A pointer as a number, with which the verifier lets one reckon. */
static __always_inline __u64 number_of(void *pointer)
{
	void *volatile place = pointer;
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), (void *)&place);
	return number;
}

static __always_inline __u64 anchor_base(void)
{
	__u64 base = 0;

	bpf_probe_read_kernel(
		&base, sizeof(base),
		(void *)(number_of(&anchor) + bpf_core_field_offset(struct bpf_array, pptrs)));
	return base;
}

/* The address of a CPU's part; 0: none. */
static __always_inline __u64 part_of(__u64 pointer, __u64 base, __u32 cpu)
{
	__u32 zero = 0;
	void *here = bpf_map_lookup_percpu_elem(&anchor, &zero, cpu);

	return here && base ? pointer + number_of(here) - base : 0;
}

struct count {
	__u64 pointer, base;
	__u64 runs, run_ns, misses;
	__s64 sum;
};

static long program_add(__u32 cpu, struct count *count)
{
	struct bpf_prog_stats *stats = (void *)part_of(count->pointer, count->base, cpu);
	__u64 part;

	if (!stats)
		return 1;
	BPF_CORE_READ_INTO(&part, stats, cnt);
	count->runs += part;
	BPF_CORE_READ_INTO(&part, stats, nsecs);
	count->run_ns += part;
	BPF_CORE_READ_INTO(&part, stats, misses);
	count->misses += part;
	return 0;
}

static long wide_add(__u32 cpu, struct count *count)
{
	__s64 part = 0;

	bpf_probe_read_kernel(&part, sizeof(part),
			      (void *)part_of(count->pointer, count->base, cpu));
	count->sum += part;
	return 0;
}

static long narrow_add(__u32 cpu, struct count *count)
{
	__s32 part = 0;

	bpf_probe_read_kernel(&part, sizeof(part),
			      (void *)part_of(count->pointer, count->base, cpu));
	count->sum += part;
	return 0;
}

/* ---- programs ---------------------------------------------------------------------------- */

static __always_inline void full_name_read(struct bpf_prog_aux *aux, char *out)
{
	struct btf *btf = BPF_CORE_READ(aux, btf);
	struct bpf_func_info *function = BPF_CORE_READ(aux, func_info);
	struct btf_type **types, *type = NULL;
	__u32 id;

	if (!btf || !function || !BPF_CORE_READ(aux, func_info_cnt) || BPF_CORE_READ(btf, base_btf))
		return;
	id = BPF_CORE_READ(function, type_id);
	types = BPF_CORE_READ(btf, types);
	if (id > BPF_CORE_READ(btf, nr_types) ||
	    bpf_probe_read_kernel(&type, sizeof(type), types + id) || !type)
		return;
	bpf_probe_read_kernel_str(out, SONDE_INVENTORY_TEXT,
				  BPF_CORE_READ(btf, strings) + BPF_CORE_READ(type, name_off));
}

SEC("iter/bpf_prog") int programs__iter(struct bpf_iter__bpf_prog *ctx)
{
	struct sonde_inventory_program record = {};
	struct bpf_prog *program = ctx->prog;
	struct count count = {};
	struct bpf_prog_aux *aux;

	if (!program)
		return 0;
	aux = BPF_CORE_READ(program, aux);
	count.base = anchor_base();
	count.pointer = (__u64)BPF_CORE_READ(program, stats);
	bpf_loop(cpu_count, program_add, &count, 0);
	record.runs = count.runs;
	record.run_ns = count.run_ns;
	record.misses = count.misses;
	record.id = BPF_CORE_READ(aux, id);
	record.type = BPF_CORE_READ(program, type);
	record.pages = BPF_CORE_READ(program, pages);
	record.load_time_ns = BPF_CORE_READ(aux, load_time);
	if (bpf_core_field_exists(aux->verified_insns))
		record.instructions = BPF_CORE_READ(aux, verified_insns);
	record.uid = BPF_CORE_READ(aux, user, uid.val);
	BPF_CORE_READ_INTO(&record.tag, program, tag);
	BPF_CORE_READ_STR_INTO(&record.name, aux, name);
	full_name_read(aux, record.full_name);
	bpf_probe_read_kernel_str(record.target, sizeof(record.target),
				  BPF_CORE_READ(aux, attach_func_name));
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* ---- maps -------------------------------------------------------------------------------- */

/* Summed up while CPUs count, it may come out as less than nothing, and less is unknown. */
static __always_inline __s64 not_below_zero(__s64 sum)
{
	return sum > 0 ? sum : 0;
}

/* Hash maps: kernels before 6.6 count only the entries that are allocated one by one. */
static __always_inline __s64 entries_of_hash(struct bpf_map *map)
{
	struct bpf_htab *table = (void *)map;
	struct count count = { .base = anchor_base() };

	/* Some older kernels have the place and leave it empty. */
	if (bpf_core_field_exists(map->elem_count))
		count.pointer = (__u64)BPF_CORE_READ(map, elem_count);
	if (count.pointer) {
		bpf_loop(cpu_count, wide_add, &count, 0);
		return not_below_zero(count.sum);
	}
	if (!(BPF_CORE_READ(map, map_flags) & BPF_F_NO_PREALLOC))
		return SONDE_INVENTORY_UNKNOWN;
	if (!bpf_core_field_exists(table->use_percpu_counter) ||
	    !BPF_CORE_READ(table, use_percpu_counter))
		return BPF_CORE_READ(table, count.counter);
	count.sum = BPF_CORE_READ(table, pcount.count);
	count.pointer = (__u64)BPF_CORE_READ(table, pcount.counters);
	bpf_loop(cpu_count, narrow_add, &count, 0);
	return not_below_zero(count.sum);
}

static __always_inline __s64 entries_of_queue(struct bpf_map *map)
{
	struct bpf_queue_stack *queue = (void *)map;
	__u32 head = BPF_CORE_READ(queue, head), tail = BPF_CORE_READ(queue, tail);

	return head >= tail ? head - tail : head + BPF_CORE_READ(queue, size) - tail;
}

static __always_inline __s64 entries_of(struct bpf_map *map, __u32 type)
{
	struct lpm_trie *trie = (void *)map;
	struct bpf_dtab *devices = (void *)map;

	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return entries_of_hash(map);
	case BPF_MAP_TYPE_LPM_TRIE:
		return BPF_CORE_READ(trie, n_entries);
	case BPF_MAP_TYPE_DEVMAP_HASH:
		return BPF_CORE_READ(devices, items);
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
		return entries_of_queue(map);
	default:
		return SONDE_INVENTORY_UNKNOWN;
	}
}

SEC("iter/bpf_map") int maps__iter(struct bpf_iter__bpf_map *ctx)
{
	struct sonde_inventory_map record = {};
	struct bpf_map *map = ctx->map;
	struct bpf_ringbuf *ring;
	__u64 consumer;

	if (!map)
		return 0;
	record.id = BPF_CORE_READ(map, id);
	record.type = BPF_CORE_READ(map, map_type);
	record.key_bytes = BPF_CORE_READ(map, key_size);
	record.value_bytes = BPF_CORE_READ(map, value_size);
	record.entries_limit = BPF_CORE_READ(map, max_entries);
	record.entries = entries_of(map, record.type);
	if (record.type == BPF_MAP_TYPE_RINGBUF || record.type == BPF_MAP_TYPE_USER_RINGBUF) {
		ring = BPF_CORE_READ((struct bpf_ringbuf_map *)map, rb);
		consumer = BPF_CORE_READ(ring, consumer_pos);
		record.ring_used = BPF_CORE_READ(ring, producer_pos) - consumer;
		record.ring_size = BPF_CORE_READ(ring, mask) + 1;
	}
	BPF_CORE_READ_STR_INTO(&record.name, map, name);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* ---- links ------------------------------------------------------------------------------- */

/* enum bpf_link_type, of kernels newer than the headers here too. */
enum {
	LINK_RAW_TRACEPOINT = 1,
	LINK_CGROUP = 3,
	LINK_NETNS = 5,
	LINK_XDP = 6,
	LINK_PERF_EVENT = 7,
	LINK_TCX = 11,
	LINK_NETKIT = 13,
};

/* An event's name is a text of its own, or that of the tracepoint that lies in the same place; the
 * flag that says which has another bit in each kernel. A tracepoint begins with an address inside
 * the kernel, which no text begins with. */
static __always_inline void event_read(struct bpf_link *link, char *out)
{
	struct file *file = BPF_CORE_READ((struct bpf_perf_link *)link, perf_file);
	struct perf_event *event = file ? BPF_CORE_READ(file, private_data) : NULL;
	struct trace_event_call *call = event ? BPF_CORE_READ(event, tp_event) : NULL;
	const char *name, *inner = NULL;

	if (!call)
		return;
	name = BPF_CORE_READ(call, name);
	bpf_probe_read_kernel(&inner, sizeof(inner), name);
	if ((__u64)inner >> 48 == 0xffff)
		name = inner;
	bpf_probe_read_kernel_str(out, SONDE_INVENTORY_TEXT, name);
}

SEC("iter/bpf_link") int links__iter(struct bpf_iter__bpf_link *ctx)
{
	struct sonde_inventory_link record = {};
	struct bpf_link *link = ctx->link;
	struct bpf_prog *program;

	if (!link)
		return 0;
	program = BPF_CORE_READ(link, prog);
	record.program_id = program ? BPF_CORE_READ(program, aux, id) : 0;
	record.id = BPF_CORE_READ(link, id);
	record.type = BPF_CORE_READ(link, type);
	switch (record.type) {
	case LINK_RAW_TRACEPOINT:
		bpf_probe_read_kernel_str(
			record.target, sizeof(record.target),
			BPF_CORE_READ((struct bpf_raw_tp_link *)link, btp, tp, name));
		break;
	case LINK_PERF_EVENT:
		if (bpf_core_type_exists(struct bpf_perf_link))
			event_read(link, record.target);
		break;
	case LINK_CGROUP:
		record.cgroup_id = BPF_CORE_READ((struct bpf_cgroup_link *)link, cgroup, kn, id);
		break;
	case LINK_NETNS:
		record.namespace = BPF_CORE_READ((struct bpf_netns_link *)link, net, ns.inum);
		break;
	case LINK_XDP:
	case LINK_TCX: /* these two begin like it; to look for a type that a kernel lacks takes
			  CAP_SYS_ADMIN */
	case LINK_NETKIT:
		record.interface = BPF_CORE_READ((struct bpf_xdp_link *)link, dev, ifindex);
		break;
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
