// SPDX-License-Identifier: Apache-2.0
/* The commands of the program as tables, and what is told about them. */
#include <stdio.h>
#include <string.h>
#include "command.h"
#include "name.h"

enum { WORDS_COLUMNS = 34, LINE_LENGTH = 256 };

const struct command_option command_options[COMMAND_OPTION_COUNT] = {
	{ OPTION_FOR, "for", "DURATION",
	  "only for that long, such as 30s or 5m: `run` ends, a knob that was `set` falls back" },
	{ OPTION_JSON, "json", NULL, "one JSON object, for programs" },
	{ OPTION_SOCKET, "socket", "PATH", "the control socket of the daemon that is meant" },
	{ OPTION_STATE, "state", "DIRECTORY",
	  "the state directory of the daemon that is meant, as its config names it" },
	{ OPTION_MARKDOWN, "markdown", NULL, "the manual in Markdown" },
	{ OPTION_MAN, "man", NULL, "the manual as a man page" },
	{ OPTION_HELP, "help", NULL, "what the command does and takes" },
	{ OPTION_WHERE, "where", "CONDITION",
	  "only rows for which it holds, such as \"severity >= 17\"; `docs/expressions.md` is the "
	  "language" },
	{ OPTION_COLUMNS, "columns", "NAMES",
	  "only columns of these names, with commas between; `*` and `?` stand for others: "
	  "\"time,http.*\"" },
	{ OPTION_LIMIT, "limit", "ROWS",
	  "end after so many rows; of `test`: show so many of each output, and of each thing that "
	  "does not hold" },
	{ OPTION_RATE, "rate", "ROWS", "at most so many rows a second (100)" },
	{ OPTION_FORMAT, "format", "FORMAT",
	  "`table`: rows in columns; `json`: an object a row, as the output `file` writes them; "
	  "else "
	  "`table` on a terminal and `json` elsewhere" },
	{ OPTION_AFTER, "after", "PROCESSOR",
	  "rows that leave this processor of the pipeline, rather than its last" },
	{ OPTION_INTERVAL, "interval", "DURATION", "time between two looks (1s)" },
	{ OPTION_SHOW, "show", NULL, "the first rows of each output, `--limit` of them (5)" },
};

