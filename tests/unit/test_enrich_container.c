// SPDX-License-Identifier: Apache-2.0
/* What paths of cgroups say, in the shapes in which they are met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container.h"

#define ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID  "5dd7f1a2-38c6-4b7e-9f3d-1a2b3c4d5e6f"
#define UID_ "5dd7f1a2_38c6_4b7e_9f3d_1a2b3c4d5e6f"
#define FLAT "5dd7f1a238c64b7e9f3d1a2b3c4d5e6f"
#define TASK "0123456789abcdef0123456789abcdef"

struct shape {
	const char *path, *id, *runtime, *pod, *unit, *slice;
};

static void check(const struct shape *shapes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct shape *shape = &shapes[i];
		struct container is;
		char said[512], expected[512];

		container_read(shape->path, strlen(shape->path), &is);
		snprintf(said, sizeof(said), "%s: id=%.*s runtime=%s pod=%s unit=%.*s slice=%.*s",
			 shape->path, (int)is.id.length, is.id.data, is.runtime ? is.runtime : "",
			 is.pod_uid, (int)is.unit.length, is.unit.data, (int)is.slice.length,
			 is.slice.data);
		snprintf(expected, sizeof(expected), "%s: id=%s runtime=%s pod=%s unit=%s slice=%s",
			 shape->path, shape->id, shape->runtime, shape->pod, shape->unit,
			 shape->slice);
		assert_string_equal(said, expected);
	}
}

#define CHECK(shapes_) check(shapes_, sizeof(shapes_) / sizeof(*(shapes_)))

static void units_and_slices_of_systemd_are_the_innermost(void **state)
{
	static const struct shape shapes[] = {
		{ "/", "", "", "", "", "" },
		{ "", "", "", "", "", "" },
		{ "/init.scope", "", "", "", "init.scope", "" },
		{ "/system.slice/ssh.service", "", "", "", "ssh.service", "system.slice" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "", "", "",
		  "getty@tty1.service", "system-getty.slice" },
		{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "session-3.scope",
		  "user-1000.slice" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service", "", "",
		  "", "app-x.service", "app.slice" },
		{ "/system.slice/docker.socket", "", "", "", "docker.socket", "system.slice" },
		{ "/system.slice/nginx.service/workers", "", "", "", "nginx.service",
		  "system.slice" },
		{ "/shop.slice", "", "", "", "", "shop.slice" },
	};

	CHECK(shapes);
}

static void containers_of_docker_are_known_by_either_driver(void **state)
{
	static const struct shape shapes[] = {
		{ "/docker/" ID, ID, "docker", "", "", "" },
		{ "/system.slice/docker-" ID ".scope", ID, "docker", "", "", "system.slice" },
		{ "/shop.slice/docker-" ID ".scope", ID, "docker", "", "", "shop.slice" },
		{ "/custom/parent/" ID, ID, "", "", "", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
		  ID, "docker", "", "", "user.slice" },
		{ "/system.slice/docker.service", "", "", "", "docker.service", "system.slice" },
	};

	CHECK(shapes);
}

static void containers_of_kubernetes_have_their_pod(void **state)
{
	static const struct shape shapes[] = {
		{ "/kubepods/burstable/pod" UID "/" ID, ID, "", UID, "", "" },
		{ "/kubepods/pod" UID "/" ID, ID, "", UID, "", "" },
		{ "/kubepods/besteffort/pod" UID "/crio-" ID, ID, "cri-o", UID, "", "" },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
		  ".slice/cri-containerd-" ID ".scope",
		  ID, "containerd", UID, "", "kubepods-burstable.slice" },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope", ID, "cri-o", UID,
		  "", "kubepods.slice" },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope/container", ID,
		  "cri-o", UID, "", "kubepods.slice" },
		{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
		  ".slice/docker-" ID ".scope",
		  ID, "docker", UID, "", "kubepods-besteffort.slice" },
		{ "/kubepods/burstable/pod" FLAT "/" ID, ID, "", FLAT, "", "" },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice",
		  "", "", UID, "", "kubepods-burstable.slice" },
		{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_
		  ".slice:cri-containerd:" ID,
		  ID, "containerd", UID, "", "system.slice" },
		{ "/k8s.io/" ID, ID, "containerd", "", "", "" },
		{ "/../../pod" UID "/" ID, ID, "", UID, "", "" },
	};

	CHECK(shapes);
}

static void containers_of_podman_are_told_from_their_monitors(void **state)
{
	static const struct shape shapes[] = {
		{ "/machine.slice/libpod-" ID ".scope", ID, "podman", "", "", "machine.slice" },
		{ "/machine.slice/libpod-" ID ".scope/container", ID, "podman", "", "",
		  "machine.slice" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		  ".scope/container",
		  ID, "podman", "", "", "user.slice" },
		{ "/libpod_parent/libpod-" ID, ID, "podman", "", "", "" },
		{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", ID,
		  "podman", "", "", "machine-libpod_pod_" ID2 ".slice" },
		{ "/machine.slice/libpod-conmon-" ID ".scope", "", "", "",
		  "libpod-conmon-" ID ".scope", "machine.slice" },
		{ "/kubepods.slice/crio-conmon-" ID ".scope", "", "", "",
		  "crio-conmon-" ID ".scope", "kubepods.slice" },
	};

	CHECK(shapes);
}

static void of_containers_in_each_other_the_innermost_counts(void **state)
{
	static const struct shape shapes[] = {
		{ "/docker/" ID "/docker/" ID2, ID2, "docker", "", "", "" },
		{ "/docker/" ID "/kubelet/kubepods/burstable/pod" UID "/" ID2, ID2, "", UID, "",
		  "" },
		{ "/system.slice/docker-" ID
		  ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
		  ".slice/cri-containerd-" ID2 ".scope",
		  ID2, "containerd", UID, "", "kubelet-kubepods.slice" },
		{ "/kubepods/pod" UID "/" ID "/docker/" ID2, ID2, "docker", UID, "", "" },
		{ "/docker/" ID "/system.slice/nginx.service", ID, "docker", "", "nginx.service",
		  "system.slice" },
		{ "/system.slice/docker-" ID ".scope/init.scope", ID, "docker", "", "init.scope",
		  "system.slice" },
	};

	CHECK(shapes);
}

static void other_runtimes_are_known_too(void **state)
{
	static const struct shape shapes[] = {
		{ "/system.slice/nerdctl-" ID ".scope", ID, "containerd", "", "", "system.slice" },
		{ "/default/" ID, ID, "containerd", "", "", "" },
		{ "/ecs/" TASK "/" ID, ID, "", "", "", "" },
		{ "/ecs/" TASK "/" TASK "-1234567890", TASK "-1234567890", "", "", "", "" },
		{ "/ecstasks.slice/ecstasks-" TASK ".slice/docker-" ID ".scope", ID, "docker", "",
		  "", "ecstasks-" TASK ".slice" },
		{ "/lxc/web/system.slice/nginx.service", "web", "lxc", "", "nginx.service",
		  "system.slice" },
		{ "/lxc.payload.web", "web", "lxc", "", "", "" },
		{ "/lxc.monitor.web", "", "", "", "", "" },
		{ "/machine.slice/systemd-nspawn@web.service/payload", "web", "systemd-nspawn", "",
		  "", "machine.slice" },
		{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "", "", "",
		  "machine-qemu\\x2d1\\x2dvm.scope", "machine.slice" },
	};

	CHECK(shapes);
}

static void what_only_looks_like_an_id_is_none(void **state)
{
	static const struct shape shapes[] = {
		{ "/docker/0123456789ab", "", "", "", "", "" },
		{ "/docker/" ID "0", "", "", "", "", "" },
		{ "/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "",
		  "", "", "", "" },
		{ "/system.slice/docker-0123.scope", "", "", "", "docker-0123.scope",
		  "system.slice" },
		{ "/x/pod5dd7f1a2-38c6", "", "", "", "", "" },
		{ "/x/pod5dd7f1a2x38c6x4b7ex9f3dx1a2b3c4d5e6f", "", "", "", "", "" },
		{ "/x/tripod" UID, "", "", "", "", "" },
		{ "/docker/.slice", "", "", "", "", "" },
		{ "/lxc.payload.", "", "", "", "", "" },
		{ "//docker//" ID "//", ID, "docker", "", "", "" },
		{ "/a:b:c/:/::", "", "", "", "", "" },
	};

	CHECK(shapes);
}

/* Whatever the bytes are, what is said lies within them; the sanitizers look on. */
static void any_bytes_can_be_read(void **state)
{
	static const char *const pieces[] = { "/", ":",  ".slice",  ".scope", "pod",
					      ID,  UID_, "docker-", "lxc",    ".service",
					      "-", "x",  "kubepods" };
	unsigned seed = 7;

	for (int round = 0; round < 20000; round++) {
		char path[1024], *exact;
		struct container is;
		size_t length = 0;

		for (int i = rand_r(&seed) % 10; i > 0; i--) {
			const char *piece = pieces[(unsigned)rand_r(&seed) %
						   (sizeof(pieces) / sizeof(*pieces))];

			memcpy(path + length, piece, strlen(piece));
			length += strlen(piece);
		}
		exact = malloc(length ? length : 1); /* nothing may be read behind it */
		memcpy(exact, path, length);
		container_read(exact, length, &is);
		assert_true(!is.id.length ||
			    (is.id.data >= exact && is.id.data + is.id.length <= exact + length));
		assert_true(!is.unit.length || (is.unit.data >= exact &&
						is.unit.data + is.unit.length <= exact + length));
		assert_true(!is.slice.length ||
			    (is.slice.data >= exact &&
			     is.slice.data + is.slice.length <= exact + length));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_and_slices_of_systemd_are_the_innermost),
		cmocka_unit_test(containers_of_docker_are_known_by_either_driver),
		cmocka_unit_test(containers_of_kubernetes_have_their_pod),
		cmocka_unit_test(containers_of_podman_are_told_from_their_monitors),
		cmocka_unit_test(of_containers_in_each_other_the_innermost_counts),
		cmocka_unit_test(other_runtimes_are_known_too),
		cmocka_unit_test(what_only_looks_like_an_id_is_none),
		cmocka_unit_test(any_bytes_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
