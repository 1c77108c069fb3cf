// SPDX-License-Identifier: Apache-2.0
/* The hook hub: one attached program a hot hook, and behind it a chain of members in a program
 * array.
 *
 * A member's place is fixed while it is loaded, as its jump to the next place is compiled in.
 * Places below the last attached member that hold none are filled with a program that jumps on, so
 * that members come and go while the others run. */
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sonde/bpf/hub.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "embedded_hub.h"
#include "message.h"

struct hub_member {
	struct object_hook *hook; /* NULL: the place is free */
	struct sonde_kernel *kernel;
	struct bpf_object *skip; /* jumps over this place; NULL: not needed so far */
	bool attached;
};

struct hub {
	char hook[32];       /* empty: this entry is free */
	const char *variant; /* that all members share */
	int array_fd;
	struct bpf_object *head;
	struct bpf_link *link; /* of the head, or of the one member that is attached by itself */
	bool has_head;         /* the link is the head's */
	uint32_t joined_count, attached_count;
	struct hub_member members[SONDE_HUB_MEMBERS];
};

#define HUBS 8

static pthread_mutex_t hub_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub hubs[HUBS];
static int context_fd = -1; /* the context that all hubs of the process share; never closed */

static struct hub *hub_find(const char *hook)
{
	for (int i = 0; i < HUBS; i++)
		if (!strcmp(hubs[i].hook, hook))
			return &hubs[i];
	return NULL;
}

static void hub_close(struct hub *hub)
{
	for (int i = 0; i < SONDE_HUB_MEMBERS; i++)
		if (hub->members[i].skip)
			bpf_object__close(hub->members[i].skip);
	bpf_link__destroy(hub->link);
	bpf_object__close(hub->head);
	close(hub->array_fd);
	memset(hub, 0, sizeof(*hub));
}

static int hub_open(const char *hook, const char *variant, struct hub **ret_hub)
{
	struct hub *hub = hub_find(hook);
	int fd;

	if (hub) {
		*ret_hub = hub;
		return strcmp(hub->variant, variant) ? -EBUSY : 0;
	}
	hub = hub_find("");
	if (!hub)
		return -ENOSPC;
	if (context_fd < 0)
		context_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "hub_context", 4,
					    sizeof(struct sonde_hub_context), 1, NULL);
	if (context_fd < 0)
		return -errno;
	fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "hub", 4, 4, SONDE_HUB_MEMBERS + 1, NULL);
	if (fd < 0)
		return -errno;
	snprintf(hub->hook, sizeof(hub->hook), "%s", hook);
	hub->variant = variant;
	hub->array_fd = fd;
	*ret_hub = hub;
	return 0;
}

/* Gives an opened object the hub's array and context instead of its own. */
static int hub_share(struct hub *hub, struct bpf_object *object, const char *array)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, array);
	struct bpf_map *context = bpf_object__find_map_by_name(object, "hub_context");
	int error = map ? bpf_map__reuse_fd(map, hub->array_fd) : -ENOENT;

	/* The head and the members find the context in any object that asks for it. */
	if (!error && context)
		error = bpf_map__reuse_fd(context, context_fd);
	return error;
}

int hub_join(struct sonde_kernel *kernel, struct object_hook *hook)
{
	char map[48], constant[48];
	struct hub *hub = NULL;
	uint32_t next;
	int error, place = 0;

	snprintf(map, sizeof(map), "hub_%s", hook->plan.name);
	snprintf(constant, sizeof(constant), "hub_%s_next", hook->plan.name);
	pthread_mutex_lock(&hub_lock);
	error = hub_open(hook->plan.name, kernel->variant, &hub);
	while (!error && hub->members[place].hook)
		if (++place == SONDE_HUB_MEMBERS)
			error = -ENOSPC;
	if (!error)
		error = hub_share(hub, kernel->object, map);
	next = (uint32_t)place + 1;
	if (!error)
		error = sonde_kernel_constant(kernel, constant, &next, sizeof(next));
	if (!error) {
		hub->members[place].hook = hook;
		hub->members[place].kernel = kernel;
		hub->joined_count++;
		hook->hub_place = place;
	} else if (hub && !hub->joined_count) {
		hub_close(hub);
	}
	pthread_mutex_unlock(&hub_lock);
	return error;
}

void hub_leave(struct sonde_kernel *kernel, struct object_hook *hook)
{
	struct hub *hub;

	if (hook->hub_place < 0)
		return;
	pthread_mutex_lock(&hub_lock);
	hub = hub_find(hook->plan.name);
	hub->members[hook->hub_place].hook = NULL;
	hub->members[hook->hub_place].kernel = NULL;
	hook->hub_place = -1;
	if (!--hub->joined_count)
		hub_close(hub);
	pthread_mutex_unlock(&hub_lock);
}

