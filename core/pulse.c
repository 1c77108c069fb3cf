/* SPDX-License-Identifier: Apache-2.0 */
/* The pulse of loops: which of them has been in the same turn for longest, and so may be stuck. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pulse.h"

void pulse_release(struct pulse *pulse)
{
	free(pulse->loops);
	memset(pulse, 0, sizeof(*pulse));
}

static int pulse_resize(struct pulse *pulse, uint32_t count)
{
	struct pulse_loop *loops;

	if (count <= pulse->count)
		return 0;
	loops = realloc(pulse->loops, count * sizeof(*loops));
	if (!loops)
		return -ENOMEM;
	memset(loops + pulse->count, 0, (count - pulse->count) * sizeof(*loops));
	pulse->loops = loops;
	pulse->count = count;
	return 0;
}

/* The count is read first: a turn that ends in between is then taken for the one before, not for
 * one that has lasted. */
static int64_t look_at(struct pulse_loop *at, const struct loop *loop, int64_t now_ns)
{
	uint64_t turn_count = loop_turn_count(loop);
	bool in_turn = loop_is_in_turn(loop);

	if (at->loop == loop && at->since_ns && in_turn && turn_count == at->turn_count)
		return now_ns - at->since_ns;
	*at = (struct pulse_loop){ loop, turn_count, in_turn ? now_ns : 0 };
	return 0;
}

int64_t pulse_look(struct pulse *pulse, struct loop *const *loops, uint32_t count, int64_t now_ns,
		   const struct loop **ret_slowest)
{
	int64_t longest_ns = 0;

	if (pulse_resize(pulse, count))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		int64_t for_ns = look_at(&pulse->loops[i], loops[i], now_ns);

		if (for_ns > longest_ns) {
			longest_ns = for_ns;
			*ret_slowest = loops[i];
		}
	}
	return longest_ns;
}
