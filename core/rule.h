/* SPDX-License-Identifier: Apache-2.0 */
/* What types and roles ask for: the C member of an option, the column types of a role. */
#ifndef SONDE_RULE_H
#define SONDE_RULE_H

#include <sonde/plugin.h>

/* A type as the plugin header writes it, and the member that an option of it fills. */
struct type_rule {
	const char *name;     /* "SONDE_U32" */
	const char *member;   /* "uint32_t" */
	uint32_t option_size; /* of the member; 0: no option has this type */
	uint32_t option_alignment;
};

/* A role as the plugin header writes it, and the types of its columns. */
struct role_rule {
	const char *name; /* "SONDE_ROLE_TIME" */
	uint32_t types;   /* bit t: a column of type t may have it */
};

/* NULL: there is no such type or role. */
const struct type_rule *type_rule(uint32_t type);
const struct role_rule *role_rule(uint32_t role);

/* "SONDE_TEXT, SONDE_ANY": the types of a role, for a message. */
const char *role_rule_types(const struct role_rule *rule, char *buffer, size_t size);

/* "input", "processor", "output"; NULL for anything else. */
const char *kind_name(uint32_t kind);

#endif
