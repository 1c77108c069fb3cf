// SPDX-License-Identifier: Apache-2.0
/* Interned texts that no window has any more leave, and the others get new codes. */
#include <stdlib.h>

#include "windows.h"

/* From codes to new codes. */
struct renewal {
	const struct intern *from;
	struct intern *to;
	uint32_t *codes; /* by old code: new code + 1; 0: not in use */
	bool apply;      /* else texts are only looked for */
	bool failed;
};

static uint64_t code_renew(struct renewal *renewal, uint64_t code)
{
	uint32_t *known, fresh;

	if (code >= renewal->from->count) /* null */
		return code;
	known = &renewal->codes[code];
	if (!*known && !renewal->apply) {
		fresh = intern_text(renewal->to, renewal->from->entries[code]);
		renewal->failed = renewal->failed || fresh == INTERN_FULL;
		*known = fresh + 1;
	}
	return renewal->apply ? *known - 1 : code;
}

static void table_renew(struct renewal *renewal, struct table *table)
{
	const struct shape *shape = table->shape;

	for (uint32_t i = 0; i < shape->by_count; i++) {
		if (!shape->by[i].dictionary)
			continue;
		for (uint32_t group = 1; group < table->count; group++) {
			uint64_t *word =
				table->keys + (size_t)group * shape->words + shape->by[i].word;

			*word = code_renew(renewal, *word);
		}
	}
	for (uint32_t i = 0; i < shape->measure_count; i++) {
		struct state *state = &table->states[i];

		if (shape->measures[i].type != SONDE_TEXT || !state->chosen)
			continue;
		for (uint32_t group = 0; group < table->count; group++) {
			if (state_seen(state, group) && (group || table->has_other))
				state->chosen[group] = code_renew(renewal, state->chosen[group]);
		}
	}
	if (renewal->apply)
		table_rehash(table);
}

static void panes_renew(struct windows *windows, struct renewal *renewal)
{
	for (uint32_t i = 0; i < windows->pane_count; i++) {
		const struct pane *pane = windows->panes[i];

		for (uint32_t shape = 0; shape < pane->table_count; shape++) {
			if (pane->tables[shape])
				table_renew(renewal, pane->tables[shape]);
		}
	}
}

void texts_renew(struct windows *windows)
{
	struct intern fresh = { .limit = windows->intern.limit, .budget = &windows->unbounded };
	struct renewal renewal = { .from = &windows->intern, .to = &fresh };

	if (windows->renewed_windows == windows->counts.closed_windows ||
	    (windows->intern.count <= windows->intern.limit / 2 &&
	     !budget_is_spent(&windows->budget)))
		return;
	windows->renewed_windows = windows->counts.closed_windows;
	renewal.codes = calloc(windows->intern.count + 1u, sizeof(*renewal.codes));
	if (!renewal.codes)
		return;
	panes_renew(windows, &renewal);
	if (renewal.failed) {
		intern_clear(&fresh, windows->instance);
		free(renewal.codes);
		return;
	}
	renewal.apply = true;
	panes_renew(windows, &renewal);
	free(renewal.codes);
	intern_clear(&windows->intern, windows->instance);
	for (uint32_t i = 0; i < windows->layout_count; i++)
		layout_forget(&windows->layouts[i], windows->instance);
	/* What the new ones take is of what is held from now on. */
	windows->budget.used_bytes += windows->unbounded.used_bytes;
	windows->unbounded.used_bytes = 0;
	windows->intern = fresh;
	windows->intern.budget = &windows->budget;
}
