// SPDX-License-Identifier: Apache-2.0
/* The manual of the config: what the daemon itself understands in it. */
#include "manual.h"

static const char about[] =
	"A config is one file, or a directory whose `*.conf` are read together in the order of "
	"their names. It is a text of settings `name = value;` and groups `name: { … };`. "
	"`inputs`, `processors` and `outputs` hold instances: a plugin with its options, under a "
	"name of yours; `pipelines` connect them; `sonde` is about the daemon itself.\n"
	"\n"
	"A duration is written \"500ms\", \"5s\", \"1m30s\"; a size \"64MiB\"; a list [\"a\", "
	"\"b\"], or as its one value. In a text `${NAME}` stands for a variable of the "
	"environment, `${NAME:-default}` for one that may be unset, `${file:PATH}` for the content "
	"of a file.\n"
	"\n"
	"`sonde check CONFIG` finds every problem at once, `sonde show CONFIG` prints what a "
	"config amounts to, `sonde plugins NAME` is the manual of a plugin with its own options.";

static const char example[] =
	"inputs:    { calls:  { plugin = \"syscalls\"; interval = \"2s\"; }; };\n"
	"outputs:   { screen: { plugin = \"console\"; }; };\n"
	"pipelines: { main:   { from = [\"calls\"]; to = [\"screen\"]; }; };\n";

void manual_print_config(struct markup *markup)
{
	markup_title(markup, &(struct markup_title){ .name = "sonde.conf",
						     .page = "sonde.conf",
						     .section = "5",
						     .summary = "what sonde does, and with what" });
	markup_heading(markup, "About");
	markup_prose(markup, about);
	markup_heading(markup, "sonde");
	manual_options(markup, 0, daemon_options);
	manual_parts(markup, 0, daemon_parts);
	markup_heading(markup, "Every instance");
	manual_options(markup, 0, instance_options);
	markup_heading(markup, "Outputs");
	manual_parts(markup, 0, output_parts);
	markup_heading(markup, "Pipelines");
	manual_parts(markup, 0, pipeline_parts);
	manual_options(markup, 0, pipeline_options);
	markup_heading(markup, "Entries of to");
	markup_prose(markup, "An entry of `to` is the name of an output, or a group:");
	manual_options(markup, 0, route_options);
	manual_parts(markup, 0, route_parts);
	markup_heading(markup, "Example");
	markup_code(markup, example);
	if (markup->form == MARKUP_MAN) {
		markup_heading(markup, "See also");
		markup_prose(markup, "`sonde`(1), and a page `sonde-NAME`(7) for each plugin");
	}
}