/* Loads one program of the hub's own object. */
static int hub_load(struct hub *hub, const char *kind, uint32_t next,
		    struct bpf_object **ret_object, struct bpf_program **ret_program)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "hub");
	struct sonde_kernel view = { .name = "hub" };
	struct bpf_program *program;
	char name[96];
	int error;

	view.object = bpf_object__open_mem(embedded_hub, embedded_hub_bytes, &options);
	if (!view.object)
		return -errno;
	snprintf(name, sizeof(name), "%s_%s__%s", kind, hub->hook, hub->variant);
	bpf_object__for_each_program(program, view.object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
	program = bpf_object__find_program_by_name(view.object, name);
	error = program ? hub_share(hub, view.object, "hub_members") : -ENOENT;
	if (!error)
		error = sonde_kernel_constant(&view, "hub_members_next", &next, sizeof(next));
	if (!error)
		error = bpf_object__load(view.object);
	if (error) {
		bpf_object__close(view.object);
		return error;
	}
	*ret_object = view.object;
	*ret_program = program;
	return 0;
}

/* Puts the program that jumps on into a place; it is loaded once and kept. */
static int hub_skip(struct hub *hub, uint32_t place)
{
	struct hub_member *member = &hub->members[place];
	struct bpf_program *program = NULL;
	int error = 0, fd;

	if (!member->skip)
		error = hub_load(hub, "skip", place + 1, &member->skip, &program);
	else
		bpf_object__for_each_program(
			program, member->skip) if (bpf_program__autoload(program)) break;
	if (error)
		return error;
	fd = bpf_program__fd(program);
	return bpf_map_update_elem(hub->array_fd, &place, &fd, BPF_ANY) ? -errno : 0;
}

/* Makes the array what the members say, from the back, so that no jump meets a gap. */
static int hub_rewrite(struct hub *hub)
{
	uint32_t length = SONDE_HUB_MEMBERS;
	int error = 0, fd;

	while (length && !hub->members[length - 1].attached)
		length--;
	for (uint32_t place = length; place-- && !error;) {
		if (!hub->members[place].attached) {
			error = hub_skip(hub, place);
			continue;
		}
		fd = bpf_program__fd(hub->members[place].hook->program);
		if (bpf_map_update_elem(hub->array_fd, &place, &fd, BPF_ANY))
			error = -errno;
	}
	for (uint32_t place = length; place < SONDE_HUB_MEMBERS; place++)
		bpf_map_delete_elem(hub->array_fd, &place);
	return error;
}

/* Tells an object's members whether they run behind a head, whose context is theirs to share. */
static void hub_tell(struct sonde_kernel *kernel, uint32_t behind_head)
{
	uint32_t *shared = sonde_kernel_memory(kernel, ".data.hub");

	if (shared)
		__atomic_store_n(shared, behind_head, __ATOMIC_RELEASE);
}

static int hub_head(struct hub *hub)
{
	struct bpf_program *program = NULL;
	int error = 0;

	if (!hub->head)
		error = hub_load(hub, "head", 0, &hub->head, &program);
	else
		bpf_object__for_each_program(program,
					     hub->head) if (bpf_program__autoload(program)) break;
	if (error)
		return error;
	hub->link = bpf_program__attach(program);
	return hub->link ? 0 : -errno;
}

/* From one member, attached by itself, to the head: attached while the array is still empty, so
 * that no run is seen twice. What passes between the next two steps, some microseconds, is seen by
 * no one. */
static int hub_widen(struct hub *hub)
{
	struct bpf_link *alone = hub->link;
	int error;

	hub->link = NULL;
	error = hub_head(hub);
	if (error) {
		hub->link = alone;
		return error;
	}
	bpf_link__destroy(alone);
	hub->has_head = true;
	return 0;
}

static int hub_begin(struct hub *hub, struct object_hook *hook)
{
	hub->link = bpf_program__attach(hook->program);
	return hub->link ? 0 : -errno;
}

static void hub_end(struct hub *hub)
{
	bpf_link__destroy(hub->link);
	hub->link = NULL;
	hub->has_head = false;
}

/* One member alone is attached by itself, which spares 9 ns a run; with the second the head takes
 * over, and stays as long as there is a member. */
int hub_attach(struct sonde_kernel *kernel, struct object_hook *hook)
{
	struct hub *hub;
	int error = 0;

	pthread_mutex_lock(&hub_lock);
	hub = hub_find(hook->plan.name);
	if (!hub->attached_count)
		error = hub_begin(hub, hook);
	else if (!hub->has_head)
		error = hub_widen(hub);
	if (!error) {
		hub->members[hook->hub_place].attached = true;
		hub->attached_count++;
		if (hub->has_head)
			error = hub_rewrite(hub);
	}
	for (int place = 0; !error && place < SONDE_HUB_MEMBERS; place++)
		if (hub->members[place].attached)
			hub_tell(hub->members[place].kernel, hub->has_head);
	pthread_mutex_unlock(&hub_lock);
	return error;
}

void hub_detach(struct sonde_kernel *kernel, struct object_hook *hook)
{
	struct hub *hub;

	pthread_mutex_lock(&hub_lock);
	hub = hub_find(hook->plan.name);
	hub->members[hook->hub_place].attached = false;
	if (!--hub->attached_count)
		hub_end(hub);
	hub_rewrite(hub);
	pthread_mutex_unlock(&hub_lock);
}
