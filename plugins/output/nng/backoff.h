/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before another try: any time up to a bound that doubles, so that a thousand
 * edges whose region went together do not come back together. */
#ifndef SONDE_NNG_BACKOFF_H
#define SONDE_NNG_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t first_ns, longest_ns;
	uint32_t failures; /* since all was well */
};

/* After one more failure. `random` is any number, all of whose bits are random. */
static inline int64_t backoff_delay_ns(struct backoff *backoff, uint64_t random)
{
	int64_t bound_ns = backoff->first_ns;

	for (uint32_t i = 0; i < backoff->failures && bound_ns < backoff->longest_ns; i++)
		bound_ns *= 2;
	if (bound_ns > backoff->longest_ns)
		bound_ns = backoff->longest_ns;
	if (backoff->failures < UINT32_MAX)
		backoff->failures++;
	return (int64_t)(random % (uint64_t)(bound_ns + 1));
}

#endif
