#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots systemd over this very system, to run sonde's units as they are installed: boot.sh SCRATCH BUILD
#
# In namespaces of its own, with what it writes in memory, a cgroup of its own and few devices, so that nothing of it
# is left or seen outside. SCRATCH/out is /out inside; SCRATCH/out/inner runs there, and its end ends it all. What this
# machine lacks for that is said in SCRATCH/out/lacks. test_systemd.py starts it.
set -euo pipefail
scratch=$1 build=$2
lacks() { echo "$*" >"$scratch/out/lacks"; exit 0; }

# --- the second part, in all its namespaces: the first process of the system to be
boot() {
	local root=$scratch/root device
	mount -t sysfs sysfs "$root/sys"
	mount -t proc proc "$root/proc"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" || lacks "the cgroup hierarchy of version 2"
	mount -t bpf bpf "$root/sys/fs/bpf" || true
	mount -t tracefs tracefs "$root/sys/kernel/tracing" || true
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for device in null zero full random urandom tty; do
		touch "$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
	mkdir -p "$root/dev/shm" "$root/dev/pts" "$root/out" "$root/old"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount --bind "$scratch/out" "$root/out"
	cd "$root"
	pivot_root . old
	umount -l /old
	exec env -i container=sonde-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
		systemd.unit=sonde-test.target systemd.show_status=0 systemd.log_target=null </dev/null
}
if [[ ${3:-} == boot ]]; then boot; fi

# --- the first part: mounts that only this process sees
mount --make-rprivate /
mkdir -p "$scratch/memory" "$scratch/root" "$scratch/cgroups"
mount -t tmpfs tmpfs "$scratch/memory"
mkdir "$scratch/memory/upper" "$scratch/memory/work"
mount -t overlay overlay "$scratch/root" 2>"$scratch/out/mount" \
	-o "lowerdir=/,upperdir=$scratch/memory/upper,workdir=$scratch/memory/work" ||
	lacks "overlayfs: $(<"$scratch/out/mount")"
mount -t cgroup2 cgroup2 "$scratch/cgroups" || lacks "the cgroup hierarchy of version 2"

# Nothing starts but the journal and what the test asks for.
meson install -C "$build" --no-rebuild --destdir "$scratch/root" >"$scratch/out/install"
mkdir -p "$scratch/root/etc/sonde"
cp "$scratch"/etc/*.conf "$scratch/root/etc/sonde/"
units=$scratch/root/etc/systemd/system
rm -rf "$units" "$scratch"/root/var/lib/{,private/}sonde* "$scratch"/root/var/log/journal
mkdir -p "$units"
cp -r "$scratch"/units/. "$units/"
cat >"$units/sonde-test.target" <<'END'
[Unit]
DefaultDependencies=no
Wants=systemd-journald.socket systemd-journald.service sonde-test.service
END
cat >"$units/sonde-test.service" <<'END'
[Unit]
DefaultDependencies=no
After=systemd-journald.service
[Service]
Type=oneshot
ExecStart=/bin/bash /out/inner
ExecStopPost=/usr/bin/systemctl --force --force poweroff
END
for unit in "$scratch"/units/*.service "$scratch"/root/usr/local/lib/systemd/system/sonde*.service; do
	mkdir -p "$units/${unit##*/}.d"
	printf '[Unit]\nDefaultDependencies=no\nConflicts=\nBefore=\n' >"$units/${unit##*/}.d/alone.conf"
done

# A cgroup beside the one that this process is in: systemd takes it for the whole hierarchy.
here=$scratch/cgroups$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$here/sonde-test-$$" || lacks "a cgroup that may be divided"
echo $$ >"$here/sonde-test-$$/cgroup.procs"
status=0
unshare --mount --pid --cgroup --fork --kill-child bash "$0" "$scratch" "$build" boot || status=$?
echo $$ >"$here/cgroup.procs"
for ((i = 0; i < 100; i++)); do     # its processes are dying still
	find "$here/sonde-test-$$" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	[[ -e $here/sonde-test-$$ ]] || break
	sleep 0.1
done
# 130, as by Ctrl-C: the end of a system in a pid namespace.
((status == 130 || status == 0)) || lacks "a system that boots: it ended with $status"
