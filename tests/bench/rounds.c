// SPDX-License-Identifier: Apache-2.0
/* Measures subjects between bare runs, round by round. */
#include "rounds.h"

#include <stdlib.h>
#include <string.h>

#include "middle.h"

#define TRIPS     6000 /* of a measurement: short, so that it sees one pace of the machine */
#define ROUNDS    81
#define ENOUGH    20   /* rounds that must count */
#define AGREEMENT 0.03 /* of two bare runs */

struct book {
	double added[ROUNDS_SUBJECTS][ROUNDS]; /* as shares of the bare round trip */
	int counts[ROUNDS_SUBJECTS];
	double bare[ROUNDS_SUBJECTS * ROUNDS];
	int bare_count;
};

/* `before` is the last bare run; returns the one that was made afterwards. */
static double subject_measure(struct pair *pair, const struct rounds_subject *subject, int index,
			      double before, struct book *book)
{
	double with, after, bare;

	if (!subject->attach(subject->context))
		return before;
	with = pair_measure(pair, TRIPS);
	subject->detach(subject->context);
	after = pair_measure(pair, TRIPS);
	bare = (before + after) / 2;
	book->bare[book->bare_count++] = bare;
	if (after / before < 1 + AGREEMENT && before / after < 1 + AGREEMENT)
		book->added[index][book->counts[index]++] = with / bare - 1;
	return after;
}

bool rounds_measure(struct pair *pair, const struct rounds_subject *subjects, int count,
		    struct rounds_result *ret_result)
{
	static struct book book;
	struct rounds_result result = { .runs = ROUNDS };
	double bare = pair_measure(pair, TRIPS), bare_ns, spread;

	memset(&book, 0, sizeof(book));
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0, first = rand(); i < count; i++) {
			int index = (first + i) % count;

			bare = subject_measure(pair, &subjects[index], index, bare, &book);
		}
	for (int i = 0; i < count; i++)
		result.runs = book.counts[i] < result.runs ? book.counts[i] : result.runs;
	if (result.runs < ENOUGH)
		return false;
	bare_ns = middle(book.bare, book.bare_count);
	for (int i = 0; i < count; i++) {
		spread = middle_spread(book.added[i], book.counts[i]);
		result.spread = spread > result.spread ? spread : result.spread;
		result.ns[i] = middle(book.added[i], book.counts[i]) * bare_ns;
	}
	*ret_result = result;
	return true;
}
