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
/* The same with groups: brackets remember what they match. */
int pattern_create_groups(struct sonde_text text, struct pattern **ret_pattern,
			  uint32_t *ret_offset, char *error, size_t error_size);
void pattern_release(struct pattern *pattern); /* NULL is fine */

/* Groups are counted from 1; 0 is the whole match. The name of one; "": it has none. The number of
 * that name; 0: there is none. */
uint32_t pattern_group_count(const struct pattern *pattern);
const char *pattern_group_name(const struct pattern *pattern, uint32_t group);
uint32_t pattern_group_of(const struct pattern *pattern, const char *name, size_t length);

/* What matching needs besides, for one thread. NULL: no memory. */
struct pattern_scratch *pattern_scratch_create(void);
/* The same for pattern_find() with any pattern of at most so many groups. */
struct pattern_scratch *pattern_scratch_create_groups(uint32_t group_count);
void pattern_scratch_release(struct pattern_scratch *scratch); /* NULL is fine */

/* 1: it occurs in the text, 0: it does not; -ELOOP: that would take too long to tell. Bytes that
 * are no UTF-8 match nothing. */
int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
		  struct sonde_text text);

/* One text being looked through from its beginning, whose steps are bounded together. */
struct pattern_search {
	const struct pattern *pattern;
	struct pattern_scratch *scratch; /* with room for its groups */
	struct sonde_text text;
	uint32_t from; /* where the next match may begin */
	uint32_t hard; /* places that may still take many steps */
};
struct pattern_search pattern_search(const struct pattern *pattern, struct pattern_scratch *scratch,
				     struct sonde_text text);

/* The next match that is not empty, and goes on behind it. 1; 0: there is none; -ELOOP: as above.
 */
int pattern_find(struct pattern_search *search);

/* What a group matched, as places in the text; false: nothing. */
bool pattern_group(const struct pattern_search *search, uint32_t group, uint32_t *ret_begin,
		   uint32_t *ret_end);

#endif
