/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for the journals of a test, and records whose content says their number. */
#ifndef SONDE_JOURNAL_FIXTURE_H
#define SONDE_JOURNAL_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "journal.h"

extern char journal_path[64]; /* in it nothing lies at the start of a test */

int journal_set_up(void **state);
int journal_tear_down(void **state);

/* limit_bytes 0: plenty. */
struct journal *journal_opened(uint64_t limit_bytes, size_t segment_bytes);

/* A record of `length` bytes, `rows` rows and twice as many events, without a stream. Returns what
 * appending did. */
int journal_try(struct journal *journal, size_t length, uint64_t rows);
/* The same `count` times, with numbers from 1 on as rows: all must be taken. */
void journal_fill(struct journal *journal, uint64_t count, size_t length);

int journal_try_stream(struct journal *journal, unsigned char stream, uint64_t sequence);
/* What journal_try() appends, of a stream. */
int journal_try_stream_of(struct journal *journal, unsigned char stream, uint64_t sequence,
			  size_t length, uint64_t rows);
uint64_t journal_position_of(struct journal *journal, unsigned char stream);

/* Whether the data of the record are those that journal_try() made for its rows. */
void journal_record_check(const struct journal_record *record);

/* Reads from a number to the end, checks all, and tells how many and what was skipped. */
uint64_t journal_count(struct journal *journal, uint64_t from, struct journal_loss *ret_skipped);

struct journal_usage journal_used(struct journal *journal);

/* The at-th of the segment files, by name, or NULL; of `path`, which is set. */
char *journal_file(unsigned int at, char path[160]);

#endif
