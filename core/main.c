/* SPDX-License-Identifier: Apache-2.0 */
/* The program: one command a function, each ending in an exit code. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capability.h"
#include "config.h"
#include "control.h"
#include "daemon.h"
#include "host.h"
#include "privilege.h"
#include "state.h"

/* What the options on the command line said. */
struct arguments {
	const char *socket, *state, *duration;
	bool json;
	char *const *words;
	int count;
};

static const char usage[] =
	"usage: sonde COMMAND\n"
	"\n"
	"  run CONFIG [--for DURATION]       run until SIGINT or SIGTERM, or for that long\n"
	"  check CONFIG                      find every problem of a config; touches nothing\n"
	"  show CONFIG                       the effective config, defaults filled in, secrets "
	"masked\n"
	"  plugins [NAME]                    the plugins that there are; the manual of one\n"
	"  status [--json]                   what a running sonde does, loses and costs\n"
	"  set INSTANCE.KNOB VALUE [--for DURATION]\n"
	"                                    change a knob of a running sonde\n"
	"\n"
	"  CONFIG is a file, or a directory whose *.conf are read together.\n"
	"  status and set find the daemon by --socket PATH, or by --state DIRECTORY as in its "
	"config.\n"
	"  --version, --help\n"
	"\n"
	"exit codes: 0 all is well; 1 the machine refused something; 2 usage or config: mend it;\n"
	"3 no daemon answers; 4 the daemon said no; 5 ended before everything was handed over\n";

static int usage_error(const char *message, const char *what)
{
	fprintf(stderr, "sonde: %s%s%s\n%s", message, what ? ": " : "", what ? what : "", usage);
	return EXIT_CODE_INPUT;
}

static bool on_terminal(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fileno(file)) && !(no_color && *no_color);
}

