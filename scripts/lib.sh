# SPDX-License-Identifier: Apache-2.0
# What the commands in scripts/ share: where the tree is, how they speak, who they act as.
# To be sourced by bash.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The packages install into the system's directories, so the system's tools come first; /usr/sbin, where Debian
# keeps bpftool, is not on an ordinary user's PATH at all.
export PATH="/usr/bin:/usr/sbin:/bin:/sbin:$PATH"

# sonde refuses plugins that others could have written, so a build never makes any.
umask 022

say()  { printf '%s\n' "==> $*" >&2; }
fail() { printf '%s\n' "${0##*/}: $*" >&2; exit 1; }

# Put before a command that needs root: "${root[@]}" command …
# With a terminal, sudo may ask for its password; without one nothing ever waits for an answer.
root=()
if ((EUID != 0)); then
	if [[ -t 0 ]]; then root=(sudo --); else root=(sudo -n --); fi
fi

# Fails early, and in words, when what follows could not become root.
need_root() {
	((EUID == 0)) && return
	command -v sudo >/dev/null || fail "$1 needs root: run this as root, or install sudo"
	"${root[@]}" true || fail "$1 needs root, and sudo does not allow it"
}

# Put before a command that writes into the tree. Under `sudo scripts/run` the build still belongs to the user
# whose tree it is.
owner=()
if ((EUID == 0)) && [[ -n ${SUDO_UID:-} && ${SUDO_UID} != 0 && $(stat -c %u "$tree") == "$SUDO_UID" ]]; then
	owner=(setpriv "--reuid=$SUDO_UID" "--regid=${SUDO_GID:-$SUDO_UID}" --init-groups --)
fi

# Runs a command with its output in a file; shows the file only if the command fails.
quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null && return
	local status=$?
	tail -n 100 "$log" >&2
	return "$status"
}
