/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: a checked config at work until it is told to end. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bounds.h"
#include "chronicle.h"
#include "clock.h"
#include "daemon.h"
#include "ending.h"
#include "graph_disk.h"
#include "insight.h"
#include "leave.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "push.h"
#include "running.h"
#include "wish.h"

/* Longest time that a start() may hold up the giving up of privileges. */
static const int64_t drop_after_ns = 30ll * NS_PER_SECOND;

/* ---- signals ----------------------------------------------------------------------------- */

static void daemon_signal(void *data, int fd, uint32_t events)
{
	struct daemon *daemon = data;
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		loop_end(daemon->loop);
		return;
	}
	daemon_reload(daemon, NULL);
}

/* Only then nothing interrupts a callback any more: all threads are signalled to give up the user.
 */
static void daemon_announce(struct daemon *daemon)
{
	struct decision decision = { .level = SONDE_INFO, .event = "daemon.start" };

	if (!daemon->all_started || !daemon->privilege.dropped)
		return;
	log_write(SONDE_INFO, NULL, "running %s, ready after %.1f ms", daemon_config(daemon)->path,
		  (double)(clock_monotonic_ns() - daemon->started_ns) / 1e6);
	chronicle_decide(&decision, "run %llu begins with %s",
			 (unsigned long long)ledger_epoch(daemon->ledger),
			 daemon_config(daemon)->path);
	notify_ready();
}

/* Where some thread has kept too much, there is nothing to go on with. */
static void daemon_dropped(void *data, int result)
{
	struct daemon *daemon = data;

	if (result) {
		log_write(SONDE_ERROR, NULL, "cannot give up privileges: %s: ending",
			  strerror(-result));
		daemon->failed = true;
		loop_end(daemon->loop);
		return;
	}
	privilege_warn(&daemon->privilege, daemon_config(daemon)->path, state_path(daemon->state));
	daemon_announce(daemon);
}

static void daemon_drop(void *data)
{
	struct daemon *daemon = data;
	int result = privilege_drop(&daemon->privilege, daemon->loop, daemon->graph, daemon_dropped,
				    daemon);

	loop_timer_end(daemon->loop, &daemon->drop);
	if (result)
		daemon_dropped(daemon, result);
}

/* Where every input has come to its end by itself there is nothing left to do but to hand over. */
static void daemon_input_ended(void *data)
{
	struct daemon *daemon = data;

	if (!daemon->all_started || !ending_is_reached(daemon->graph))
		return;
	log_write(SONDE_INFO, NULL, "all inputs have come to their end: ending");
	loop_end(daemon->loop);
}

static void daemon_ready(void *data)
{
	struct daemon *daemon = data;

	daemon->all_started = true;
	push_run(daemon->graph);
	daemon_drop(daemon);
	daemon_announce(daemon);
	daemon_input_ended(daemon);
}

static void daemon_end(void *data)
{
	struct daemon *daemon = data;

	loop_end(daemon->loop);
}

static sigset_t daemon_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return set;
}

static int daemon_watch_signals(struct daemon *daemon)
{
	sigset_t set = daemon_signals();

	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread, so that all have it */
	daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return -errno;
	daemon->signals = calloc(1, sizeof(*daemon->signals));
	if (!daemon->signals)
		return -ENOMEM;
	*daemon->signals =
		(struct loop_fd){ .run = daemon_signal, .data = daemon, .fd = daemon->signal_fd };
	return loop_watch(daemon->loop, daemon->signals, SONDE_READABLE);
}

/* ---- life -------------------------------------------------------------------------------- */

static int daemon_fail(int error, const char *what)
{
	log_write(SONDE_ERROR, NULL, "%s: %s", what, strerror(-error));
	return error;
}

static void daemon_tell_retired(const struct daemon *daemon)
{
	struct decision decision = { .level = SONDE_INFO,
				     .event = "ledger.retire",
				     .actor = "daemon" };
	uint32_t count = ledger_retired_count(daemon->ledger);

	if (!count)
		return;
	log_write(SONDE_INFO, NULL, "%u accounts of former configs are added up as " LEDGER_RETIRED,
		  count);
	chronicle_decide(&decision, "%u accounts of former configs are added up as " LEDGER_RETIRED,
			 count);
}

