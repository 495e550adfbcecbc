/*
 * spot/keys: the keys of Spot's two files, and what becomes of each. Read from Apache Spot 1.0:
 * spot-ingest/ingest_conf.json with the code that reads it, and spot-setup/spot.conf.
 */
#ifndef APP_SPOT_KEYS_H
#define APP_SPOT_KEYS_H

#include <stddef.h>

struct spot_key {
	const char *name; /* a shell pattern: "kafka.*" */
	const char *why;  /* why it is not carried over; NULL: the importer has its own words for it */
};

/* Of ingest_conf.json, dotted; those of a pipeline begin with "pipelines.*.". NULL: not one of Spot's. */
const struct spot_key *spot_key_ingest(const char *name);
/* Of spot.conf. */
const struct spot_key *spot_key_conf(const char *name);

#endif
