// SPDX-License-Identifier: Apache-2.0
/* What hooks and a clock cost on this machine, measured once with programs that do nothing. */
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "embedded_price.h"
#include "message.h"
#include "price.h"

#define ROUNDS      5
#define CALLS       5000
#define TURNS       2000
#define CLOCK_READS 64 /* as in price.bpf.c */

/* Passes a hook many times; ns a pass, 0: it could not be. */
typedef double passing(void);

static passing call_ns, turn_ns;

struct price {
	const char *hook, *variant;
	passing *pass_ns;
	double ns;
};

static struct price prices[] = {
	{ "sys_enter", "tp_btf", call_ns, 0 },        { "sys_enter", "raw_tp", call_ns, 0 },
	{ "sys_enter", "tracepoint", call_ns, 0 },    { "sys_exit", "tp_btf", call_ns, 0 },
	{ "sys_exit", "raw_tp", call_ns, 0 },         { "sys_exit", "tracepoint", call_ns, 0 },
	{ "sched_switch", "tp_btf", turn_ns, 0 },     { "sched_switch", "raw_tp", turn_ns, 0 },
	{ "sched_switch", "tracepoint", turn_ns, 0 }, { "sched_wakeup", "tp_btf", turn_ns, 0 },
	{ "sched_wakeup", "raw_tp", turn_ns, 0 },     { "sched_wakeup", "tracepoint", turn_ns, 0 },
};

#define PRICES (sizeof(prices) / sizeof(prices[0]))

static pthread_mutex_t price_lock = PTHREAD_MUTEX_INITIALIZER;
static double clock_ns;

double price_hook_ns(const char *hook, const char *variant)
{
	if (!strcmp(hook, "sched_wakeup_new")) /* the same for tasks that are new */
		hook = "sched_wakeup";
	for (size_t i = 0; i < PRICES; i++)
		if (!strcmp(prices[i].hook, hook) && !strcmp(prices[i].variant, variant))
			return prices[i].ns;
	return 0;
}

double price_clock_ns(void)
{
	return clock_ns;
}

static double passed_ns(const struct timespec *begin, const struct timespec *end)
{
	return (double)(end->tv_sec - begin->tv_sec) * 1e9 +
	       (double)(end->tv_nsec - begin->tv_nsec);
}

static double call_ns(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return passed_ns(&begin, &end) / CALLS;
}

/* ---- two threads in turns on one CPU ------------------------------------------------------ */

struct partner {
	int ask[2], answer[2]; /* pipes */
};

static void *partner_answer(void *data)
{
	const struct partner *partner = data;
	char byte;

	while (read(partner->ask[0], &byte, 1) == 1)
		if (write(partner->answer[1], &byte, 1) != 1)
			break;
	return NULL;
}

/* Each turn is a wake-up and a switch. */
static bool turns_take(const struct partner *partner)
{
	char byte = 0;

	for (int i = 0; i < TURNS / 2; i++)
		if (write(partner->ask[1], &byte, 1) != 1 ||
		    read(partner->answer[0], &byte, 1) != 1)
			return false;
	return true;
}

static double partner_measure(struct partner *partner)
{
	struct timespec begin, end;
	pthread_t thread;
	bool done;

	if (pthread_create(&thread, NULL, partner_answer, partner))
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	done = turns_take(partner);
	clock_gettime(CLOCK_MONOTONIC, &end);
	close(partner->ask[1]); /* ends it */
	partner->ask[1] = -1;
	pthread_join(thread, NULL);
	return done ? passed_ns(&begin, &end) / TURNS : 0;
}

static double turn_ns(void)
{
	struct partner partner;
	cpu_set_t before, one;
	double ns = 0;

	if (pipe2(partner.ask, O_CLOEXEC))
		return 0;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (!pipe2(partner.answer, O_CLOEXEC)) {
		if (!sched_getaffinity(0, sizeof(before), &before) &&
		    !sched_setaffinity(0, sizeof(one), &one)) {
			ns = partner_measure(&partner);
			(void)sched_setaffinity(0, sizeof(before), &before);
		}
		close(partner.answer[0]);
		close(partner.answer[1]);
	}
	close(partner.ask[0]);
	if (partner.ask[1] >= 0)
		close(partner.ask[1]);
	return ns;
}

/* ---- prices ------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle of what a program adds to a call, over rounds with and without it in turn. */
static double program_price(struct bpf_program *program, passing *pass_ns)
{
	double added[ROUNDS], bare;
	struct bpf_link *link;

	for (int round = 0; round < ROUNDS; round++) {
		bare = pass_ns();
		link = bpf_program__attach(program);
		if (!link)
			return 0;
		added[round] = pass_ns() - bare;
		bpf_link__destroy(link);
	}
	qsort(added, ROUNDS, sizeof(added[0]), ascending);
	return added[ROUNDS / 2] > 0 ? added[ROUNDS / 2] : 0;
}

static double clock_price(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "clock_price");
	struct bpf_map *map = bpf_object__find_map_by_name(object, "price.bss");
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint32_t key = 0;
	uint64_t ns = 0;

	if (!map || bpf_prog_test_run_opts(bpf_program__fd(program), &run) ||
	    bpf_map_lookup_elem(bpf_map__fd(map), &key, &ns))
		return 0;
	return (double)ns / (CLOCK_READS + 1);
}

/* A variant that cannot be loaded leaves its prices at 0. */
static void variant_measure(const char *variant, passing *pass_ns)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "price");
	struct bpf_object *object =
		bpf_object__open_mem(embedded_price, embedded_price_bytes, &options);
	struct bpf_program *program;
	char name[64];

	if (!object)
		return;
	bpf_object__for_each_program(program, object) bpf_program__set_autoload(
		program, strstr(bpf_program__name(program), variant) ||
				 !strcmp(bpf_program__name(program), "clock_price"));
	if (bpf_object__load(object)) {
		bpf_object__close(object);
		return;
	}
	if (clock_ns <= 0)
		clock_ns = clock_price(object);
	for (size_t i = 0; i < PRICES; i++) {
		if (strcmp(prices[i].variant, variant) || prices[i].pass_ns != pass_ns)
			continue;
		snprintf(name, sizeof(name), "%s__%s", prices[i].hook, variant);
		program = bpf_object__find_program_by_name(object, name);
		prices[i].ns = program ? program_price(program, pass_ns) : 0;
	}
	bpf_object__close(object);
}

/* `hook` is one of those that the load passes. */
static int calibrate(const char *variant, const char *hook, passing *pass_ns)
{
	int error;

	pthread_mutex_lock(&price_lock);
	if (price_hook_ns(hook, variant) <= 0) {
		message_capture();
		variant_measure(variant, pass_ns);
	}
	error = price_hook_ns(hook, variant) > 0 ? 0 : -EOPNOTSUPP;
	pthread_mutex_unlock(&price_lock);
	return error;
}

int sonde_kernel_calibrate(const char *variant)
{
	return calibrate(variant, "sys_enter", call_ns);
}

int sonde_kernel_calibrate_scheduler(const char *variant)
{
	return calibrate(variant, "sched_switch", turn_ns);
}