static int daemon_open_state(struct daemon *daemon, const struct config *config)
{
	char error[2 * PATH_MAX];
	int result = state_open(config->daemon.state, &daemon->state, error, sizeof(error));

	if (result) {
		log_write(SONDE_ERROR, NULL, "%s", error);
		return result;
	}
	result = state_open_ledger(daemon->state, &daemon->ledger, error, sizeof(error));
	if (*state_note(daemon->state))
		log_write(SONDE_WARNING, NULL, "%s", state_note(daemon->state));
	if (result) {
		log_write(SONDE_ERROR, NULL, "%s", error);
		return result;
	}
	insight_open(daemon->ledger, state_host_id(daemon->state));
	daemon_tell_retired(daemon);
	return 0;
}

static int daemon_open_control(struct daemon *daemon, const struct config *config)
{
	char path[PATH_MAX], directory[PATH_MAX], *slash;
	int result = control_path(config->daemon.control, config->daemon.state, path, sizeof(path));

	if (!result) {
		snprintf(directory, sizeof(directory), "%s", path);
		slash = strrchr(directory, '/');
		if (slash && slash != directory) {
			*slash = '\0';
			result = directory_make(directory, 0750);
		}
	}
	if (!result)
		result =
			control_listen(daemon->loop, path, daemon_answer, daemon, &daemon->control);
	if (result)
		log_write(SONDE_ERROR, NULL,
			  "cannot listen on the control socket %s: %s (name "
			  "another with sonde.control)",
			  path, strerror(-result));
	else
		privilege_hand_over(&daemon->privilege, state_path(daemon->state), path);
	return result;
}

static int daemon_open(struct daemon *daemon, struct config *config)
{
	int result;

	memory_begin();
	result = bounds_set(config);
	if (result)
		return result;
	daemon->loop = loop_create("main");
	if (!daemon->loop)
		return daemon_fail(-errno, "no event loop");
	result = daemon_watch_signals(daemon);
	if (result)
		return daemon_fail(result, "no signals");
	notify_watch(daemon->loop);
	result = privilege_begin(&daemon->privilege, &config->daemon.privileges);
	if (!result)
		result = daemon_open_state(daemon, config);
	if (result)
		return result;
	result = graph_create(config, daemon->ledger, NULL, &daemon->graph);
	if (result == -ENOSPC)
		log_write(SONDE_ERROR, NULL,
			  "the ledger %s is full: this config and that of the last run have more "
			  "accounts than it holds (start again, or move it away)",
			  state_ledger_path(daemon->state));
	if (result)
		return daemon_fail(result, "cannot build the pipelines");
	graph_book_crash(daemon->graph);
	daemon->knobs = knobs_create(daemon->graph, daemon->loop);
	daemon->watch =
		watch_create(daemon->graph, daemon->ledger, daemon->loop, config->daemon.slow_ns);
	if (daemon->knobs)
		daemon->pressure = pressure_create(daemon->graph, daemon->knobs, daemon->loop);
	if (!daemon->knobs || !daemon->watch || !daemon->pressure)
		return daemon_fail(-ENOMEM, "cannot start");
	wishes_open(daemon->knobs, daemon->loop);
	result = daemon_open_control(daemon, config);
	if (result)
		return result;
	result = privilege_enter(&daemon->privilege, config);
	return result ? daemon_fail(result, "cannot become another user") : 0;
}

/* Everything that runs; what is still queued is booked here. */
static void daemon_release_graph(struct daemon *daemon)
{
	wishes_close();
	pressure_release(daemon->pressure);
	knobs_release(daemon->knobs);
	watch_release(daemon->watch);
	for (struct graph *graph = daemon->graph; graph; graph = graph->older)
		graph_clear(graph); /* before any goes: receipts lead from one to another */
	while (daemon->graph) {
		struct graph *older = daemon->graph->older;

		graph_release(daemon->graph);
		daemon->graph = older;
	}
	daemon->pressure = NULL;
	daemon->knobs = NULL;
	daemon->watch = NULL;
}

static void daemon_close(struct daemon *daemon)
{
	taps_close(daemon->taps);
	control_close(daemon->control);
	daemon_release_graph(daemon);
	insight_open(NULL, "");
	ledger_close(daemon->ledger);
	state_close(daemon->state);
	notify_close();
	if (daemon->signals)
		loop_watch_end(daemon->loop, daemon->signals);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	loop_release(daemon->loop);
}

