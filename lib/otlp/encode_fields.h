/* SPDX-License-Identifier: Apache-2.0 */
/* Which field of which message a column of a role is, and how it is written. */
#ifndef SONDE_ENCODE_FIELDS_H
#define SONDE_ENCODE_FIELDS_H

#include "encode_program.h"

struct field_rule {
	uint16_t role;
	uint8_t number;
	uint8_t kind; /* enum step_kind */
};

/* The rule of a column in a message: false: it is no part of it. */
bool field_rule_of(enum message_kind message, const struct sonde_column *column,
		   struct field_rule *ret_rule);

#endif
