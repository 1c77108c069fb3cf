/* SPDX-License-Identifier: Apache-2.0 */
/* The account of an input's kernel side, kept by what the input says of it. */
#include <stdio.h>

#include "instance.h"

static struct account *instance_kernel_account(struct instance *instance)
{
	char name[LEDGER_NAME_BYTES];

	if (!instance->ledger)
		return NULL;
	snprintf(name, sizeof(name), instance->base.replica_count > 1 ? "%s#%u" : "%s",
		 instance->base.name, instance->base.replica);
	return ledger_account(instance->ledger, ACCOUNT_KERNEL, name);
}

/* The kernel's counters begin anew with each start of the input, the ledger's go on. */
void instance_tally(struct instance *instance, const struct sonde_tally *tally)
{
	struct account *account = instance->kernel, *base = &instance->kernel_base;

	if (!account) {
		account = instance_kernel_account(instance);
		if (!account)
			return;
		*base = *account;
		instance->kernel = account;
	}
	__atomic_store_n(&account->in.events, base->in.events + tally->produced, __ATOMIC_RELAXED);
	__atomic_store_n(&account->out.events, base->out.events + tally->emitted, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		__atomic_store_n(&account->reduced[i].events,
				 base->reduced[i].events + tally->reduced[i], __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		__atomic_store_n(&account->lost[i].events, base->lost[i].events + tally->lost[i],
				 __ATOMIC_RELAXED);
}
