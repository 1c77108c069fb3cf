// SPDX-License-Identifier: Apache-2.0
/* The options of the output `prometheus`: their table, their manual, and what is wrong with them.
 */
#include <string.h>
#include "address.h"
#include "settings.h"
#include "tls.h"

static const char *const durations_choices[] = { "seconds", "unchanged", NULL };

const struct sonde_option settings_options[] = {
	{ .name = "listen",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, listen),
	  .value = "127.0.0.1:9464",
	  .help = "where to be scraped: \"HOST:PORT\", \"[v6]:PORT\" or \"unix:PATH\"" },
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, path),
	  .value = "/metrics",
	  .help = "path of the exposition" },
	{ .name = "certificate_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.certificate),
	  .help = "file with the certificate and its chain, PEM; none: no TLS" },
	{ .name = "key_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.key),
	  .help = "file with the certificate's key, PEM" },
	{ .name = "client_ca_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, tls.client_ca),
	  .help = "file with authorities, PEM: scrapers must show a certificate of theirs" },
	{ .name = "resource_labels",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, resource_labels),
	  .help = "attributes of resources that every series has as labels, besides job and "
		  "instance" },
	{ .name = "durations",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, durations),
	  .value = "seconds",
	  .choices = durations_choices,
	  .help = "what ns, us and ms become: seconds, or what they are" },
	{ .name = "connections",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, connections),
	  .value = "64",
	  .minimum = "1",
	  .maximum = "4096",
	  .help = "scrapers connected at once" },
	{ .name = "series_limit",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, series_limit),
	  .value = "50000",
	  .minimum = "1",
	  .knob = true,
	  .unit = "{series}",
	  .help = "series, beyond which new ones are added up in one a metric" },
	{ .name = "memory_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, memory_bytes),
	  .value = "128MiB",
	  .knob = true,
	  .help = "memory of all series, beyond which new ones are added up too; 0: any" },
	{ .name = "expiry",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, expiry_ns),
	  .value = "5m",
	  .minimum = "0s",
	  .knob = true,
	  .help = "how long a series without a new point is shown; 0: for ever" },
	{ .name = "buckets",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, buckets),
	  .value = "64",
	  .minimum = "4",
	  .maximum = "1024",
	  .knob = true,
	  .help = "buckets of an exponential histogram in the text formats, at most" },
	{ 0 },
};

const char settings_manual[] =
	"Adds rows of metrics up to series, and shows these to whoever asks by HTTP, as Prometheus "
	"does: in its text format, in OpenMetrics, or as protobuf with native histograms, "
	"whichever the scraper would rather have. docs/prometheus.md tells how names, units and "
	"labels come about.\n"
	"\n"
	"A row is delivered once it is in the table, whether or not anybody ever scrapes it. Rows "
	"that are no metrics are rejected. Counters begin at 0 when the daemon starts, and say so "
	"by their creation time; what came as cumulative goes on as its source counts.\n"
	"\n"
	"It listens on the loopback interface unless it is told otherwise. Off it, say "
	"certificate_file and key_file, and client_ca_file to let only known scrapers in.";

bool settings_is_open(const struct settings *settings)
{
	struct address address;
	char error[160];

	return !tls_is_wanted(&settings->tls) &&
	       address_parse(settings->listen, &address, error, sizeof(error)) == 0 &&
	       !address_is_loopback(&address);
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	struct address address;
	char error[160];

	if (address_parse(settings->listen, &address, error, sizeof(error)) < 0)
		sonde_problem(instance, "listen", "%s", error);
	if (settings->path[0] != '/' || strpbrk(settings->path, "?# "))
		sonde_problem(instance, "path", "\"%s\" is not a path (try \"/metrics\")",
			      settings->path);
	tls_check(instance, &settings->tls);
	if (settings_is_open(settings))
		sonde_note(instance,
			   "warning: %s can be asked by others, and without TLS anybody on the way "
			   "reads along (say certificate_file, or listen on 127.0.0.1)",
			   settings->listen);
}
