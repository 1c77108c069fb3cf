/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins want of knobs, on its way from their threads to the main loop. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "wish.h"

enum { ACTOR_BYTES = 128, VALUE_BYTES = 65536 };

/* One on its way; the texts lie behind it. */
struct posted_wish {
	struct loop_task task;
	struct posted_wish *next, **link; /* of those under way */
	struct knob_wish wish;
	const char *paths[KNOB_WISH_KNOBS], *values[KNOB_WISH_KNOBS];
	char texts[];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* over what follows */
static struct knobs *knobs;
static struct loop *loop;
static struct posted_wish *posted;

static void posted_take_out(struct posted_wish *wish)
{
	*wish->link = wish->next;
	if (wish->next)
		wish->next->link = wish->link;
}

static void wish_run(void *data)
{
	struct posted_wish *posted_wish = data;
	const struct knob_wish *wish = &posted_wish->wish;
	char error[512];
	int result;

	pthread_mutex_lock(&mutex);
	posted_take_out(posted_wish);
	pthread_mutex_unlock(&mutex);
	if (wish->for_ns > 0 || !wish->count)
		result = knobs_hold(knobs, wish, error, sizeof(error));
	else
		result = knob_set(knobs, wish->actor, wish->paths[0], wish->values[0], 0, error,
				  sizeof(error));
	if (result && wish->count == 1)
		log_write(SONDE_WARNING, wish->actor, "could not set %s to %s: %s", wish->paths[0],
			  wish->values[0], error);
	else if (result)
		log_write(SONDE_WARNING, wish->actor, "could not hold what %s wants: %s",
			  wish->name, error);
	free(posted_wish);
}

static const char *text_put(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = *at;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static size_t wish_bytes(const struct knob_wish *wish)
{
	size_t bytes = strlen(wish->actor) + strlen(wish->name) + 3;

	bytes += wish->reason ? strlen(wish->reason) : 0;
	for (uint32_t i = 0; i < wish->count; i++)
		bytes += strlen(wish->paths[i]) + strlen(wish->values[i]) + 2;
	return bytes;
}

static struct posted_wish *wish_copy(const struct knob_wish *wish)
{
	struct posted_wish *copy = calloc(1, sizeof(*copy) + wish_bytes(wish));
	char *at = copy ? copy->texts : NULL;

	if (!copy)
		return NULL;
	copy->wish = *wish;
	copy->wish.actor = text_put(&at, wish->actor);
	copy->wish.name = text_put(&at, wish->name);
	copy->wish.reason = text_put(&at, wish->reason ? wish->reason : "");
	copy->wish.paths = copy->paths;
	copy->wish.values = copy->values;
	for (uint32_t i = 0; i < wish->count; i++) {
		copy->paths[i] = text_put(&at, wish->paths[i]);
		copy->values[i] = text_put(&at, wish->values[i]);
	}
	copy->task = (struct loop_task){ .run = wish_run, .data = copy };
	return copy;
}

static int wish_post(const struct knob_wish *wish)
{
	struct posted_wish *copy;
	int result = 0;

	for (uint32_t i = 0; i < wish->count; i++) {
		if (strlen(wish->paths[i]) > VALUE_BYTES || strlen(wish->values[i]) > VALUE_BYTES)
			return -ENAMETOOLONG;
	}
	copy = wish_copy(wish);
	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(&mutex);
	if (loop) {
		copy->next = posted;
		copy->link = &posted;
		if (posted)
			posted->link = &copy->next;
		posted = copy;
		loop_post(loop, &copy->task);
	} else {
		result = -ESHUTDOWN;
	}
	pthread_mutex_unlock(&mutex);
	if (result)
		free(copy);
	return result;
}

static int wish_set(struct sonde_instance *from, const char *knob, const char *value,
		    int64_t for_ns)
{
	struct knob_wish wish = { .owner = from,
				  .actor = from->name,
				  .name = knob,
				  .for_ns = for_ns,
				  .count = 1,
				  .paths = &knob,
				  .values = &value };

	return wish_post(&wish);
}

static int wish_hold(struct sonde_instance *from, const struct sonde_hold *hold)
{
	struct knob_wish wish = { .owner = from,
				  .actor = from->name,
				  .name = hold->name ? hold->name : "",
				  .reason = hold->reason,
				  .for_ns = hold->for_ns,
				  .count = hold->for_ns > 0 ? hold->count : 0,
				  .paths = hold->knobs,
				  .values = hold->values };

	if (hold->count > KNOB_WISH_KNOBS || (hold->for_ns > 0 && !hold->count))
		return -EINVAL;
	return wish_post(&wish);
}

void wishes_open(struct knobs *to, struct loop *main_loop)
{
	pthread_mutex_lock(&mutex);
	knobs = to;
	loop = main_loop;
	pthread_mutex_unlock(&mutex);
	host_on_set(wish_set, wish_hold);
}

void wishes_close(void)
{
	struct posted_wish *wish;

	pthread_mutex_lock(&mutex);
	while ((wish = posted)) {
		loop_cancel(loop, &wish->task);
		posted_take_out(wish);
		free(wish);
	}
	loop = NULL;
	knobs = NULL;
	pthread_mutex_unlock(&mutex);
}