const struct command commands[] = {
	{ "run", "CONFIG [--for DURATION]", "run until SIGINT or SIGTERM, or for that long",
	  "Checks the config, then does what it says until SIGINT or SIGTERM comes or the time is "
	  "over; then ends inputs, drains pipelines and outputs within `sonde.drain`, and ends. "
	  "Stays in the foreground and logs to standard error.",
	  OPTION_FOR, WORDS_CONFIG },
	{ "check", "CONFIG", "find every problem of a config; touches nothing",
	  "Finds every problem of a config at once, each with its place and what may have been "
	  "meant. Loads the plugins that are named and asks them too; starts and touches nothing. "
	  "Notes say what the options will cost.",
	  0, WORDS_CONFIG },
	{ "show", "CONFIG", "the effective config, defaults filled in, secrets masked",
	  "Prints what a config amounts to: every option with its value, defaults marked, secrets "
	  "as `***`. But for these, what it prints is a config again.",
	  0, WORDS_CONFIG },
	{ "plugins", "[NAME]", "the plugins that there are; the manual of one",
	  "Lists the plugins with a line each, and says why one is refused; with a name, or the "
	  "path of a `.so`, prints the manual of that one, made from its tables.",
	  OPTION_MARKDOWN | OPTION_MAN, WORDS_PLUGIN },
	{ "test", "FILE... [--show]", "try a config on recordings, and check what comes of it",
	  "A test file names a config, recordings that are played in the places of its inputs, and "
	  "what is expected of the rows that come to its outputs; `docs/testing.md` is its "
	  "language. Nothing comes from this machine and nothing leaves it, and time goes as it "
	  "did when the rows were recorded. What does not hold is printed with its place, what "
	  "was expected and what was found. Ends with 0 if everything holds, with 1 if something "
	  "does not, with 2 if a test, config or recording is wrong.",
	  OPTION_SHOW | OPTION_COLUMNS | OPTION_LIMIT | OPTION_FORMAT, WORDS_TEST },
	{ "status", "[--json]", "what a running sonde does, loses and costs",
	  "Asks a running sonde for its instances, its ledger and what it costs.",
	  OPTION_JSON | OPTION_SOCKET | OPTION_STATE, WORDS_NONE },
	{ "set", "INSTANCE.KNOB VALUE [--for DURATION]", "change a knob of a running sonde",
	  "Changes an option that its plugin's manual calls a knob, in a running sonde. With "
	  "`--for` the value from before comes back by itself. A restart forgets what was set.",
	  OPTION_FOR | OPTION_SOCKET | OPTION_STATE, WORDS_KNOB },
	{ "tap", "PIPELINE [--where CONDITION] [--columns NAMES] [--limit ROWS]",
	  "rows of a running sonde, as they pass",
	  "Shows rows as they leave a pipeline, or an input of that name, until Ctrl-C or the "
	  "limit. It slows nothing down: at most `--rate` rows a second are shown, what there is "
	  "no "
	  "time for goes by without being looked at, and how many those were is said at the end, "
	  "on "
	  "standard error.",
	  OPTION_WHERE | OPTION_COLUMNS | OPTION_LIMIT | OPTION_RATE | OPTION_FORMAT |
		  OPTION_AFTER | OPTION_SOCKET | OPTION_STATE,
	  WORDS_PLACE },
	{ "top", "[--interval DURATION]", "what a running sonde does, live, and every BPF program",
	  "Shows pipelines, instances, losses by reason and the host's BPF programs on a terminal, "
	  "drawn anew each second; `h` lists the keys. While BPF programs are looked at, and by "
	  "who "
	  "may, the kernel clocks their runs.",
	  OPTION_INTERVAL | OPTION_SOCKET | OPTION_STATE, WORDS_NONE },
	{ "reload", "", "make a running sonde read its config again",
	  "Makes a running sonde read its config again, and waits until it is at work. What did "
	  "not change goes on as it is; a config with errors, or one that cannot start, changes "
	  "nothing, and the reason is printed.",
	  OPTION_SOCKET | OPTION_STATE, WORDS_NONE },
	{ "drop", "OUTPUT", "give up the rows of an output that a reload took out",
	  "An output that a reload took out goes on until it has handed over what waits for it; "
	  "`status` lists it as leaving. This gives up what is left, booked as lost by `shutdown`.",
	  OPTION_SOCKET | OPTION_STATE, WORDS_LEAVING },
	{ "help", "[COMMAND | config]", "this; more of one command; the keys of a config",
	  "Lists the commands; with the name of one, says more of it; with `config`, lists what "
	  "the daemon itself understands in a config.",
	  OPTION_MARKDOWN | OPTION_MAN, WORDS_TOPIC },
	{ 0 },
};

/* A number or a name, and what it means. */
struct meaning {
	const char *name, *help;
};

static const struct meaning exit_codes[] = {
	{ "0", "all is well" },
	{ "1",
	  "the machine refused something: memory, a file, a thread; `test`: an expectation does "
	  "not hold" },
	{ "2", "usage, config or argument: mend what the message names" },
	{ "3", "no daemon answers on the control socket" },
	{ "4", "the daemon said no" },
	{ "5", "`run` ended before everything was handed over; the rows are booked as lost" },
};

static const struct meaning files[] = {
	{ "/var/lib/sonde", "state directory of root: lock and ledger" },
	{ "~/.local/state/sonde", "state directory of others, below `$XDG_STATE_HOME` if that is "
				  "set; `sonde.state` names another" },
	{ "/run/sonde/control.sock", "control socket of root; others have `control.sock` in the "
				     "state directory, and so has a config that names one" },
};

static const struct meaning variables[] = {
	{ "NO_COLOR", "set and not empty: no colours on a terminal" },
	{ "XDG_STATE_HOME", "where the state directory of an ordinary user lies" },
};

static const char about_program[] =
	"sonde watches a Linux host through eBPF, refines what it sees in a pipeline of plugins, "
	"and hands it on. A config says which plugins, with which options, in which pipelines: "
	"`sonde.conf`(5).\n"
	"\n"
	"A CONFIG is a file, or a directory whose `*.conf` are read together in the order of their "
	"names.\n"
	"\n"
	"`status`, `set`, `tap`, `top`, `reload` and `drop` find the daemon by its control socket: "
	"`--socket` "
	"names it, or "
	"`--state` the directory that it lies in, else it is the default of the user.";

static const char about_signals[] =
	"SIGINT and SIGTERM end inputs first, then drain pipelines and outputs within "
	"`sonde.drain`. A second one ends the process at once; what was in memory is booked as "
	"lost by `crash` at the next start. SIGHUP does what `sonde reload` does, and says in the "
	"log "
	"how it went.";

