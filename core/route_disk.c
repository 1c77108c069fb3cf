/* SPDX-License-Identifier: Apache-2.0 */
/* Routes on disk: what the others do not have, and rows as frames. */
#include "batch.h"
#include "frame.h"
#include "route.h"

int route_open_disk(struct route *route, const struct spool_settings *settings, char *error,
		    size_t error_size)
{
	int result = spool_open(route, settings, error, error_size);

	if (!result)
		route_keep(route);
	return result;
}

void route_refuse_frame(struct route *route, const struct sonde_frame *frame)
{
	pthread_mutex_lock(&route->mutex);
	tally_add(&route->account->in, frame->rows, frame->events);
	tally_add(&route->account->lost[SONDE_LOST_QUEUE_FULL], frame->rows, frame->events);
	pthread_mutex_unlock(&route->mutex);
}

bool route_gives_frames(const struct route *route)
{
	return route->spool && route->spool->takes_frames;
}

uint64_t route_take(struct route *route, struct sonde_frame *ret_frame)
{
	return spool_take(route->spool, ret_frame);
}

void route_keep(struct route *route)
{
	if (route->spool)
		account_keep(route->account, spool_kept(route->spool));
}

struct sonde_batch *route_unawaited(struct sonde_batch *batch)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS, .level = -1 };
	struct sonde_batch *copy = NULL;

	if (frame_write(&batch, 1, &frame) || frame_read(&frame, &copy, 1))
		return NULL;
	batch_finish(copy);
	return copy;
}
