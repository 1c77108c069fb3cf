/* SPDX-License-Identifier: Apache-2.0 */
/* All taps of the daemon: asked for, followed from graph to graph, ended. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon.h"
#include "log.h"
#include "name.h"
#include "tap.h"
#include "taps.h"

enum { RATE_DEFAULT = 100, RATE_LIMIT = 100000, WIDTH_DEFAULT = 120, WIDTH_LIMIT = 1000 };

static const int64_t close_patience_ns = 2ll * NS_PER_SECOND;

struct taps {
	struct loop *loop;
	pthread_mutex_t mutex; /* over what follows: taps leave on their own thread */
	struct taps_entry {
		struct tap *tap;
		const void *origin; /* the first of its places: tells whether it is another */
	} entries[LISTENER_COUNT_LIMIT];
	uint32_t count;
};

/* ---- places ------------------------------------------------------------------------------ */

/* Where a tap listens: once for each replica. */
struct places {
	struct listening_place *items[LISTENER_PLACE_LIMIT];
	uint32_t count;
};

static void place_add(struct places *places, struct listening_place *place)
{
	if (places->count < LISTENER_PLACE_LIMIT)
		places->items[places->count++] = place;
}

static void pipeline_places(struct pipeline *pipeline, const char *after, struct places *places)
{
	for (uint32_t i = 0; after && i < pipeline->stage_count; i++)
		if (!strcmp(pipeline->stages[i]->base.name, after))
			place_add(places, &pipeline->stages[i]->listening);
	if (!after)
		place_add(places, &pipeline->fan.listening);
}

/* None: there is nothing of that name. */
static void places_find(struct graph *graph, const char *name, const char *after,
			struct places *places)
{
	const struct config *config = graph->config;

	places->count = 0;
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0;
		     !strcmp(config->pipelines[i].name, name) && r < pipeline->count; r++)
			pipeline_places(&pipeline->replicas[r], after, places);
	}
	for (uint32_t i = 0; !after && i < config->instance_count; i++) {
		struct graph_node *node = &graph->nodes[i];

		if (config->instances[i].kind != SONDE_INPUT ||
		    strcmp(config->instances[i].name, name))
			continue;
		for (uint32_t r = 0; r < node->count; r++)
			place_add(places, &node->fans[r].listening);
	}
}

/* ---- what is asked ----------------------------------------------------------------------- */

static bool number_read(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_number)
{
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number < minimum || number > maximum)
		return false;
	*ret_number = number;
	return true;
}

/* "key=value": whether the key is known and the value fits; else the reply says what would. */
static bool word_take(struct tap_request *request, const char *word, FILE *reply)
{
	const char *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : strlen(word);
	uint64_t width;

	value = value ? value + 1 : "";
#define IS(key_) (length == sizeof(key_) - 1 && !memcmp(word, key_, length))
	if (IS("after")) {
		request->after = value;
	} else if (IS("where")) {
		request->where = value;
	} else if (IS("columns")) {
		request->columns = value;
	} else if (IS("limit")) {
		if (number_read(value, 1, UINT64_MAX, &request->limit))
			return true;
		fprintf(reply, "--limit: \"%s\" is not a number of rows from 1 on\n", value);
		return false;
	} else if (IS("rate")) {
		if (number_read(value, 1, RATE_LIMIT, &request->rate))
			return true;
		fprintf(reply, "--rate: \"%s\" is not a number of rows from 1 to %d a second\n",
			value, RATE_LIMIT);
		return false;
	} else if (IS("format")) {
		request->json = !strcmp(value, "json");
		if (request->json || !strcmp(value, "table"))
			return true;
		fprintf(reply, "--format: \"%s\" is neither \"table\" nor \"json\"\n", value);
		return false;
	} else if (IS("width")) {
		if (number_read(value, 1, UINT32_MAX, &width))
			request->width = width < WIDTH_LIMIT ? (uint32_t)width : WIDTH_LIMIT;
	} else if (IS("colour")) {
		request->colour = true;
		request->rich = !strcmp(value, "rich");
	} else if (IS("ascii")) {
		request->ascii = true;
	} else {
		fprintf(reply, "this daemon (%s) does not know \"%s\" of a tap\n", SONDE_VERSION,
			word);
		return false;
	}
#undef IS
	return true;
}

