/* SPDX-License-Identifier: Apache-2.0 */
/* From a body as it was sent to the protobuf message in it, in memory of the call's dictionary. */
#ifndef SONDE_OTLP_UNPACK_H
#define SONDE_OTLP_UNPACK_H

#include "call.h"
#include "transcode.h"

struct message {
	const unsigned char *data;
	size_t length;
};

/* What is unpacked with, for all calls of an instance; zeroed, it is empty. */
struct unpacker {
	struct expander *expander;
	struct buffer plain;
	struct buffer protobuf;
};

void unpacker_release(struct unpacker *unpacker);

/* Where a body of that length is best put: memory of the call's dictionary, which is made. NULL: it
 * has to be unpacked first, or there is no memory. */
void *unpack_place(struct sonde_instance *instance, struct call *call, size_t length);

/* Makes the message of a call whose body is whole; its dictionary is made if it was not. 0, or -1
 * with the refusal. */
int unpack(struct sonde_instance *instance, struct unpacker *unpacker, struct call *call,
	   size_t limit_bytes, struct message *ret_message, struct refusal *refusal);

#endif
