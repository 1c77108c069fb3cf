// SPDX-License-Identifier: Apache-2.0
/* What hooks and a clock cost on this machine, measured once with programs that do nothing. */
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
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
#define CLOCK_READS 64 /* as in price.bpf.c */

struct price {
	const char *hook, *variant;
	double ns;
};

static struct price prices[] = {
	{ "sys_enter", "tp_btf", 0 },     { "sys_enter", "raw_tp", 0 },
	{ "sys_enter", "tracepoint", 0 }, { "sys_exit", "tp_btf", 0 },
	{ "sys_exit", "raw_tp", 0 },      { "sys_exit", "tracepoint", 0 },
};

#define PRICES (sizeof(prices) / sizeof(prices[0]))

static pthread_mutex_t price_lock = PTHREAD_MUTEX_INITIALIZER;
static double clock_ns;

double price_hook_ns(const char *hook, const char *variant)
{
	for (size_t i = 0; i < PRICES; i++)
		if (!strcmp(prices[i].hook, hook) && !strcmp(prices[i].variant, variant))
			return prices[i].ns;
	return 0;
}

double price_clock_ns(void)
{
	return clock_ns;
}

static double call_ns(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       CALLS;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle of what a program adds to a call, over rounds with and without it in turn. */
static double program_price(struct bpf_program *program)
{
	double added[ROUNDS], bare;
	struct bpf_link *link;

	for (int round = 0; round < ROUNDS; round++) {
		bare = call_ns();
		link = bpf_program__attach(program);
		if (!link)
			return 0;
		added[round] = call_ns() - bare;
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
static void variant_measure(const char *variant)
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
		if (strcmp(prices[i].variant, variant))
			continue;
		snprintf(name, sizeof(name), "%s__%s", prices[i].hook, variant);
		program = bpf_object__find_program_by_name(object, name);
		prices[i].ns = program ? program_price(program) : 0;
	}
	bpf_object__close(object);
}

int sonde_kernel_calibrate(const char *variant)
{
	int error;

	pthread_mutex_lock(&price_lock);
	if (price_hook_ns("sys_enter", variant) <= 0) {
		message_capture();
		variant_measure(variant);
	}
	error = price_hook_ns("sys_enter", variant) > 0 ? 0 : -EOPNOTSUPP;
	pthread_mutex_unlock(&price_lock);
	return error;
}
