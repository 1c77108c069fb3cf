/* SPDX-License-Identifier: Apache-2.0 */
/* The local control socket: words to the running daemon, a text back.
 *
 * Both ways a message is a header of 16 bytes in this machine's byte order, then a payload: magic
 * "sonde-c\0", u16 version (1), u16 code, u32 payload length. A request's payload is words, each
 * ended by a zero byte, its code 0; a reply's is a text, its code 0 or an exit code of the program.
 * One request a connection. docs/control.md specifies it. */
#ifndef SONDE_CONTROL_H
#define SONDE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "loop.h"

enum {
	CONTROL_VERSION = 1,
	CONTROL_REQUEST_LIMIT = 64 * 1024,
	CONTROL_REPLY_LIMIT = 64 * 1024 * 1024,
	CONTROL_WORD_LIMIT = 16,
	CONTROL_CLIENT_LIMIT = 16,
};

/* Answers a request on the loop's thread: writes the reply's text, returns its code. */
typedef uint16_t control_answer(void *data, char *const *words, uint32_t word_count, FILE *reply);

struct control;

/* Listens on a unix socket that only its owner and the owner's group may use. A stale socket is
 * replaced; -EADDRINUSE: another daemon answers there. */
int control_listen(struct loop *loop, const char *path, control_answer *answer, void *data,
		   struct control **ret_control);
void control_close(struct control *control);

/* How long the next connections may take from their begin to their end; 10 s at first. On the
 * loop's thread. */
void control_limit_time(struct control *control, int64_t limit_ns);

/* Client: sends words and gets the reply, freed by the caller with free(). A negative errno if no
 * daemon answers: -ENOENT and -ECONNREFUSED, none runs; -EACCES, not allowed; -EPROTO, it speaks
 * another version; -ETIMEDOUT, it does not answer within 10 s. */
int control_ask(const char *path, const char *const *words, uint32_t word_count, uint16_t *ret_code,
		char **ret_reply, size_t *ret_length);

/* The same for what takes the daemon longer. */
int control_ask_within(const char *path, const char *const *words, uint32_t word_count,
		       int64_t patience_ns, uint16_t *ret_code, char **ret_reply,
		       size_t *ret_length);

/* The words of a request's payload, in place; -EBADMSG: not words, or too many. */
int control_split(char *payload, size_t length, char *ret_words[CONTROL_WORD_LIMIT],
		  uint32_t *ret_count);

#endif