static const char *pipeline_hint(const struct graph *graph, const char *name, char *buffer,
				 size_t size)
{
	const struct config *config = graph->config;
	const char **names =
		calloc(config->pipeline_count + config->instance_count + 1, sizeof(*names));
	uint32_t count = 0;

	buffer[0] = '\0';
	for (uint32_t i = 0; names && i < config->pipeline_count; i++)
		names[count++] = config->pipelines[i].name;
	for (uint32_t i = 0; names && i < config->instance_count; i++)
		if (config->instances[i].kind == SONDE_INPUT)
			names[count++] = config->instances[i].name;
	if (names)
		nearest_hint(name, names, count, buffer, size);
	free(names);
	return buffer;
}

static uint16_t refuse_unknown(const struct graph *graph, const struct tap_request *request,
			       FILE *reply)
{
	char hint[128];

	if (request->after)
		fprintf(reply, "there is no pipeline \"%s\" with a processor \"%s\" in it%s\n",
			request->name, request->after,
			pipeline_hint(graph, request->name, hint, sizeof(hint)));
	else
		fprintf(reply, "there is no pipeline and no input \"%s\"%s\n", request->name,
			pipeline_hint(graph, request->name, hint, sizeof(hint)));
	return EXIT_CODE_REFUSED;
}

/* ---- taps -------------------------------------------------------------------------------- */

/* On the taps' thread. */
static void taps_gone(struct tap *tap, void *data)
{
	struct taps *taps = data;

	pthread_mutex_lock(&taps->mutex);
	for (uint32_t i = 0; i < taps->count; i++) {
		if (taps->entries[i].tap != tap)
			continue;
		taps->entries[i] = taps->entries[--taps->count];
		break;
	}
	pthread_mutex_unlock(&taps->mutex);
	tap_release(tap);
}

/* Comes behind the last word to each tap. */
static void taps_told(void *data)
{
	(void)data;
}

static int taps_create(struct taps **ret_taps)
{
	struct taps *taps = calloc(1, sizeof(*taps));
	int result;

	if (!taps)
		return -ENOMEM;
	taps->loop = loop_create("taps");
	result = taps->loop ? loop_start(taps->loop) : -errno;
	if (result) {
		loop_release(taps->loop);
		free(taps);
		return result;
	}
	pthread_mutex_init(&taps->mutex, NULL);
	*ret_taps = taps;
	return 0;
}

/* The connection is taken over last: what cannot be had is said before. */
static uint16_t taps_add(struct taps *taps, const struct taps_place *place, struct tap *tap,
			 const struct places *places, FILE *reply)
{
	int fd = control_take_over(place->control), result;

	if (fd < 0) {
		tap_release(tap);
		fputs("there are no file descriptors left\n", reply);
		return EXIT_CODE_FAILED;
	}
	pthread_mutex_lock(&taps->mutex);
	tap_listen(tap, places->items, places->count);
	taps->entries[taps->count++] =
		(struct taps_entry){ .tap = tap, .origin = places->items[0] };
	result = tap_begin(tap, fd);
	pthread_mutex_unlock(&taps->mutex);
	assert(!result); /* there is room, as nobody listens but taps */
	return EXIT_CODE_OK;
}

static bool taps_are_full(struct taps *taps)
{
	bool full;

	pthread_mutex_lock(&taps->mutex);
	full = taps->count == LISTENER_COUNT_LIMIT;
	pthread_mutex_unlock(&taps->mutex);
	return full;
}

