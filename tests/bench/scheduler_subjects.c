// SPDX-License-Identifier: Apache-2.0
/* Attaches and detaches what is measured. */
#include "scheduler_subjects.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embedded_scheduler_floor.h"

#define PEER "/usr/sbin/runqlat"

static const char *const floor_programs[] = { "latency_wakeup", "latency_wakeup_new",
					      "latency_switch" };

#define FLOOR_PROGRAMS (sizeof(floor_programs) / sizeof(floor_programs[0]))

static struct bpf_object *floor_object;
static struct bpf_link *floor_links[FLOOR_PROGRAMS];
static struct probe probe;
static pid_t peer;

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

bool subjects_open(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "floor");
	struct probe_shape shape = { .ring_bytes = 1u << 20,
				     .group_count = 512,
				     .pair_count = 4096 };
	char message[512];

	libbpf_set_print(say_nothing);
	floor_object = bpf_object__open_mem(embedded_scheduler_floor,
					    embedded_scheduler_floor_bytes, &options);
	if (!floor_object || bpf_object__load(floor_object)) {
		fprintf(stderr, "floor: %s\n", strerror(errno));
		return false;
	}
	if (scheduler_probe_open(&probe, &shape, message, sizeof(message))) {
		fprintf(stderr, "sonde: %s\n", message);
		return false;
	}
	return true;
}

void subjects_close(void)
{
	scheduler_probe_close(&probe);
	bpf_object__close(floor_object);
}

void floor_attach(void)
{
	for (size_t i = 0; i < FLOOR_PROGRAMS; i++) {
		floor_links[i] = bpf_program__attach(
			bpf_object__find_program_by_name(floor_object, floor_programs[i]));
		if (!floor_links[i]) {
			perror(floor_programs[i]);
			exit(1);
		}
	}
}

void floor_detach(void)
{
	for (size_t i = 0; i < FLOOR_PROGRAMS; i++) {
		bpf_link__destroy(floor_links[i]);
		floor_links[i] = NULL;
	}
}

void sonde_attach(const struct probe_settings *settings)
{
	int error = scheduler_probe_apply(&probe, settings);

	if (error) {
		fprintf(stderr, "sonde: %s\n", strerror(-error));
		exit(1);
	}
}

void sonde_detach(void)
{
	static const struct probe_settings off;

	sonde_attach(&off);
}

bool peer_exists(void)
{
	return access(PEER, X_OK) == 0;
}

/* The peer is ready when it has said its first line. */
bool peer_attach(void)
{
	int out[2];
	char line[64];
	ssize_t got;

	if (pipe2(out, O_CLOEXEC))
		return false;
	peer = fork();
	if (!peer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		execl("/usr/bin/stdbuf", "stdbuf", "-oL", PEER, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	got = read(out[0], line, sizeof(line));
	close(out[0]);
	if (got > 0)
		return true;
	waitpid(peer, NULL, 0);
	return false;
}

void peer_detach(void)
{
	kill(peer, SIGINT);
	waitpid(peer, NULL, 0);
}
