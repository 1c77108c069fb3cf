/* SPDX-License-Identifier: Apache-2.0 */
/* The local control socket: words to the running daemon, a text back.
 *
 * Both ways a message is a header of 16 bytes in this machine's byte order, then a payload: magic
 * "sonde-c\0", u16 version (1), u16 code, u32 payload length. A request's payload is words, each
 * ended by a zero byte, its code 0; a reply's is a text, its code 0 or an exit code of the program.
 * One request a connection. Some replies are several messages, of which the last has such a code.
 * docs/control.md specifies it. */
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
	CONTROL_HEADER_BYTES = 16,
};

/* Codes of messages that others follow. */
enum control_part {
	CONTROL_ROWS = 256, /* what was asked for */
	CONTROL_NOTE,       /* a line that the user should see */
	CONTROL_COUNT,      /* a line on how it goes */
};

/* Answers a request on the loop's thread: writes the reply's text, returns its code. */
typedef uint16_t control_answer(void *data, char *const *words, uint32_t word_count, FILE *reply);

struct control;

/* Listens on a unix socket that only its owner and the owner's group may use. A stale socket is
 * replaced; -EADDRINUSE: another daemon answers there. */
int control_listen(struct loop *loop, const char *path, control_answer *answer, void *data,
		   struct control **ret_control);
void control_close(struct control *control);

/* Within answer(): the connection that asks is the caller's from now on, an fd that does not block;
 * nothing is replied. -EMFILE: it stands in the place that is kept for when there are no others. */
int control_take_over(struct control *control);

/* The header of a message of so many bytes. */
void control_head(void *at, uint16_t code, uint32_t length);

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

/* Client of a reply in several messages: connects and sends the words; the fd is the caller's. */
int control_begin(const char *path, const char *const *words, uint32_t word_count,
		  int64_t patience_ns, int *ret_fd);

/* The next message, freed by the caller with free(), and ended by a zero byte. -EPROTO: it hung up.
 */
int control_receive(int fd, uint16_t *ret_code, char **ret_payload, size_t *ret_length);

/* The words of a request's payload, in place; -EBADMSG: not words, or too many. */
int control_split(char *payload, size_t length, char *ret_words[CONTROL_WORD_LIMIT],
		  uint32_t *ret_count);

#endif
