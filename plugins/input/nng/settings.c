// SPDX-License-Identifier: Apache-2.0
/* The options of the input `nng`: their table, their manual, and what is wrong with them. */
#include "settings.h"

#include <string.h>

#include "order.h"

static const char *const acks[] = { "received", "durable", "delivered", NULL };

const struct sonde_option settings_options[] = {
	{ .name = "url",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, url),
	  .required = true,
	  .help = "where to listen: \"tls+tcp://ADDRESS:PORT\", \"ipc://PATH\", on loopback "
		  "\"tcp://127.0.0.1:PORT\"" },
	{ .name = "name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, name),
	  .help = "of this region, told to the edges; left open: the host's name" },
	{ .name = "certificate_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.certificate),
	  .help = "file with the region's certificate and its chain (PEM)" },
	{ .name = "key_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.key),
	  .help = "file with the certificate's key (PEM)" },
	{ .name = "ca_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.authority),
	  .help = "file with the authorities that edges' certificates must be of (PEM)" },
	{ .name = "crl_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.revocations),
	  .help = "file with lists of certificates that they revoked (PEM)" },
	{ .name = "names",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, names),
	  .help = "edges that may come, by the names in their certificates: \"web-1\", \"web-*\", "
		  "\"*.example.com\"; none: all that the authorities know" },
	{ .name = "ack",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, ack),
	  .value = "received",
	  .choices = acks,
	  .help = "how far rows must have come before their edge hears yes" },
	{ .name = "edges",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, edges),
	  .value = "4096",
	  .minimum = "1",
	  .maximum = "60000",
	  .unit = "{connection}",
	  .help = "connections at once, of each thread" },
	{ .name = "half_open",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, half_open),
	  .value = "1024",
	  .minimum = "1",
	  .maximum = "60000",
	  .unit = "{connection}",
	  .help = "connections that have not greeted yet; one more, and the oldest goes" },
	{ .name = "window",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, window),
	  .value = "64",
	  .minimum = "1",
	  .maximum = "1024",
	  .unit = "{frame}",
	  .help = "frames that an edge may send ahead of their acknowledgements" },
	{ .name = "frame_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, frame_bytes),
	  .value = "64MiB",
	  .minimum = "64KiB",
	  .maximum = "64MiB",
	  .help = "size of a frame; larger ones are refused" },
	{ .name = "heartbeat",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, heartbeat_ns),
	  .value = "5s",
	  .minimum = "100ms",
	  .maximum = "5m",
	  .help = "how long a connection may be without a word of either side" },
	{ .name = "silence",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, silence_ns),
	  .value = "30s",
	  .minimum = "300ms",
	  .maximum = "1h",
	  .help = "after how long without a word of its edge a connection is closed" },
	{ .name = "handshake",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, handshake_ns),
	  .value = "10s",
	  .minimum = "100ms",
	  .maximum = "5m",
	  .help = "how long an edge may take to show its certificate and to greet" },
	{ .name = "ledger",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct settings, ledger),
	  .value = "false",
	  .help = "emit the edges' ledgers as rows, too (schema sonde.ledger)" },
	{ .name = "command",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, command),
	  .value = "",
	  .knob = true,
	  .help = "sets a knob of edges: \"EDGE INSTANCE.KNOB=VALUE for TIME\", EDGE a name or "
		  "\"*\"; done when it is set" },
	{ 0 },
};

const char settings_manual[] =
	"Takes what other sondes send with their output `nng`: rows in frames, and their ledgers. "
	"Each row says in `sonde.edge` which edge it came from: by the name in its certificate, "
	"and where there is none, over ipc and on loopback, by what it calls itself.\n\n"
	"Room is asked for before a frame is taken. Where there is none the frame waits in its "
	"connection, no further one is read there, and the edge is told, which then keeps its rows "
	"itself. A frame that is sent again is recognised by its number and not taken twice, as "
	"long as this region runs; behind a queue on disk, also after that.\n\n"
	"With ack = \"received\" the edge hears yes when its rows are in the queues of the "
	"pipelines; with \"durable\" when they are on disk, which takes `queue: { disk = ... }` in "
	"every pipeline that reads from it; with \"delivered\" when all outputs have let go of "
	"them.\n\n"
	"Off loopback it listens with TLS only, and edges must show a certificate. `status` shows "
	"the edges, and what all sondes below made of their rows.";

bool settings_admits(const struct settings *settings, const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; i < settings->names.count; i++) {
		const char *text = settings->names.items[i];
		size_t size = strlen(text);

		if (!strcmp(text, name))
			return true;
		if (size > 1 && text[0] == '*' && length > size - 1 &&
		    !strcmp(name + length - (size - 1), text + 1))
			return true;
		if (size && text[size - 1] == '*' && !strncmp(name, text, size - 1))
			return true;
	}
	return !settings->names.count;
}

static void check_names(struct sonde_instance *instance, const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->names.count; i++) {
		const char *text = settings->names.items[i], *star = strchr(text, '*');

		if (!*text ||
		    (star && star[1] && (star != text || star[1] != '.' || strchr(star + 1, '*'))))
			sonde_problem(instance, "names",
				      "\"%.64s\" is not a name (try \"web-1\", \"web-*\" or "
				      "\"*.example.com\")",
				      text);
	}
}

static void check_tls(struct sonde_instance *instance, const struct settings *settings)
{
	static const struct {
		const char *member, *option;
	} names[] = { { "certificate", "certificate_file" },
		      { "key", "key_file" },
		      { "authority", "ca_file" },
		      { "revocations", "crl_file" } };
	const char *member = NULL, *option = "certificate_file";
	char error[256];

	if (!hop_url_is_tls(settings->url)) {
		if (settings->tls.certificate || settings->tls.authority)
			sonde_note(instance,
				   "warning: %s is not tls+tcp://, so no certificate is used",
				   settings->url);
		return;
	}
	if (!hop_tls_check(&settings->tls, &member, error, sizeof(error)))
		return;
	for (uint32_t i = 0; member && i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(names[i].member, member))
			option = names[i].option;
	}
	sonde_problem(instance, option, "%s", error);
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	char error[256];
	struct order order;

	if (hop_url_check(settings->url, true, error, sizeof(error)))
		sonde_problem(instance, "url", "\"%s\": %s", settings->url, error);
	else
		check_tls(instance, settings);
	check_names(instance, settings);
	if (settings->silence_ns < 2 * settings->heartbeat_ns)
		sonde_problem(
			instance, "silence",
			"is less than two heartbeats: an edge that is well could be given up");
	if (*settings->command && order_read(settings->command, &order, error, sizeof(error)))
		sonde_problem(instance, "command", "%s", error);
}
