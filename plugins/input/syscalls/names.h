/* SPDX-License-Identifier: Apache-2.0 */
/* What system calls and errors are called, and what the programs must know of single calls. */
#ifndef SYSCALLS_NAMES_H
#define SYSCALLS_NAMES_H

#include <sonde/bpf/syscalls.h>
#include <stddef.h>
#include <stdint.h>

/* By number; NULL where none is known. */
extern const char *const names_x86_64[SONDE_SYSCALL_NUMBERS];
extern const char *const names_i386[SONDE_SYSCALL_NUMBERS];

/* The name of a call by its index; "syscall_441" for a number that is not known, "unknown" for the
 * index that stands for all numbers beyond the table. The buffer is used only where the name is
 * made up. */
const char *names_call(uint32_t index, char buffer[24]);

/* Finds the calls of that name, native and compat; returns how many (0 to 2). */
uint32_t names_find(const char *name, uint32_t ret_indexes[2]);

/* The name of an error by its index in a slot: "ENOENT", "ERESTARTSYS"; "other" for 0, "133"-like
 * where none is known. */
const char *names_error(uint32_t error_index, char buffer[24]);

/* The index in a slot of the error that a return value tells of; its own rule mirrors the
 * program's. 0 is "other", -1 no error. */
int32_t names_error_index(int64_t return_value);

/* Fills the traits of all calls, but for what filters say. */
void names_traits(uint8_t traits[SONDE_SYSCALL_INDEXES]);

#endif
