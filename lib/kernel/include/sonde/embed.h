/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a file of the build, such as a compiled BPF object, into a program's read-only data. */
#ifndef SONDE_EMBED_H
#define SONDE_EMBED_H

#include <stddef.h>

/* Defines `const unsigned char name_[]` and `const size_t name__bytes` (NAME_bytes) from a file
 * that the assembler finds by -I. */
#define SONDE_EMBED(name_, file_)                                                                  \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 16\n"                                                                     \
		".globl " #name_ "\n"                                                              \
		".hidden " #name_ "\n" #name_ ":\n"                                                \
		".incbin \"" file_ "\"\n"                                                          \
		".L" #name_ "_end:\n"                                                              \
		".balign 8\n"                                                                      \
		".globl " #name_ "_bytes\n"                                                        \
		".hidden " #name_ "_bytes\n" #name_ "_bytes:\n"                                    \
		".quad .L" #name_ "_end - " #name_ "\n"                                            \
		".popsection\n")

#endif
