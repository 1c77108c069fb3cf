/* SPDX-License-Identifier: Apache-2.0 */
/* An end of lib/hop for tests: an owner that waits to be woken, and takes events one by one. */
#ifndef HOP_END_H
#define HOP_END_H

#include "hop.h"

#define MS_NS INT64_C(1000000)

struct end {
	struct hop *hop;
	int wake_fd;
};

/* What every setting is, where a test wants nothing else; and the files of one of test-authority's
 * names in a directory. */
struct hop_settings end_settings(void);
struct hop_tls end_tls(const char *directory, const char *name);

void end_create(struct end *end, struct hop_settings settings);

/* Listens, and says where to dial: the same URL with the port that it got. */
void end_listen(struct end *end, const char *url, char *ret_url, size_t size);
struct hop_dialer *end_dial(struct end *end, const char *url);

/* With the last one everything must be buried before long. Once more does nothing. */
void end_stop(struct end *end);

/* The next event, waited for so long at most; hop_tick() goes on meanwhile. */
bool end_try(struct end *end, struct hop_event *ret_event, int64_t timeout_ns);

/* The next event is of this kind. */
struct hop_event end_expect(struct end *end, enum hop_event_kind kind);

/* No event comes for so long. */
void end_is_quiet(struct end *end, int64_t time_ns);

/* Sends a message of one letter; the payload of one is that. */
int send_letters(struct hop_connection *connection, uint64_t sequence, char letter, size_t length);
bool is_letters(const struct hop_buffer *payload, char letter, size_t length);

/* Both ends of a connection, which the dialer's first message opens. */
struct pair {
	struct end listener, dialer;
	struct hop_dialer *dial;
	struct hop_connection *accepted, *dialed;
	char url[160];
};

void pair_open(struct pair *pair, const char *url, struct hop_settings listener,
	       struct hop_settings dialer);
void pair_close(struct pair *pair);

/* Descriptors that this process has; and it has no more than so many before long, since nng closes
 * some on a thread of its own. */
uint32_t open_files(void);
void open_files_return_to(uint32_t count);

/* What scripts/test-authority makes in a new directory, to be removed; and once more in it. */
char *authority_make(const char *const *arguments);
void authority_run(const char *directory, const char *const *arguments);
void authority_remove(char *directory);

#endif
