// SPDX-License-Identifier: Apache-2.0
/* Standard output, pipes and devices: streams that keep what they have taken. */
#include <errno.h>
#include <string.h>
#include "pipe.h"

/* Where the row ends that is torn at `written`; `written`, if none is. */
static size_t row_end(const struct pipe *pipe, const struct writer *writer)
{
	const char *text = pipe->out.data;
	bool quoted = false, is_csv = writer->csv != NULL;

	if (writer->settings->format == FORMAT_FRAME)
		return archive_frame_end(writer->archive.instance, text, pipe->out.length,
					 pipe->written);

	for (size_t at = 0; at < pipe->out.length; at++) {
		quoted ^= is_csv && text[at] == '"';
		if (text[at] == '\n' && !quoted && at + 1 >= pipe->written)
			return at + 1;
	}
	return pipe->written;
}

/* Fills `out` with the delivery's rows, unless it holds them already from an earlier attempt.
 * Before them stands the end of a row that an earlier delivery left torn. */
static int encode(struct pipe *pipe, struct writer *writer, const struct sonde_delivery *delivery)
{
	size_t rest = 0;
	int result;

	if (pipe->written && pipe->sequence == delivery->sequence)
		return 0;
	if (pipe->written) {
		rest = row_end(pipe, writer) - pipe->written;
		memmove(pipe->out.data, pipe->out.data + pipe->written, rest);
	}
	if (pipe->out.length) /* a header may be among what was not written */
		header_clear(&writer->header);
	json_clear(&pipe->out);
	pipe->out.length = rest;
	pipe->written = 0;
	pipe->sequence = delivery->sequence;
	result = writer_encode(writer, delivery, &pipe->out);
	if (result < 0) {
		header_clear(&writer->header);
		pipe->out.length = rest;
	}
	return result;
}

int pipe_write(struct pipe *pipe, struct writer *writer, const struct sonde_delivery *delivery)
{
	size_t count = 0;
	int result = encode(pipe, writer, delivery);

	if (result < 0)
		return result;
	result = stream_write(&pipe->stream, pipe->out.data + pipe->written,
			      pipe->out.length - pipe->written, &count);
	pipe->written += count;
	writer->bytes = result < 0 ? 0 : pipe->out.length;
	if (result == 0)
		pipe->written = pipe->out.length = 0;
	return result;
}

void pipe_close(struct pipe *pipe)
{
	json_release(&pipe->out);
	stream_close(&pipe->stream);
	memset(pipe, 0, sizeof(*pipe));
}
