/* SPDX-License-Identifier: Apache-2.0 */
/* An instance over the core's own batches and dictionaries, without a daemon: for what decodes and
 * encodes OTLP in tests, fuzz targets and benchmarks. */
#ifndef SONDE_OTLP_HOST_H
#define SONDE_OTLP_HOST_H

#include <sonde/plugin.h>

extern struct sonde_instance otlp_instance;

/* What a batch looks like once it is emitted; readers may have it then. */
void otlp_host_finish(struct sonde_batch *batch);

#endif
