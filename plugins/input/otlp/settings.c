// SPDX-License-Identifier: Apache-2.0
/* Which options there are, and which of them do not go together. */
#include "settings.h"

#include <string.h>

#include "address.h"
#include "tls.h"

static const char *const acks[] = { "received", "durable", "delivered", NULL };

const struct sonde_option settings_options[] = {
	{ .name = "grpc",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, grpc),
	  .value = "127.0.0.1:4317",
	  .help = "where to listen for OTLP/gRPC: \"HOST:PORT\" or \"unix:PATH\"; \"\": nowhere" },
	{ .name = "http",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, http),
	  .value = "127.0.0.1:4318",
	  .help = "where to listen for OTLP/HTTP, protobuf and JSON; \"\": nowhere" },
	{ .name = "certificate_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.certificate),
	  .help = "file with the server's certificate and its chain (PEM); none: no TLS" },
	{ .name = "key_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.key),
	  .help = "file with the certificate's key (PEM)" },
	{ .name = "client_ca_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.client_ca),
	  .help = "file with the authorities that clients' certificates must be of (PEM)" },
	{ .name = "insecure",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct settings, insecure),
	  .value = "false",
	  .help = "listen off loopback although clients are not verified" },
	{ .name = "ack",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, ack),
	  .value = "received",
	  .choices = acks,
	  .help = "how far rows must have come before their sender hears yes" },
	{ .name = "body_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, body_limit_bytes),
	  .value = "64MiB",
	  .minimum = "64KiB",
	  .maximum = "64MiB",
	  .help = "size of a request, decompressed; larger ones are refused" },
	{ .name = "connections",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, connections),
	  .value = "1024",
	  .minimum = "1",
	  .maximum = "1000000",
	  .unit = "{connection}",
	  .help = "connections at once, of each address and thread" },
	{ .name = "streams",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, streams),
	  .value = "100",
	  .minimum = "1",
	  .maximum = "10000",
	  .unit = "{request}",
	  .help = "requests at once of one HTTP/2 connection" },
	{ .name = "idle",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, idle_ns),
	  .value = "2m",
	  .minimum = "1s",
	  .help = "how long a connection may be without a request" },
	{ .name = "stall",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, stall_ns),
	  .value = "30s",
	  .minimum = "1s",
	  .help = "how long a request may be without a byte" },
	{ .name = "columns",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, columns),
	  .value = "128",
	  .minimum = "1",
	  .maximum = "1024",
	  .unit = "{column}",
	  .help = "attributes of a batch that have a column; more go into one map column" },
	{ .name = "hold",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, hold_ns),
	  .value = "1s",
	  .minimum = "0s",
	  .maximum = "10s",
	  .knob = true,
	  .help = "how long a request may wait for room; \"0s\": not at all" },
	{ .name = "retry_after",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, retry_after_ns),
	  .value = "1s",
	  .minimum = "1s",
	  .maximum = "1h",
	  .knob = true,
	  .help = "what a sender is told to wait when there is no room" },
	{ 0 },
};

const char settings_manual[] =
	"Takes what applications and collectors send over OTLP: logs, metrics and traces, by gRPC, "
	"by HTTP with "
	"protobuf and by HTTP with JSON, plain, gzip or zstd. Both addresses understand all of "
	"them.\n\n"
	"Room is asked for before a request is read. Where there is none it waits unread, behind "
	"those that came before "
	"it, for as long as `hold` says; then its sender is told the time after which to come "
	"again (503 with "
	"Retry-After, or UNAVAILABLE with RetryInfo), and nothing of it was taken. `hold` belongs "
	"well below the senders' "
	"own time limits, as one that has gone may send the same again.\n\n"
	"With ack = \"received\" the sender hears yes when the rows are in the pipelines' queues; "
	"with \"delivered\" "
	"when every output has let go of them, and what all outputs refused is told as a partial "
	"success.\n\n"
	"Every attribute becomes a column of its own type; those beyond `columns` are kept in one "
	"map column. Rows that "
	"are not valid OTLP are left out, counted and told to the sender.\n\n"
	"Off loopback it wants a certificate and `client_ca_file`, or `insecure = true`.";

static void check_address(struct sonde_instance *instance, const struct settings *settings,
			  const char *option, const char *text)
{
	struct address address;
	char error[160];

	if (!*text)
		return;
	if (address_parse(text, &address, error, sizeof(error)) < 0) {
		sonde_problem(instance, option, "%s", error);
		return;
	}
	if (address_is_loopback(&address) || settings->insecure)
		return;
	if (!tls_is_wanted(&settings->tls))
		sonde_problem(instance, option,
			      "%s is not loopback: give certificate_file, key_file and "
			      "client_ca_file, or say insecure = true",
			      text);
	else if (!tls_is_mutual(&settings->tls))
		sonde_problem(instance, option,
			      "%s is not loopback, and anybody may send: give client_ca_file, or "
			      "say insecure = true",
			      text);
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	if (!*settings->grpc && !*settings->http)
		sonde_problem(instance, "http", "grpc and http are both empty: it listens nowhere");
	if (*settings->grpc && !strcmp(settings->grpc, settings->http))
		sonde_problem(
			instance, "http",
			"is the same address as grpc: either understands both, so leave one empty");
	check_address(instance, settings, "grpc", settings->grpc);
	check_address(instance, settings, "http", settings->http);
	tls_check(instance, &settings->tls);
}
