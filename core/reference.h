/* SPDX-License-Identifier: Apache-2.0 */
/* from, through and to of a pipeline: names in the config become pointers. */
#ifndef SONDE_REFERENCE_H
#define SONDE_REFERENCE_H

#include <libconfig.h>
#include "config.h"
#include "setting.h"

/* Reads the three lists of a pipeline; every instance and pipeline of the config is there by name
 * already. What is wrong becomes a problem and is left out. */
void references_read(struct setting_reader *reader, const struct config *config,
		     struct pipeline_config *pipeline, const config_setting_t *group,
		     const char *path);

/* Complains of a pipeline that takes from nowhere, or gives to nobody: no output, and no pipeline
 * that names it. Once all pipelines are read. */
void references_check(struct setting_reader *reader, const struct config *config,
		      const struct pipeline_config *pipeline, const config_setting_t *group,
		      const char *path);

/* Reads a `queue` group over what *queue holds. */
void queue_read(struct setting_reader *reader, const config_setting_t *setting, const char *path,
		const struct sonde_option *options, struct queue_config *queue);

/* The instance or pipeline of that name, or NULL. */
struct instance_config *config_instance(const struct config *config, const char *name);
struct pipeline_config *config_pipeline(const struct config *config, const char *name);

#endif
