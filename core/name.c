// SPDX-License-Identifier: Apache-2.0
/* Which name was meant, when one was mistyped. */
#include <stdio.h>
#include <string.h>
#include "name.h"

enum { NAME_LENGTH_LIMIT = 64 }; /* longer ones are nobody's typing mistake */

/* Case and the kind of dash are no difference worth counting. */
static char plain(char letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return (char)(letter - 'A' + 'a');
	return letter == '-' ? '_' : letter;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Damerau-Levenshtein, restricted: letters put in, left out, changed, or swapped with the next. */
static unsigned name_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][NAME_LENGTH_LIMIT + 1] = { { 0 } };

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			bool same = plain(a[i - 1]) == plain(b[j - 1]);

			row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
			    plain(a[i - 2]) == plain(b[j - 1]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return rows[a_length % 3][b_length];
}

const char *nearest_name(const char *name, const char *const *names, uint32_t count)
{
	size_t length = strlen(name);
	const char *found = NULL;
	unsigned nearest = 0;

	if (!length || length > NAME_LENGTH_LIMIT)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		size_t other = strlen(names[i]);
		size_t longer = other > length ? other : length;
		unsigned distance;

		if (other > NAME_LENGTH_LIMIT)
			continue;
		distance = name_distance(name, length, names[i], other);
		/* One mistake in two letters, two in five, three in eight. */
		if (distance > (longer + 1) / 3 || (found && distance >= nearest))
			continue;
		nearest = distance;
		found = names[i];
	}
	return found;
}

const char *nearest_hint(const char *name, const char *const *names, uint32_t count, char *buffer,
			 size_t size)
{
	const char *nearest = nearest_name(name, names, count);

	buffer[0] = '\0';
	if (nearest)
		snprintf(buffer, size, " (did you mean \"%s\"?)", nearest);
	return buffer;
}