const struct command *command_find(const char *name)
{
	const struct command *command = commands;

	while (command->name && strcmp(command->name, name))
		command++;
	return command->name ? command : NULL;
}

const char *command_hint(const char *name, char *buffer, size_t size)
{
	const char *names[16];
	uint32_t count = 0;

	while (commands[count].name && count < sizeof(names) / sizeof(*names)) {
		names[count] = commands[count].name;
		count++;
	}
	return nearest_hint(name, names, count, buffer, size);
}

/* A usage line that is too long for its column has its meaning in the next one. */
void commands_usage(FILE *file)
{
	fputs("usage: sonde COMMAND\n\n", file);
	for (const struct command *command = commands; command->name; command++) {
		int length = fprintf(file, "  %s %s", command->name, command->words) - 2;

		if (length >= WORDS_COLUMNS)
			fprintf(file, "\n%*s", WORDS_COLUMNS + 2, "");
		else
			fprintf(file, "%*s", WORDS_COLUMNS - length, "");
		fprintf(file, "%s\n", command->summary);
	}
	fputs("\n"
	      "  CONFIG is a file, or a directory whose *.conf are read together.\n"
	      "  status, set, tap, top, reload and drop find the daemon by --socket PATH, or by\n"
	      "  --state DIRECTORY as in its config. Others: --version, --help; COMMAND --help\n"
	      "\n"
	      "exit codes: 0 all is well; 1 the machine refused something; 2 usage or config: mend "
	      "it;\n"
	      "3 no daemon answers; 4 the daemon said no; 5 ended before everything was handed "
	      "over\n",
	      file);
}

static void options_print(struct markup *markup, uint32_t options)
{
	char line[LINE_LENGTH];

	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++) {
		const struct command_option *option = &command_options[i];

		if (!(options & option->bit))
			continue;
		snprintf(line, sizeof(line), "--%s%s%s", option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
		markup_entry(markup, &(struct markup_entry){ .name = line, .help = option->help });
	}
}

static void meanings_print(struct markup *markup, const char *heading,
			   const struct meaning *meanings, size_t count)
{
	markup_heading(markup, heading);
	for (size_t i = 0; i < count; i++)
		markup_entry(markup, &(struct markup_entry){ .name = meanings[i].name,
							     .help = meanings[i].help });
}

void command_manual(const struct command *command, struct markup *markup)
{
	char line[LINE_LENGTH], page[LINE_LENGTH];

	snprintf(line, sizeof(line), "sonde %s", command->name);
	snprintf(page, sizeof(page), "sonde-%s", command->name);
	markup_title(markup, &(struct markup_title){ .name = line,
						     .page = page,
						     .section = "1",
						     .summary = command->summary });
	markup_heading(markup, "Usage");
	snprintf(line, sizeof(line), "sonde %s %s\n", command->name, command->words);
	markup_code(markup, line);
	markup_heading(markup, "About");
	markup_prose(markup, command->about);
	markup_heading(markup, "Options");
	options_print(markup, command->options | OPTION_HELP);
}

#define COUNT_OF(table) (sizeof(table) / sizeof(*(table)))

void commands_manual(struct markup *markup)
{
	char line[LINE_LENGTH];

	markup_title(markup, &(struct markup_title){ .name = "sonde",
						     .page = "sonde",
						     .section = "1",
						     .summary = "watch a Linux host, and account "
								"for every row" });
	markup_heading(markup, "Synopsis");
	markup_code(markup, "sonde COMMAND [WORD…] [OPTION…]\nsonde --version\nsonde --help\n");
	markup_heading(markup, "About");
	markup_prose(markup, about_program);
	markup_heading(markup, "Commands");
	for (const struct command *command = commands; command->name; command++) {
		snprintf(line, sizeof(line), "%s %s", command->name, command->words);
		markup_entry(markup,
			     &(struct markup_entry){ .name = line, .help = command->about });
	}
	markup_heading(markup, "Options");
	options_print(markup, UINT32_MAX);
	meanings_print(markup, "Exit status", exit_codes, COUNT_OF(exit_codes));
	markup_heading(markup, "Signals");
	markup_prose(markup, about_signals);
	meanings_print(markup, "Files", files, COUNT_OF(files));
	meanings_print(markup, "Environment", variables, COUNT_OF(variables));
	if (markup->form == MARKUP_MAN) {
		markup_heading(markup, "See also");
		markup_prose(markup, "`sonde.conf`(5), and a page `sonde-NAME`(7) for each plugin");
	}
}
