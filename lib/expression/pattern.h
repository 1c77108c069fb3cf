/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions, by PCRE2: the only file that knows it is pattern.c. */
#ifndef SONDE_PATTERN_H
#define SONDE_PATTERN_H

#include <stdint.h>
#include <sonde/plugin.h>

/* Does not change: any thread may use it. */
struct pattern;

/* -EINVAL: the text says what is wrong, and ret_offset where in the pattern. -ENOMEM. */
int pattern_create(struct sonde_text text, struct pattern **ret_pattern, uint32_t *ret_offset,
		   char *error, size_t error_size);
void pattern_release(struct pattern *pattern); /* NULL is fine */

/* What matching needs besides, for one thread. NULL: no memory. */
struct pattern_scratch *pattern_scratch_create(void);
void pattern_scratch_release(struct pattern_scratch *scratch); /* NULL is fine */

/* 1: it occurs in the text, 0: it does not; -ELOOP: that would take too long to tell. Bytes that
 * are no UTF-8 match nothing. */
int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
		  struct sonde_text text);

#endif