static uint32_t terminal_width(void)
{
	struct winsize size;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* Plugins of the build tree lie beside the program; else those that were installed. */
static struct catalog *catalog_open(void)
{
	char beside[PATH_MAX] = "";
	const char *directories[3] = { 0 };
	struct stat status;
	ssize_t length = readlink("/proc/self/exe", beside, sizeof(beside) - 16);
	char *slash;
	int count = 0;

	beside[length > 0 ? length : 0] = '\0';
	slash = strrchr(beside, '/');
	if (slash) {
		strcpy(slash, "/plugins");
		if (!stat(beside, &status) && S_ISDIR(status.st_mode))
			directories[count++] = beside;
	}
	directories[count] = SONDE_PLUGIN_DIRECTORY;
	return catalog_create(directories, host_services());
}

/* Loads and checks a config, printing every problem. NULL: it has errors. */
static struct config *config_open(const char *path, struct catalog *catalog, bool quiet)
{
	struct problems *problems = problems_create();
	struct config *config = NULL;
	int result;

	if (!problems)
		return NULL;
	result = config_load(path, catalog, problems, &config);
	if (!result)
		daemon_check(config, problems);
	if (!quiet || problems_count(problems, PROBLEM_ERROR) ||
	    problems_count(problems, PROBLEM_WARNING))
		problems_print(problems, stderr, on_terminal(stderr));
	if (result || problems_count(problems, PROBLEM_ERROR)) {
		if (result && result != -EINVAL)
			fprintf(stderr, "sonde: cannot read %s: %s\n", path, strerror(-result));
		config_release(config);
		config = NULL;
	}
	problems_release(problems);
	return config;
}

static int with_config(const struct arguments *arguments,
		       int (*use)(struct config *, const struct arguments *), bool quiet)
{
	struct catalog *catalog;
	struct config *config;
	int code = EXIT_CODE_INPUT;

	if (arguments->count != 1)
		return usage_error("name one config, a file or a directory", NULL);
	catalog = catalog_open();
	if (!catalog)
		return EXIT_CODE_FAILED;
	config = config_open(arguments->words[0], catalog, quiet);
	if (config)
		code = use(config, arguments);
	config_release(config);
	catalog_release(catalog);
	return code;
}

static int use_run(struct config *config, const struct arguments *arguments)
{
	int64_t for_ns = 0;

	if (arguments->duration && (duration_parse(arguments->duration, &for_ns) || for_ns <= 0))
		return usage_error("not a duration such as 10s", arguments->duration);
	return daemon_run(config, for_ns);
}

static int command_run(const struct arguments *arguments)
{
	return with_config(arguments, use_run, true);
}

static int use_check(struct config *config, const struct arguments *arguments)
{
	char start[CAPABILITY_TEXT_BYTES], running[CAPABILITY_TEXT_BYTES];

	printf("%s: no errors in %u instances and %u pipelines\n", config->path,
	       config->instance_count, config->pipeline_count);
	printf("capabilities to start: %s; while running: %s\n",
	       capabilities_print(privilege_needs_start(config), start),
	       capabilities_print(privilege_needs_running(config), running));
	return EXIT_CODE_OK;
}

static int command_check(const struct arguments *arguments)
{
	return with_config(arguments, use_check, false);
}

static int use_show(struct config *config, const struct arguments *arguments)
{
	config_show(config, stdout);
	return EXIT_CODE_OK;
}

static int command_show(const struct arguments *arguments)
{
	return with_config(arguments, use_show, true);
}

static int list_plugin(const char *name, const char *path, void *data)
{
	static const char *const kinds[] = { "", "input", "processor", "output" };
	const struct plugin *plugin;
	char error[1024];

	if (catalog_find(data, path, 0, &plugin, error, sizeof(error)))
		printf("%-14s %-10s %s\n", name, "refused", error);
	else
		printf("%-14s %-10s %s\n", name, kinds[plugin->descriptor->kind],
		       plugin->descriptor->summary ? plugin->descriptor->summary : "");
	return 0;
}

static int command_plugins(const struct arguments *arguments)
{
	struct catalog *catalog = catalog_open();
	const struct plugin *plugin;
	char error[1024];
	int code = EXIT_CODE_OK;

	if (!catalog)
		return EXIT_CODE_FAILED;
	if (!arguments->count) {
		catalog_walk(catalog, list_plugin, catalog);
	} else if (catalog_find(catalog, arguments->words[0], 0, &plugin, error, sizeof(error))) {
		fprintf(stderr, "sonde: %s\n", error);
		code = EXIT_CODE_INPUT;
	} else {
		manual_print(plugin, stdout, on_terminal(stdout), (int)terminal_width());
	}
	catalog_release(catalog);
	return code;
}

static int explain_unreachable(int error, const char *path)
{
	const char *why = strerror(-error);

	if (error == -ENOENT || error == -ECONNREFUSED)
		why = "no sonde is running there (start one, or name its --socket or --state)";
	else if (error == -EACCES)
		why = "it is for its owner's group only (use sudo)";
	else if (error == -EPROTO)
		why = "what answers there is not a sonde of this version, or it is too busy";
	fprintf(stderr, "sonde: %s: %s\n", path, why);
	return EXIT_CODE_UNREACHABLE;
}

static int ask(const struct arguments *arguments, const char *const *words, uint32_t count)
{
	char path[PATH_MAX];
	uint16_t code;
	size_t length;
	char *reply;
	int result = control_path(arguments->socket, arguments->state, path, sizeof(path));

	if (!result)
		result = control_ask(path, words, count, &code, &reply, &length);
	if (result)
		return explain_unreachable(result, path);
	fwrite(reply, 1, length, code ? stderr : stdout);
	free(reply);
	return code;
}

static int command_status(const struct arguments *arguments)
{
	char width[16];
	const char *words[] = { "status", arguments->json ? "json" : "text", width,
				on_terminal(stdout) ? "colour" : "plain" };

	if (arguments->count)
		return usage_error("status takes no words", arguments->words[0]);
	snprintf(width, sizeof(width), "%u", terminal_width());
	return ask(arguments, words, 4);
}

static int command_set(const struct arguments *arguments)
{
	const char *words[4] = { "set" };
	uint32_t count = 3;

	if (arguments->count != 2)
		return usage_error("set takes INSTANCE.KNOB and VALUE", NULL);
	words[1] = arguments->words[0];
	words[2] = arguments->words[1];
	if (arguments->duration)
		words[count++] = arguments->duration;
	return ask(arguments, words, count);
}

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			arguments->duration = optarg;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 's':
			arguments->socket = optarg;
			break;
		case 'd':
			arguments->state = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_CODE_OK);
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	arguments->words = argv + optind;
	arguments->count = argc - optind;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct arguments *);
	} commands[] = {
		{ "run", command_run },       { "check", command_check },
		{ "show", command_show },     { "plugins", command_plugins },
		{ "status", command_status }, { "set", command_set },
	};
	struct arguments arguments = { 0 };

	setlocale(LC_CTYPE, "");
	if (argc < 2)
		return usage_error("name a command", NULL);
	if (!strcmp(argv[1], "--version")) {
		printf("sonde %s, plugin interface %d.%d\n", SONDE_VERSION, SONDE_ABI_MAJOR,
		       SONDE_ABI_MINOR);
		return EXIT_CODE_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		fputs(usage, stdout);
		return EXIT_CODE_OK;
	}
	if (parse_arguments(argc - 1, argv + 1, &arguments))
		return EXIT_CODE_INPUT;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(&arguments);
	}
	return usage_error("no such command", argv[1]);
}
