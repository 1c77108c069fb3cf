// SPDX-License-Identifier: Apache-2.0
/* What metadata services answer: JSON of AWS and Azure, a line each of GCP. */
#include <stdio.h>
#include <string.h>

#include "metadata.h"
#include "tree.h"

enum { TREE_BYTES = 1 << 20 };

static void text_put(char *to, const char *data, size_t length)
{
	if (length < METADATA_TEXT_BYTES) {
		memcpy(to, data, length);
		to[length] = 0;
	}
}

/* A text that is a member of the document itself. */
static void member_read(const struct tree *tree, const char *name, char *to)
{
	uint32_t place = 1, end = tree->nodes[0].end;

	while (place < end) {
		const struct node *key = &tree->nodes[place], *value = &tree->nodes[place + 1];

		if (value->kind == NODE_TEXT && key->length == strlen(name) &&
		    memcmp(tree_text(tree, key), name, key->length) == 0)
			text_put(to, tree_text(tree, value), value->length);
		place = tree_next(tree, place + 1);
	}
}

static bool aws_read(const struct tree *tree, struct metadata_answer *answer)
{
	member_read(tree, "accountId", answer->account);
	member_read(tree, "region", answer->region);
	member_read(tree, "availabilityZone", answer->zone);
	member_read(tree, "instanceType", answer->type);
	member_read(tree, "instanceId", answer->instance);
	return answer->instance[0];
}

/* Zones of Azure are numbers within a region. */
static bool azure_read(const struct tree *tree, struct metadata_answer *answer)
{
	member_read(tree, "subscriptionId", answer->account);
	member_read(tree, "location", answer->region);
	member_read(tree, "zone", answer->zone);
	member_read(tree, "vmSize", answer->type);
	member_read(tree, "vmId", answer->instance);
	return answer->instance[0];
}

static bool json_read(enum cloud cloud, const char *body, size_t length,
		      struct metadata_answer *answer)
{
	struct tree_error error;
	struct tree tree;
	bool good;

	if (tree_parse(&tree, body, length, TREE_BYTES, &error) < 0)
		return false;
	good = tree.nodes[0].kind == NODE_OBJECT &&
	       (cloud == CLOUD_AWS ? aws_read(&tree, answer) : azure_read(&tree, answer));
	tree_release(&tree);
	return good;
}

/* "projects/123/zones/europe-west1-b" is in the zone europe-west1-b, in the region europe-west1. */
static bool gcp_read(uint32_t step, const char *body, size_t length, struct metadata_answer *answer)
{
	char *const places[] = { answer->instance, answer->zone, answer->type, answer->account };
	const char *slash, *dash;

	while (length && (body[length - 1] == '\n' || body[length - 1] == '\r'))
		length--;
	if (memchr(body, '<', length))
		return false; /* a page for people, of something else that listens there */
	slash = memrchr(body, '/', length);
	if (slash) {
		length -= (size_t)(slash + 1 - body);
		body = slash + 1;
	}
	if (!length || length >= METADATA_TEXT_BYTES)
		return false;
	text_put(places[step], body, length);
	dash = step == 1 ? strrchr(answer->zone, '-') : NULL;
	if (dash)
		text_put(answer->region, answer->zone, (size_t)(dash - answer->zone));
	return true;
}

bool metadata_read(enum cloud cloud, uint32_t step, const char *body, size_t length,
		   struct metadata_answer *answer)
{
	return cloud == CLOUD_GCP ? gcp_read(step, body, length, answer)
				  : json_read(cloud, body, length, answer);
}
