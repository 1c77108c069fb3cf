/* SPDX-License-Identifier: Apache-2.0 */
/* What the path of a cgroup says of the container and the unit that its processes belong to. */
#ifndef ENRICH_CONTAINER_H
#define ENRICH_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

enum { CONTAINER_POD_BYTES = 37 };

/* Bytes of the path; length 0: there is no such thing. */
struct container_part {
	const char *data;
	uint32_t length;
};

struct container {
	struct container_part id;    /* of the innermost container */
	struct container_part unit;  /* systemd's innermost; within the container, if there is one
				      */
	struct container_part slice; /* systemd's innermost, but for one of a single pod */
	const char *runtime;         /* "docker", "containerd", "cri-o", "podman" ..; NULL: the path
				      * does not tell */
	char pod_uid[CONTAINER_POD_BYTES]; /* of Kubernetes, with dashes; "": none */
};

/* Reads a path below the root of the v2 hierarchy; the parts point into it. */
void container_read(const char *path, size_t length, struct container *ret_container);

#endif
