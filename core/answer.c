/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon answers on its control socket, and does for it: status, knobs, reloads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "check.h"
#include "chronicle.h"
#include "clock.h"
#include "daemon.h"
#include "leave.h"
#include "log.h"
#include "notify.h"
#include "reload.h"
#include "restart.h"
#include "running.h"
#include "status.h"

/* After a reload what leaves is looked after often for so long. */
static const int64_t leaving_often_ns = 5ll * NS_PER_SECOND;

/* ---- what is asked ----------------------------------------------------------------------- */

static uint16_t answer_status(struct daemon *daemon, char *const *words, uint32_t count,
			      FILE *reply)
{
	struct status_sources sources = {
		.graph = daemon->graph,
		.ledger = daemon->ledger,
		.watch = daemon->watch,
		.knobs = daemon->knobs,
		.pressure = daemon->pressure,
		.state_path = state_path(daemon->state),
		.host_id = state_host_id(daemon->state),
		.privilege = &daemon->privilege,
		.started_ns = daemon->started_ns,
	};
	struct status *status = status_gather(&sources);
	int result = status ? 0 : -ENOMEM;

	if (status && count > 1 && !strcmp(words[1], "json"))
		result = status_print_json(status, reply);
	else if (status && count > 1 && !strcmp(words[1], "knobs"))
		status_print_knobs(status, reply);
	else if (status && count > 1 && !strcmp(words[1], "leaving"))
		status_print_leaving(status, reply);
	else if (status && count > 1 && !strcmp(words[1], "places"))
		status_print_places(status, reply);
	else if (status && count > 1 && !strcmp(words[1], "processors"))
		status_print_processors(status, reply);
	else if (status)
		status_print_text(status, reply, count > 2 ? (uint32_t)atoi(words[2]) : 80,
				  count > 3 && !strcmp(words[3], "colour"));
	status_release(status);
	if (!result)
		return EXIT_CODE_OK;
	fputs("no memory to say it with: try again\n", reply);
	return EXIT_CODE_FAILED;
}

static uint16_t answer_set(struct daemon *daemon, char *const *words, uint32_t count, FILE *reply)
{
	int64_t for_ns = 0;
	char error[512];

	if (count < 3 || (count > 3 && (duration_parse(words[3], &for_ns) || for_ns <= 0))) {
		fputs("set takes INSTANCE.KNOB, VALUE and a duration such as 1m\n", reply);
		return EXIT_CODE_INPUT;
	}
	if (knob_set(daemon->knobs, "user", words[1], words[2], for_ns, error, sizeof(error))) {
		fprintf(reply, "%s\n", error);
		return EXIT_CODE_REFUSED;
	}
	fprintf(reply, "%s = %s%s%s\n", words[1], words[2], for_ns ? " for " : "",
		for_ns ? words[3] : "");
	return EXIT_CODE_OK;
}

/* ---- reload ------------------------------------------------------------------------------ */

/* What leaves is looked after often at first; what takes long, such as an output whose receiver is
 * gone, costs nothing. */
void daemon_leave(void *data)
{
	struct daemon *daemon = data;
	bool recent = clock_monotonic_ns() - daemon->reloaded_ns < leaving_often_ns;

	if (reload_step(daemon->graph))
		loop_timer_after(daemon->loop, &daemon->leaving,
				 recent ? leaving_often_ns / 500 : NS_PER_SECOND / 2);
}

static void say_plugin_changed(const char *path, void *data)
{
	fprintf(data, "%s is another file by now: it takes effect with a restart\n", path);
}

/* Takes the config. */
static int daemon_take_config(struct daemon *daemon, struct config *config, FILE *reply)
{
	struct config *former = config_hold(daemon->graph->config);
	struct reload reload = { .graph = daemon->graph,
				 .ledger = daemon->ledger,
				 .knobs = daemon->knobs,
				 .watch = daemon->watch,
				 .reply = reply };
	int result = reload_run(&reload, config);

	daemon->graph = reload.graph;
	taps_follow(daemon->taps, daemon->graph);
	pressure_follow(daemon->pressure, daemon->graph);
	daemon->reloaded_ns = clock_monotonic_ns();
	daemon_leave(daemon);
	if (!result) {
		log_configure(&config->daemon.log);
		bounds_set(config); /* descriptors are there: it cannot fail */
		restart_say(&config->daemon, &former->daemon, reply);
		catalog_visit_changed(daemon->catalog, say_plugin_changed, reply);
	}
	config_release(former);
	config_release(config);
	return result;
}

