/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule sets: "INSTANCE.KNOB=VALUE", with %{COLUMN} for a value of its key. */
#ifndef CONTROL_SETTING_H
#define CONTROL_SETTING_H

#include <sonde/plugin.h>

enum { SETTING_PATH_BYTES = 160 };

struct setting {
	char path[SETTING_PATH_BYTES]; /* INSTANCE.KNOB */
	const char *value;             /* the rest of the text, which has to last */
	bool varies;                   /* it names a column */
};

/* Takes a text apart; `by` are the columns that it may name. -EINVAL with a message. */
int setting_parse(const char *text, const struct sonde_texts *by, struct setting *ret_setting,
		  char *error, size_t error_size);

/* The value with those of a key, one for each of `by`, to be freed. In a list in brackets they are
 * put in quotes, unless they stand in quotes, and what would end these is escaped; elsewhere they
 * are written as they are. NULL: no memory. */
char *setting_value(const struct setting *setting, const struct sonde_texts *by,
		    char *const *texts);

#endif
