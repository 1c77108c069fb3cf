// SPDX-License-Identifier: Apache-2.0
/* Where rows come from: attributes of the host, the cloud and the config, which are the same for
 * all. */
#include "enrich.h"

#include <errno.h>
#include <string.h>

#define ASK_FIRST_NS 1000000000ll /* after an answer of the cloud that did not come */
#define ASK_LAST_NS  600000000000ll

/* ---- what is the same for all rows ------------------------------------------------------- */

static int label_put(struct enrich *enrich, const char *name, const char *value)
{
	return labels_set(&enrich->labels, name, strlen(name), value, SONDE_SCOPE_RESOURCE);
}

struct value {
	const char *name, *text;
};

static int values_put(struct enrich *enrich, const struct value *values, size_t count)
{
	int result = 0;

	for (size_t i = 0; i < count && !result; i++)
		result = label_put(enrich, values[i].name, values[i].text);
	return result;
}

/* Of a machine in a cloud, host.id is what the cloud calls it: until that is known, or was not
 * told, rows are without it. */
static int host_put(struct enrich *enrich)
{
	const struct machine *machine = &enrich->machine;
	bool is_own = enrich->cloud == CLOUD_NONE || (enrich->id_settled && !enrich->answered);
	const struct value values[] = {
		{ "host.name", machine->name },
		{ "host.id", is_own ? machine->id : "" },
		{ "host.arch", machine->arch },
		{ "os.type", "linux" },
		{ "os.name", machine->os_name },
		{ "os.version", machine->os_version },
		{ "os.description", machine->os_description },
		{ "os.kernel.release", machine->kernel },
	};

	return values_put(enrich, values, sizeof(values) / sizeof(*values));
}

static int cloud_put(struct enrich *enrich)
{
	const struct metadata_answer *answer = &enrich->answer;
	const struct value values[] = {
		{ "cloud.provider", metadata_provider(enrich->cloud) },
		{ "cloud.platform", metadata_platform(enrich->cloud) },
		{ "cloud.account.id", answer->account },
		{ "cloud.region", answer->region },
		{ "cloud.availability_zone", answer->zone },
		{ "host.type", answer->type },
		{ "host.id", answer->instance },
	};

	return values_put(enrich, values, sizeof(values) / sizeof(*values));
}

static int tags_put(struct enrich *enrich)
{
	const struct settings *settings = &enrich->settings;
	enum sonde_scope scope = settings->tag_scope ? SONDE_SCOPE_ROW : SONDE_SCOPE_RESOURCE;
	int result = 0;

	for (uint32_t i = 0; i < settings->tags.count && !result; i++) {
		const char *tag = settings->tags.items[i];
		size_t length = strcspn(tag, "=");

		if (!length || !tag[length])
			return -EINVAL;
		result = labels_set(&enrich->labels, tag, length, tag + length + 1, scope);
	}
	return result;
}

static void origin_name(struct origin *origin, const char *name)
{
	if (*name && origin->name_count < ORIGIN_NAMES)
		origin->names[origin->name_count++] = name;
}

static void origin_names(struct enrich *enrich)
{
	struct origin *origin = &enrich->origin;

	origin->name_count = 0;
	origin_name(origin, enrich->machine.name);
	origin_name(origin, enrich->machine.id);
	origin_name(origin, enrich->answer.instance);
	for (uint32_t i = 0; i < enrich->settings.host_names.count; i++)
		origin_name(origin, enrich->settings.host_names.items[i]);
}

/* Makes the labels anew; those before stay if that cannot be. */
int place_describe(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	struct labels before = enrich->labels;
	int result = labels_open(&enrich->labels, instance);

	if (!result && (enrich->parts & PART_HOST))
		result = host_put(enrich);
	if (!result && enrich->cloud != CLOUD_NONE)
		result = enrich->answered ? cloud_put(enrich)
					  : label_put(enrich, "cloud.provider",
						      metadata_provider(enrich->cloud));
	if (!result)
		result = tags_put(enrich);
	if (result) {
		labels_close(&enrich->labels);
		enrich->labels = before;
		return result;
	}
	labels_close(&before);
	enrich->labels.overwrite = enrich->settings.overwrite;
	origin_names(enrich);
	return 0;
}

/* ---- the cloud --------------------------------------------------------------------------- */

static void cloud_ended(struct sonde_instance *instance, const struct metadata_answer *answer,
			const char *error)
{
	struct enrich *enrich = instance->self;
	bool is_first = !enrich->id_settled;

	if (*error) {
		snprintf(enrich->cloud_problem, sizeof(enrich->cloud_problem), "%s", error);
		if (is_first)
			sonde_log(instance, SONDE_WARNING,
				  "the metadata service of %s at %s does not tell: %s; it is asked "
				  "again later",
				  metadata_provider(enrich->cloud), enrich->settings.cloud_endpoint,
				  error);
		(void)sonde_after(instance, TIMER_ASK, enrich->ask_again_ns);
		enrich->ask_again_ns = 2 * enrich->ask_again_ns < ASK_LAST_NS
					       ? 2 * enrich->ask_again_ns
					       : ASK_LAST_NS;
	} else {
		enrich->answer = *answer;
		enrich->answered = true;
		enrich->cloud_problem[0] = 0;
	}
	enrich->id_settled = true;
	if (place_describe(instance))
		sonde_log(instance, SONDE_ERROR, "no memory for what the cloud says");
}

void place_ask(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;

	if (metadata_ask(&enrich->metadata))
		cloud_ended(instance, NULL, "no memory for a request");
}

void place_look(struct sonde_instance *instance)
{
	struct enrich *enrich = instance->self;
	const struct settings *settings = &enrich->settings;

	enrich->cloud = CLOUD_NONE;
	if (!(enrich->parts & PART_CLOUD))
		return;
	enrich->cloud = settings->cloud == CLOUD_AUTO ? machine_cloud(settings->root)
						      : (enum cloud)settings->cloud;
	enrich->ask_again_ns = ASK_FIRST_NS;
	enrich->metadata.instance = instance;
	enrich->metadata.cloud = enrich->cloud;
	enrich->metadata.endpoint = settings->cloud_endpoint;
	enrich->metadata.timeout_ns = settings->cloud_timeout_ns;
	enrich->metadata.timer = TIMER_METADATA;
	enrich->metadata.ended = cloud_ended;
}
