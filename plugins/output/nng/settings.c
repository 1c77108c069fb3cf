// SPDX-License-Identifier: Apache-2.0
/* The options of the output `nng`: their table, their manual, and what is wrong with them. */
#include "settings.h"

#include <string.h>

#include "message.h"

/* as enum message_ack counts them */
static const char *const acks[] = { "any", "received", "durable", "delivered", NULL };

const struct sonde_option settings_options[] = {
	{ .name = "url",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, urls),
	  .required = true,
	  .help = "regions, the preferred first: \"tls+tcp://HOST:PORT\", \"ipc://PATH\", on "
		  "loopback \"tcp://HOST:PORT\"" },
	{ .name = "balance_by",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, balance_by),
	  .help = "columns: rows with the same values go to the same region, and all regions are "
		  "used; none: one region at a time" },
	{ .name = "name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, name),
	  .help = "of this sonde, where no certificate says it; left open: the host's name" },
	{ .name = "labels",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, labels),
	  .help = "\"key=value\", shown by the region beside the name" },
	{ .name = "certificate_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.certificate),
	  .help = "file with the certificate of this sonde and its chain (PEM)" },
	{ .name = "key_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.key),
	  .help = "file with the certificate's key (PEM)" },
	{ .name = "ca_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.authority),
	  .help = "file with the authorities that the region's certificate must be of (PEM)" },
	{ .name = "crl_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.revocations),
	  .help = "file with lists of certificates that they revoked (PEM)" },
	{ .name = "server_name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.server_name),
	  .help = "name that the region's certificate must hold; left open: the host of the URL" },
	{ .name = "ack",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, ack),
	  .value = "any",
	  .choices = acks,
	  .help = "how far rows must have come at least before the region says yes; a region that "
		  "says it earlier is not used" },
	{ .name = "window",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, window),
	  .value = "16",
	  .minimum = "1",
	  .maximum = "64",
	  .unit = "{frame}",
	  .help = "frames sent ahead of their acknowledgements, to each region" },
	{ .name = "frame_size",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, frame_bytes),
	  .value = "256KiB",
	  .minimum = "1KiB",
	  .maximum = "16MiB",
	  .help = "memory of the batches that go together in a frame; one batch may be more" },
	{ .name = "linger",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, linger_ns),
	  .value = "50ms",
	  .minimum = "0s",
	  .maximum = "10s",
	  .knob = true,
	  .help = "how long a batch may wait for others to fill the frame" },
	{ .name = "level",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, level),
	  .value = "1",
	  .minimum = "0",
	  .maximum = "19",
	  .help = "of zstd; 0: not compressed" },
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
	  .help = "after how long without a word of the region the connection is given up" },
	{ .name = "connect_timeout",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, connect_ns),
	  .value = "10s",
	  .minimum = "100ms",
	  .maximum = "5m",
	  .help = "how long a connection may take to come about" },
	{ .name = "reconnect_first",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, reconnect_first_ns),
	  .value = "200ms",
	  .minimum = "10ms",
	  .maximum = "1h",
	  .help = "the first delay before another try is at most this; it is drawn anew each "
		  "time" },
	{ .name = "reconnect_longest",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, reconnect_longest_ns),
	  .value = "30s",
	  .minimum = "10ms",
	  .maximum = "1h",
	  .help = "to what the delays may grow" },
	{ .name = "failover_after",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, failover_after_ns),
	  .value = "5s",
	  .minimum = "0s",
	  .maximum = "1h",
	  .help = "how long a region may be away before its rows go to another" },
	{ .name = "statement",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, ledger_ns),
	  .value = "5s",
	  .minimum = "0s",
	  .maximum = "1h",
	  .help = "how often the region is told this sonde's ledger; \"0s\": never" },
	{ .name = "permissions",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, permissions),
	  .help = "knobs that the region may set: \"calls.sample\", \"calls.*\", \"*\"; none: "
		  "none" },
	{ 0 },
};

