/* SPDX-License-Identifier: Apache-2.0 */
/* Manuals, made from the tables that the program itself goes by. */
#ifndef SONDE_MANUAL_H
#define SONDE_MANUAL_H

#include "markup.h"
#include "plugin.h"
#include "section.h"

/* A manual in that form on that file. width: columns of the terminal; what is too narrow to be
 * read is taken as 40. */
struct markup manual_markup(FILE *file, enum markup_form form, bool colour, int width);

/* Of a plugin: options, knobs, columns, counters, and a config to start from. */
void manual_print(const struct plugin *plugin, struct markup *markup);

/* Of the config: what the daemon itself understands in it. */
void manual_print_config(struct markup *markup);

/* The entries of a table, and of what it does not hold. */
void manual_options(struct markup *markup, unsigned depth, const struct sonde_option *options);
void manual_parts(struct markup *markup, unsigned depth, const struct section_part *parts);

#endif
