#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the man page of a plugin that was just built: man.sh SONDE PLUGIN LIBRARY, where the last is one that the
# plugin may need. sonde loads nothing that others could have written, and a build under a lax umask is just that: so
# the plugin is copied to where only its owner writes.
set -eu
umask 077
scratch=$(mktemp -d "$PWD/man-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cp "$2" "$scratch/"
LD_LIBRARY_PATH=$(dirname "$3") "$1" plugins "$scratch/$(basename "$2")" --man