/* A second signal ends the process at once; the ledger then books a crash at the next start. */
static void daemon_unblock_signals(void)
{
	sigset_t set = daemon_signals();

	sigdelset(&set, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* What did not get out is lost by shutdown; the exit code says whether there was any. */
static int daemon_book_rest(struct daemon *daemon)
{
	uint64_t lost;

	ledger_book_open(daemon->ledger, SONDE_LOST_SHUTDOWN);
	lost = ledger_lost_rows(daemon->ledger, SONDE_LOST_SHUTDOWN) - daemon->lost_before;
	if (!lost)
		return EXIT_CODE_OK;
	log_write(SONDE_WARNING, NULL, "%llu rows were not handed over in time",
		  (unsigned long long)lost);
	return EXIT_CODE_UNDRAINED;
}

/* What still sends into others ends before them; what only gives out goes on meanwhile. */
static int daemon_stop_graphs(struct daemon *daemon, int64_t deadline_ns)
{
	int64_t quiet_ns = deadline_ns - daemon_config(daemon)->daemon.drain_ns / 2;
	int result = 0;

	for (struct graph *older = daemon->graph->older; older; older = older->older) {
		while (!leave_is_quiet(older) && clock_monotonic_ns() < quiet_ns) {
			leave_step(older);
			clock_sleep_ns(NS_PER_MS);
		}
	}
	for (struct graph *graph = daemon->graph; graph; graph = graph->older)
		result = graph_stop(graph, deadline_ns) ? -ETIMEDOUT : result;
	return result;
}

static void daemon_stop(struct daemon *daemon)
{
	int64_t deadline_ns = clock_monotonic_ns() + daemon_config(daemon)->daemon.drain_ns;
	struct decision decision = { .level = SONDE_INFO, .event = "daemon.stop" };

	chronicle_decide(&decision, "run %llu ends",
			 (unsigned long long)ledger_epoch(daemon->ledger));
	notify_stopping(daemon_config(daemon)->daemon.drain_ns);
	daemon_unblock_signals();
	taps_close(daemon->taps);
	daemon->taps = NULL;
	control_close(daemon->control);
	daemon->control = NULL;
	if (daemon_stop_graphs(daemon, deadline_ns)) {
		log_write(SONDE_ERROR, NULL, "a plugin did not return: leaving it behind");
		for (struct graph *graph = daemon->graph; graph; graph = graph->older)
			graph_freeze(graph);
		daemon_book_rest(daemon);
		log_close();
		_exit(EXIT_CODE_UNDRAINED);
	}
}

/* For backing off: many hosts that start together must not come back together. */
static void random_seed(void)
{
	unsigned int seed = (unsigned int)getpid();

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed ^= (unsigned int)clock_monotonic_ns();
	srandom(seed);
}

int daemon_run(struct config *config, struct catalog *catalog, int64_t for_ns)
{
	struct daemon daemon = { .catalog = catalog, .signal_fd = -1 };
	int code = EXIT_CODE_FAILED;

	notify_open(); /* before there are threads: it changes the environment */
	log_configure(&config->daemon.log);
	daemon.started_ns = clock_monotonic_ns();
	random_seed();
	daemon.end = (struct loop_timer){ .run = daemon_end, .data = &daemon };
	daemon.drop = (struct loop_timer){ .run = daemon_drop, .data = &daemon };
	daemon.leaving = (struct loop_timer){ .run = daemon_leave, .data = &daemon };
	if (daemon_open(&daemon, config)) {
		daemon_close(&daemon);
		return code;
	}
	if (log_start())
		log_write(SONDE_WARNING, NULL, "no thread for the log: its reader may hold us up");
	daemon.lost_before = ledger_lost_rows(daemon.ledger, SONDE_LOST_SHUTDOWN);
	daemon.ready = (struct loop_task){ .run = daemon_ready, .data = &daemon };
	daemon.ending = (struct loop_task){ .run = daemon_input_ended, .data = &daemon };
	ending_watch(daemon.loop, &daemon.ending);
	if (graph_start(daemon.graph, daemon.loop, &daemon.ready)) {
		log_write(SONDE_ERROR, NULL, "cannot start threads: %s", strerror(errno));
		ending_watch(NULL, NULL);
		daemon_stop(&daemon);
		daemon_close(&daemon);
		return code;
	}
	if (for_ns > 0)
		loop_timer_after(daemon.loop, &daemon.end, for_ns);
	loop_timer_after(daemon.loop, &daemon.drop, drop_after_ns);
	loop_run(daemon.loop);
	ending_watch(NULL, NULL);
	loop_timer_end(daemon.loop, &daemon.drop);
	privilege_forget(&daemon.privilege);
	loop_timer_end(daemon.loop, &daemon.end);
	loop_timer_end(daemon.loop, &daemon.leaving);
	daemon_stop(&daemon);
	daemon_release_graph(&daemon);
	code = daemon_book_rest(&daemon);
	daemon_close(&daemon);
	return daemon.failed ? EXIT_CODE_FAILED : code;
}
