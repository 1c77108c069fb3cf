// SPDX-License-Identifier: Apache-2.0
/* Loads the programs and maps of an object, and has them do what its standard input says.
 *
 * subject OBJECT: prints {"PROGRAM": id .., "MAP": id ..}, then obeys, and answers each line with
 * "ok" or why not:
 *   attach PROGRAM           link it to what its section names
 *   attach PROGRAM CGROUP    link it to the cgroup, by its directory
 *   attach PROGRAM lo        link it to the device
 *   send COUNT               datagrams through the socket filter, a run each
 *   run PROGRAM COUNT        run it so often
 *   fill MAP FIRST COUNT     put entries in, the keys from FIRST on
 *   drop MAP FIRST COUNT     take them out */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bpf_object *object;
static int sockets[2];

static int program_fd(const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	return program ? bpf_program__fd(program) : -ENOENT;
}

static int attach(const char *name, const char *where)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	struct bpf_link *link;

	if (!program)
		return -ENOENT;
	if (!*where)
		link = bpf_program__attach(program);
	else if (*where == '/')
		link = bpf_program__attach_cgroup(program, open(where, O_RDONLY | O_CLOEXEC));
	else
		link = bpf_program__attach_xdp(program, (int)if_nametoindex(where));
	return link ? 0 : -errno;
}

static int datagrams_send(long count)
{
	char byte = 0;

	for (long i = 0; i < count; i++)
		if (send(sockets[0], &byte, 1, 0) != 1 || recv(sockets[1], &byte, 1, 0) != 1)
			return -errno;
	return 0;
}

static int program_run(const char *name, long count)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int fd = program_fd(name), error = fd < 0 ? fd : 0;

	for (long i = 0; !error && i < count; i++)
		error = bpf_prog_test_run_opts(fd, &options);
	return error;
}

static int map_change(const char *name, uint64_t first, long count, int is_fill)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	static uint64_t values[4096];
	struct {
		uint32_t bits, rest;
	} key;
	int fd = map ? bpf_map__fd(map) : -ENOENT, error = fd < 0 ? fd : 0;
	int has_key = map && bpf_map__key_size(map);

	for (uint64_t i = first; !error && i < first + (uint64_t)count; i++) {
		key.bits = 32; /* of the trie's prefix; for others part of the key */
		key.rest = (uint32_t)i;
		error = is_fill ? bpf_map_update_elem(fd, has_key ? &key : NULL, values, 0)
				: (has_key ? bpf_map_delete_elem(fd, &key)
					   : bpf_map_lookup_and_delete_elem(fd, NULL, values));
	}
	return error;
}

static int obey(const char *line)
{
	char name[128], where[512] = "";
	unsigned long long first;
	long count;

	if (sscanf(line, "attach %127s %511s", name, where) >= 1)
		return attach(name, where);
	if (sscanf(line, "send %ld", &count) == 1)
		return datagrams_send(count);
	if (sscanf(line, "run %127s %ld", name, &count) == 2)
		return program_run(name, count);
	if (sscanf(line, "fill %127s %llu %ld", name, &first, &count) == 3)
		return map_change(name, first, count, 1);
	if (sscanf(line, "drop %127s %llu %ld", name, &first, &count) == 3)
		return map_change(name, first, count, 0);
	return -EINVAL;
}

static void ids_print(void)
{
	struct bpf_prog_info program_info;
	struct bpf_map_info map_info;
	struct bpf_program *program;
	struct bpf_map *map;
	uint32_t bytes;

	printf("{");
	bpf_object__for_each_program(program, object)
	{
		bytes = sizeof(program_info);
		memset(&program_info, 0, bytes);
		bpf_obj_get_info_by_fd(bpf_program__fd(program), &program_info, &bytes);
		printf("\"%s\": %u, ", bpf_program__name(program), program_info.id);
	}
	bpf_object__for_each_map(map, object)
	{
		bytes = sizeof(map_info);
		memset(&map_info, 0, bytes);
		bpf_obj_get_info_by_fd(bpf_map__fd(map), &map_info, &bytes);
		printf("\"%s\": %u, ", bpf_map__name(map), map_info.id);
	}
	printf("\"\": 0}\n");
}

int main(int count, char **arguments)
{
	char line[1024];
	int error, fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count != 2)
		return 2;
	object = bpf_object__open(arguments[1]);
	if (!object || bpf_object__load(object))
		return 1;
	fd = program_fd("subject_filter");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) ||
	    setsockopt(sockets[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)))
		return 1;
	ids_print();
	while (fgets(line, sizeof(line), stdin)) {
		error = obey(line);
		puts(error ? strerror(-error) : "ok");
	}
	return 0;
}
