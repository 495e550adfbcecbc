/*
 * spot/import: a configuration of Apache Spot as one of sluice, with a note on everything that it could not say.
 *
 * doc/spot.md says what becomes of each key, and why.
 *
 * Thread  one owner
 * Errors  RC_BAD: a file is not what it should be ("FILE:LINE: reason"), or no pipeline is left
 */
#ifndef APP_SPOT_IMPORT_H
#define APP_SPOT_IMPORT_H

#include <stddef.h>

#include "app/spot/notes.h"
#include "base/rc.h"
#include "base/writer.h"

enum { SPOT_FILE = 1 << 20, SPOT_YAML = 8 << 20 };

struct spot_file {
	const char *name; /* NULL: there is none */
	const char *text;
	size_t size;
};

struct spot_params {
	struct spot_file ingest; /* ingest_conf.json */
	struct spot_file conf;   /* spot.conf */
	const char *lake;        /* a URL that goes before what the files say; NULL */
	const char *metastore;   /* "host[:port][,…]", which no file of Spot's names; NULL */
	const char *location;    /* the lake as the metastore's tables have it; NULL */
};

struct spot_result {
	struct writer yaml; /* what config_parse accepts */
	struct spot_notes notes;
};

/* The notes are there after RC_BAD too. spot_result_fini in any case. */
enum rc spot_import(const struct spot_params *p, struct spot_result *out, struct err *e) MUST_USE;
void spot_result_fini(struct spot_result *r);

#endif
