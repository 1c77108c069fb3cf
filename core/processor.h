/* SPDX-License-Identifier: Apache-2.0 */
/* Processors at work: what goes in, on, and less; and what those hear who wait for the rows. */
#ifndef SONDE_PROCESSOR_H
#define SONDE_PROCESSOR_H

#include "instance.h"

/* Runs process() over a batch and books what it made of it. Takes over the reference. */
void processor_run(struct instance *instance, struct sonde_batch *batch);

/* The emit function of processors: their owner is the pipeline. */
void processor_emit(struct instance *instance, struct sonde_batch *batch);

/* Rows that a processor holds back; see sonde_keep() and sonde_emit_folded(). */
struct sonde_receipts *processor_keep(struct instance *instance, struct sonde_batch *batch,
				      struct sonde_receipts *receipts);
int processor_fold(struct instance *instance, struct sonde_receipts *receipts,
		   struct sonde_batch *batch);

/* Books rows by the plugin's own word; see sonde_reduce() and sonde_lose(). */
void processor_reduce(struct instance *instance, struct tally size, uint32_t reduction);
void processor_lose(struct instance *instance, struct tally size, uint32_t loss);

/* After stop(): what is still kept is lost by shutdown. */
void processor_give_up(struct instance *instance);

#endif
