/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins may read of the daemon: accounts, health, records, the process. */
#ifndef SONDE_INSIGHT_H
#define SONDE_INSIGHT_H

#include <sonde/plugin.h>

struct ledger;

/* What there is to read, from now on until the ledger is NULL again, when no instance is left. The
 * host's id must outlive it. */
void insight_open(struct ledger *ledger, const char *host_id);

/* The services of the plugin header; on any thread of an instance. */
int insight_account(struct sonde_instance *instance, uint64_t *cursor,
		    struct sonde_account *ret_account);
int insight_health(struct sonde_instance *instance, uint64_t *cursor,
		   struct sonde_health *ret_health, char *texts, size_t capacity);
int insight_record(struct sonde_instance *instance, uint32_t kind, uint64_t *cursor,
		   struct sonde_record *ret_record, char *texts, size_t capacity);
int insight_process(struct sonde_instance *instance, struct sonde_process *ret_process);
const char *insight_reason_name(bool lost, uint32_t reason);

#endif
