/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the live view: what two snapshots, a while apart, say in tables. */
#ifndef SONDE_TOP_PAGE_H
#define SONDE_TOP_PAGE_H

#include "census.h"
#include "sheet.h"
#include "snapshot.h"

enum page { PAGE_PIPELINES, PAGE_INSTANCES, PAGE_LOSSES, PAGE_PROGRAMS, PAGE_COUNT };

const char *page_title(enum page page);
const struct sheet_column *page_columns(enum page page);

/* How it is sorted at first. */
struct sheet_view page_view(enum page page);

/* Fills the sheet anew from what there was and what there is, whose texts it borrows. Without
 * `before` nothing is known a second. -ENOMEM. */
int page_fill(enum page page, const struct snapshot *before, const struct snapshot *now,
	      struct sheet *sheet);

/* The same of programs. */
int page_fill_programs(const struct census *census, struct sheet *sheet);

#endif
