/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output, pipes and devices: streams that keep what they have taken, and whose readers may
 * be slow. */
#ifndef SONDE_FILE_PIPE_H
#define SONDE_FILE_PIPE_H

#include "../../../lib/stream/stream.h"
#include "writer.h"

struct pipe {
	struct stream stream;
	struct json out; /* rows of the delivery, of which `written` bytes are out */
	size_t written;
	uint64_t sequence; /* of the delivery that `out` holds */
};

/* Writes what can be written now; goes on where it stopped. 0: all of the delivery is out;
 * -EAGAIN: the reader is slow; or another errno, after which another delivery may come: the row
 * that was torn is finished before it. */
int pipe_write(struct pipe *pipe, struct writer *writer, const struct sonde_delivery *delivery);

void pipe_close(struct pipe *pipe);

#endif