static uint16_t reload_config(struct daemon *daemon, FILE *reply)
{
	int64_t since_ns = clock_monotonic_ns();
	struct config *config =
		config_open(daemon_config(daemon)->path, daemon->catalog, reply, false, true);

	if (!config) {
		fputs("the config has errors: nothing has changed\n", reply);
		return EXIT_CODE_INPUT;
	}
	if (!privilege_allows(&daemon->privilege, config, daemon_config(daemon), reply)) {
		config_release(config);
		fputs("the former config is at work\n", reply);
		return EXIT_CODE_REFUSED;
	}
	if (daemon_take_config(daemon, config, reply))
		return EXIT_CODE_REFUSED;
	fprintf(reply, "reloaded %s in %.1f ms\n", daemon_config(daemon)->path,
		(double)(clock_monotonic_ns() - since_ns) / 1e6);
	return EXIT_CODE_OK;
}

/* Each kind of line by a call of its own, so that none is held back for the sake of others. */
static void reload_log(uint16_t code, const char *line)
{
	if (!code)
		log_write(SONDE_INFO, NULL, "reload: %s", line);
	else if (strstr(line, ": note: "))
		log_write(SONDE_INFO, NULL, "reload refused: %s", line);
	else
		log_write(SONDE_ERROR, NULL, "reload refused: %s", line);
}

/* Without the line break at its end. */
static void reload_decide(uint16_t code, const char *actor, const char *text)
{
	struct decision decision = { .level = code ? SONDE_ERROR : SONDE_INFO,
				     .event = code ? "reload.refuse" : "reload",
				     .actor = actor };
	size_t length = strlen(text);

	chronicle_decide(&decision, "%.*s",
			 (int)(length && text[length - 1] == '\n' ? length - 1 : length), text);
}

/* Whoever asked, the log tells it too. */
uint16_t daemon_reload(struct daemon *daemon, FILE *reply)
{
	char *text = NULL, *line, *rest;
	size_t length = 0;
	FILE *lines = open_memstream(&text, &length);
	uint16_t code;

	if (!lines) {
		log_write(SONDE_ERROR, NULL, "no memory to reload");
		if (reply)
			fputs("no memory\n", reply);
		return EXIT_CODE_FAILED;
	}
	log_write(SONDE_INFO, NULL, "reloading %s", daemon_config(daemon)->path);
	notify_reloading();
	code = reload_config(daemon, lines);
	notify_ready();               /* with one config or the other */
	if (fclose(lines) || !text) { /* done all the same, as far as it went */
		free(text);
		text = strdup("no memory to say how it went\n");
	}
	if (reply && text)
		fputs(text, reply);
	reload_decide(code, reply ? "user" : "signal", text ? text : "");
	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		reload_log(code, line);
	free(text);
	return code;
}

static uint16_t answer_drop(struct daemon *daemon, char *const *words, uint32_t count, FILE *reply)
{
	struct decision decision = { .level = SONDE_WARNING,
				     .event = "output.drop",
				     .instance = count == 2 ? words[1] : NULL,
				     .actor = "user" };
	bool found = false;

	for (struct graph *graph = daemon->graph->older; graph && count == 2; graph = graph->older)
		found = leave_give_up(graph, words[1]) || found;
	if (!found) {
		fprintf(reply, "no output \"%s\" is leaving\n", count == 2 ? words[1] : "");
		return EXIT_CODE_REFUSED;
	}
	log_write(SONDE_WARNING, words[1], "what it has not handed over is given up");
	chronicle_decide(&decision, "what it has not handed over is given up");
	daemon->reloaded_ns = clock_monotonic_ns();
	daemon_leave(daemon);
	return EXIT_CODE_OK;
}

/* A thread that is made before privileges are given up would keep them. */
static uint16_t answer_tap(struct daemon *daemon, char *const *words, uint32_t count, FILE *reply)
{
	struct taps_place place = { .graph = daemon->graph, .control = daemon->control };

	if (!daemon->all_started || !daemon->privilege.dropped) {
		fputs("the daemon is still starting: try again\n", reply);
		return EXIT_CODE_REFUSED;
	}
	return taps_answer(&daemon->taps, &place, words, count, reply);
}

uint16_t daemon_answer(void *data, char *const *words, uint32_t count, FILE *reply)
{
	if (!strcmp(words[0], "status"))
		return answer_status(data, words, count, reply);
	if (!strcmp(words[0], "set"))
		return answer_set(data, words, count, reply);
	if (!strcmp(words[0], "reload"))
		return daemon_reload(data, reply);
	if (!strcmp(words[0], "drop"))
		return answer_drop(data, words, count, reply);
	if (!strcmp(words[0], "tap"))
		return answer_tap(data, words, count, reply);
	fprintf(reply, "this daemon (%s) does not know \"%s\"\n", SONDE_VERSION, words[0]);
	return EXIT_CODE_REFUSED;
}
