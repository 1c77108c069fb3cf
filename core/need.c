/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance declares to need, as sonde_need() has it. */
#include <errno.h>

#include "capability.h"
#include "instance.h"

/* In check() it does not matter who asks. */
int instance_need(struct instance *instance, uint32_t capability, uint32_t when)
{
	uint64_t bit;

	if (capability >= capability_count() || (when != SONDE_TO_START && when != SONDE_TO_RUN))
		return -EINVAL;
	bit = CAPABILITY(capability);
	__atomic_or_fetch(&instance->needs.start, bit, __ATOMIC_RELAXED);
	if (when == SONDE_TO_RUN)
		__atomic_or_fetch(&instance->needs.running, bit, __ATOMIC_RELAXED);
	if (instance->problems || !capabilities_lacking(bit, capabilities_permitted()))
		return 0;
	return -EPERM;
}
