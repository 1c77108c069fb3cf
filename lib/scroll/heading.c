// SPDX-License-Identifier: Apache-2.0
/* What heads a column: the part of its dotted name that says something. */
#include <stdint.h>
#include <string.h>
#include "heading.h"

struct heading heading_of(const char *name)
{
	static const char *const vague[] = { ".name", ".path", ".id", ".type" };
	struct heading heading = { name, strlen(name) };
	const char *dot;

	for (uint32_t index = 0; index < sizeof(vague) / sizeof(*vague); index++) {
		size_t tail = strlen(vague[index]);

		if (heading.length > tail &&
		    strcmp(name + heading.length - tail, vague[index]) == 0) {
			heading.length -= tail;
			break;
		}
	}
	dot = memrchr(name, '.', heading.length);
	if (dot) {
		heading.length -= (size_t)(dot + 1 - name);
		heading.text = dot + 1;
	}
	return heading;
}

bool heading_is_same(struct heading left, struct heading right)
{
	return left.length == right.length && memcmp(left.text, right.text, left.length) == 0;
}
