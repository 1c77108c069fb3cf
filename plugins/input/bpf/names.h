/* SPDX-License-Identifier: Apache-2.0 */
/* Programs, maps and what they are attached to, in words. */
#ifndef BPF_NAMES_H
#define BPF_NAMES_H

#include <sonde/bpf/inventory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_BYTES 160 /* enough for each of these texts */

/* A type in the words of bpftool, "type 99" where it is newer than this list; in `text` or
 * constant. */
const char *names_program_type(uint32_t type, char text[NAMES_BYTES]);
const char *names_map_type(uint32_t type, char text[NAMES_BYTES]);

/* Whether there is such a type of programs or of maps. */
bool names_is_type(const char *name);

/* The function's name where that is only longer than the 15 bytes which the kernel keeps. */
const char *names_program(const struct sonde_inventory_program *program);

/* What a program is attached to; link may be NULL. "": nothing is known. */
const char *names_target(const struct sonde_inventory_program *program,
			 const struct sonde_inventory_link *link, char text[NAMES_BYTES]);

/* 16 hexadecimal digits. */
const char *names_tag(const uint8_t tag[8], char text[NAMES_BYTES]);

#endif