static uint16_t taps_open(struct taps *taps, const struct taps_place *place,
			  const struct tap_request *request, const struct places *places,
			  FILE *reply)
{
	struct tap_view *view;
	struct tap *tap;
	char error[512];
	int result = tap_view_create(request, &view, error, sizeof(error));

	if (result) {
		fprintf(reply, "%s\n", error);
		return result == -EINVAL ? EXIT_CODE_INPUT : EXIT_CODE_FAILED;
	}
	if (taps_are_full(taps)) {
		tap_view_release(view);
		fprintf(reply, "there are %d taps already: end one of them\n",
			LISTENER_COUNT_LIMIT);
		return EXIT_CODE_REFUSED;
	}
	tap = tap_create(request, view, taps->loop, taps_gone, taps);
	if (!tap) {
		tap_view_release(view);
		fputs("no memory\n", reply);
		return EXIT_CODE_FAILED;
	}
	log_write(SONDE_INFO, request->name, "rows are shown to a tap%s%s",
		  request->where ? ", where " : "", request->where ? request->where : "");
	return taps_add(taps, place, tap, places, reply);
}

uint16_t taps_answer(struct taps **taps, const struct taps_place *place, char *const *words,
		     uint32_t count, FILE *reply)
{
	struct tap_request request = { .rate = RATE_DEFAULT, .width = WIDTH_DEFAULT };
	struct places places;
	int result;

	if (count < 2) {
		fputs("tap takes the name of a pipeline or an input\n", reply);
		return EXIT_CODE_INPUT;
	}
	request.name = words[1];
	for (uint32_t i = 2; i < count; i++)
		if (!word_take(&request, words[i], reply))
			return EXIT_CODE_INPUT;
	places_find(place->graph, request.name, request.after, &places);
	if (!places.count)
		return refuse_unknown(place->graph, &request, reply);
	result = *taps ? 0 : taps_create(taps);
	if (!result)
		return taps_open(*taps, place, &request, &places, reply);
	fprintf(reply, "no thread for taps: %s\n", strerror(-result));
	return EXIT_CODE_FAILED;
}

static void entry_follow(struct taps_entry *entry, struct graph *graph)
{
	const char *name = tap_name(entry->tap), *after = tap_after(entry->tap);
	struct places places;
	char why[256];

	places_find(graph, name, after, &places);
	tap_listen(entry->tap, places.items, places.count);
	if (!places.count) {
		snprintf(why, sizeof(why), "a reload took %s%s%s out", name, after ? " / " : "",
			 after ? after : "");
		tap_end(entry->tap, EXIT_CODE_REFUSED, why);
	} else if (places.items[0] != entry->origin) {
		entry->origin = places.items[0];
		tap_replaced(entry->tap);
	}
}

/* None is told of what passes a place of the new graph that lies where an old one did. */
void taps_follow(struct taps *taps, struct graph *graph)
{
	if (!taps)
		return;
	pthread_mutex_lock(&taps->mutex);
	for (uint32_t i = 0; i < taps->count; i++)
		tap_listen(taps->entries[i].tap, NULL, 0);
	for (uint32_t i = 0; i < taps->count; i++)
		entry_follow(&taps->entries[i], graph);
	pthread_mutex_unlock(&taps->mutex);
}

void taps_close(struct taps *taps)
{
	if (!taps)
		return;
	pthread_mutex_lock(&taps->mutex);
	for (uint32_t i = 0; i < taps->count; i++) {
		tap_listen(taps->entries[i].tap, NULL, 0);
		tap_end(taps->entries[i].tap, EXIT_CODE_OK, "the daemon ends");
	}
	pthread_mutex_unlock(&taps->mutex);
	(void)loop_call(taps->loop, taps_told, NULL, close_patience_ns);
	if (loop_join(taps->loop, clock_monotonic_ns() + close_patience_ns))
		return; /* it is left to itself, like a plugin that hangs */
	while (taps->count)
		taps_gone(taps->entries[0].tap, taps);
	loop_release(taps->loop);
	pthread_mutex_destroy(&taps->mutex);
	free(taps);
}
