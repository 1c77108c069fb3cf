#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes a header that embeds a compiled object: embed.sh NAME OBJECT HEADER.
set -eu
cat > "$3" <<HEADER
#include <sonde/embed.h>
SONDE_EMBED(embedded_$1, "$(realpath "$2")");
extern const unsigned char embedded_$1[];
extern const size_t embedded_$1_bytes;
HEADER
