// SPDX-License-Identifier: Apache-2.0
/* The services that making and reading batches takes. */
#include "otlp_host.h"

#include "batch.h"
#include "dictionary.h"
#include "value.h"

static struct sonde_dictionary *host_dictionary_create(struct sonde_instance *base, bool distinct)
{
	(void)base;
	return dictionary_create(distinct);
}

static struct sonde_batch *host_batch_table(struct sonde_instance *base, const char *schema,
					    uint32_t signal, uint32_t row_count)
{
	(void)base;
	return batch_table(schema, signal, row_count);
}

static struct sonde_column *host_batch_add(struct sonde_instance *base, struct sonde_batch *batch,
					   const struct sonde_field *field,
					   struct sonde_dictionary *dictionary)
{
	(void)base;
	return batch_add(batch, field, dictionary);
}

static struct sonde_column *host_batch_constant(struct sonde_instance *base,
						struct sonde_batch *batch,
						const struct sonde_field *field,
						struct sonde_dictionary *dictionary,
						const void *value)
{
	(void)base;
	return batch_constant(batch, field, dictionary, value);
}

static struct sonde_batch *host_batch_derive(struct sonde_instance *instance,
					     struct sonde_batch *batch)
{
	(void)instance;
	return batch_derive(batch);
}

static const struct sonde_host host = {
	.size = sizeof(host),
	.abi_major = SONDE_ABI_MAJOR,
	.abi_minor = SONDE_ABI_MINOR,
	.version = "test",
	.dictionary_create = host_dictionary_create,
	.dictionary_add = dictionary_add,
	.dictionary_release = dictionary_release,
	.batch_table = host_batch_table,
	.batch_resize = batch_resize,
	.batch_derive = host_batch_derive,
	.batch_add = host_batch_add,
	.batch_constant = host_batch_constant,
	.batch_remove = batch_remove,
	.batch_valid = batch_valid,
	.batch_heap = batch_heap,
	.batch_select = batch_select,
	.batch_adopt = batch_adopt,
	.batch_hold = batch_hold,
	.batch_release = batch_release,
	.any_encode = any_encode,
	.any_decode = any_decode,
	.metric_encode = metric_encode,
	.metric_decode = metric_decode,
	.metric_metadata = metric_metadata,
	.dictionary_memory = dictionary_memory,
	.dictionary_room = dictionary_room,
	.dictionary_grow = dictionary_grow,
	.batch_originals = batch_originals,
	.batch_done = batch_done,
};

struct sonde_instance otlp_instance = {
	.size = sizeof(otlp_instance), .replica_count = 1, .name = "test", .host = &host
};

void otlp_host_finish(struct sonde_batch *batch)
{
	batch_finish(batch);
}
