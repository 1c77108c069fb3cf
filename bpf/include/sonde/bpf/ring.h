/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Handing events over: a ring a CPU, no wake-up until a watermark is passed, a limit of the rate.
 */
#ifndef SONDE_BPF_RING_H
#define SONDE_BPF_RING_H

#include <sonde/bpf/cpu.h>

/* Declares the map of rings of one object; the loader makes one ring of the size it is asked for a
 * CPU. BPF_RING_BYTES is only what the verifier compares inner maps with: it may differ for ring
 * buffers. */
#define SONDE_RINGS(name_)                                                                         \
	struct sonde_ring_map {                                                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                \
		__uint(max_entries, 4096);                                                         \
	};                                                                                         \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__array(values, struct sonde_ring_map);                                            \
	} name_ SEC(".maps")

#define SONDE_RING_HEADER_BYTES 8

/* The submit flags for a record of `bytes`: a wake-up when the ring holds `watermark` bytes or
 * more. The fill is asked for once in watermark / 8 bytes, since the question costs a fifth of an
 * event. */
static __always_inline __u64 sonde_ring_flags(void *ring, struct sonde_ring_state *state,
					      __u32 bytes, __u32 watermark)
{
	__u32 unchecked = state->unchecked_bytes + bytes + SONDE_RING_HEADER_BYTES;

	state->events++;
	state->bytes += bytes + SONDE_RING_HEADER_BYTES;
	state->unchecked_bytes = unchecked;
	if (unchecked < watermark / 8)
		return BPF_RB_NO_WAKEUP;
	state->unchecked_bytes = 0;
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= watermark ? BPF_RB_FORCE_WAKEUP
								       : BPF_RB_NO_WAKEUP;
}

/* Takes back what sonde_ring_flags counted for a record that found no room. */
static __always_inline void sonde_ring_withdraw(struct sonde_ring_state *state, __u32 bytes)
{
	state->events--;
	state->bytes -= bytes + SONDE_RING_HEADER_BYTES;
}

/* Whether this CPU may hand over one more event in the second of `now_ns`; 0 is no limit. */
static __always_inline bool sonde_ring_allows(struct sonde_ring_state *state, __u64 now_ns,
					      __u32 events_per_second)
{
	if (!events_per_second)
		return true;
	if (now_ns - state->limit_start_ns >= 1000000000ull) {
		state->limit_start_ns = now_ns;
		state->limit_events = 0;
	}
	if (state->limit_events >= events_per_second)
		return false;
	state->limit_events++;
	return true;
}

#endif
