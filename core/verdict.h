/* SPDX-License-Identifier: Apache-2.0 */
/* The private side of a judge: what it knows of each output and expectation, to be told. */
#ifndef SONDE_VERDICT_H
#define SONDE_VERDICT_H

#include "judge.h"
#include "judgement.h"

/* An output as far as it is judged. */
struct judged {
	const char *name;
	struct lines *lines; /* writes rows that are kept */
	uint32_t sample_limit;
	uint64_t row_count;
	bool failed; /* for want of memory */
};

struct judge {
	struct sonde_instance services; /* of no plugin: what writes values asks it */
	struct judgement *judgements;
	uint32_t count;
	struct judged *outputs;
	uint32_t output_count;
};

#endif