const char settings_manual[] =
	"Sends rows to a regional sonde, whose input `nng` takes them. Batches that wait together "
	"go as one compressed frame, several frames are under way at a time, and each is kept "
	"until the region has acknowledged it: what was under way when a connection broke is sent "
	"again, and the region knows it by its number.\n\n"
	"Of several regions the first that answers is used. When it is away for longer than "
	"`failover_after`, the next takes its place; what it had not acknowledged goes there, too, "
	"and is counted as possibly repeated. With `balance_by` all regions are used, and rows of "
	"one key go to one of them; the texts of the URLs decide which, so they must be the same "
	"on all edges.\n\n"
	"Off loopback it speaks TLS 1.3 and needs a certificate of its own.\n\n"
	"Commands of the region are refused unless `permissions` covers the knob.";

static void check_urls(struct sonde_instance *instance, const struct settings *settings)
{
	char error[256];

	if (!settings->urls.count)
		sonde_problem(instance, "url", "names no region");
	if (settings->urls.count > SETTINGS_REGIONS)
		sonde_problem(instance, "url", "names %u regions: %u are the most",
			      settings->urls.count, SETTINGS_REGIONS);
	for (uint32_t i = 0; i < settings->urls.count; i++) {
		const char *url = settings->urls.items[i];

		if (hop_url_check(url, false, error, sizeof(error)))
			sonde_problem(instance, "url", "\"%s\": %s", url, error);
		for (uint32_t before = 0; before < i; before++) {
			if (!strcmp(settings->urls.items[before], url))
				sonde_problem(instance, "url", "\"%s\" stands there twice", url);
		}
	}
}

static void check_tls(struct sonde_instance *instance, const struct settings *settings)
{
	static const struct {
		const char *member, *option;
	} names[] = { { "certificate", "certificate_file" },
		      { "key", "key_file" },
		      { "authority", "ca_file" },
		      { "revocations", "crl_file" },
		      { "server_name", "server_name" } };
	const char *member = NULL, *option = "certificate_file";
	bool is_tls = false;
	char error[256];

	for (uint32_t i = 0; i < settings->urls.count; i++)
		is_tls = is_tls || hop_url_is_tls(settings->urls.items[i]);
	if (!is_tls) {
		if (settings->tls.certificate || settings->tls.authority)
			sonde_note(instance,
				   "warning: no url is tls+tcp://, so no certificate is used");
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

static void check_texts(struct sonde_instance *instance, const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->labels.count; i++) {
		const char *label = settings->labels.items[i];
		const char *equals = strchr(label, '=');

		if (!equals || equals == label || strlen(label) > MESSAGE_TEXT_LIMIT)
			sonde_problem(instance, "labels",
				      "\"%.64s\" is not a label (try \"zone=a\")", label);
	}
	for (uint32_t i = 0; i < settings->permissions.count; i++) {
		const char *text = settings->permissions.items[i];
		const char *star = strchr(text, '*');

		if (!*text || strlen(text) > MESSAGE_TEXT_LIMIT || (star && star[1]))
			sonde_problem(instance, "permissions",
				      "\"%.64s\" is not a knob (try \"calls.sample\" or "
				      "\"calls.*\": a star stands at the end)",
				      text);
	}
	if (settings->labels.count > MESSAGE_LABELS)
		sonde_problem(instance, "labels", "%u labels: %d are the most",
			      settings->labels.count, MESSAGE_LABELS);
	if (settings->permissions.count > MESSAGE_PERMISSIONS)
		sonde_problem(instance, "permissions", "%u permissions: %d are the most",
			      settings->permissions.count, MESSAGE_PERMISSIONS);
	if (settings->name && strlen(settings->name) > MESSAGE_TEXT_LIMIT)
		sonde_problem(instance, "name", "is over %d bytes", MESSAGE_TEXT_LIMIT);
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	check_urls(instance, settings);
	check_tls(instance, settings);
	check_texts(instance, settings);
	if (settings->balance_by.count && settings->urls.count == 1)
		sonde_note(instance, "warning: balance_by with one region does nothing");
	if (settings->silence_ns < 2 * settings->heartbeat_ns)
		sonde_problem(instance, "silence",
			      "is less than two heartbeats: a region that is well could be given "
			      "up");
	if (settings->reconnect_longest_ns < settings->reconnect_first_ns)
		sonde_problem(instance, "reconnect_longest", "is less than reconnect_first");
}
