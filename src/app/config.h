/*
 * config: a configuration file, read by the keys table and checked, as the settings that pipe takes.
 *
 * Errors  RC_BAD: "FILE:LINE: key: reason", with the nearest valid key where one was mistyped
 * Thread  immutable once loaded
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stddef.h>

#include "app/kafka_map.h"
#include "base/log.h"
#include "base/rc.h"
#include "pipe/settings.h"

enum { CONFIG_MAX = 1 << 20 };

#define CONFIG_DEFAULT "/etc/sluice/sluice.yaml"

/* A value that the file gives. */
struct config_origin {
	const char *pipeline; /* NULL: a key of the whole file; borrowed from the settings */
	const char *key;      /* name in the keys table */
	unsigned line;
};

/* Of a lake in HDFS. */
struct config_webhdfs {
	char *user, *token_file, *ca_file;
	unsigned auth; /* place in the list of choices */
	unsigned replication, connections;
	uint64_t block_size;
	int64_t timeout_ms;
};

/* The endpoint for operators. */
struct config_ops {
	char *listen;     /* as ops/address reads it; NULL: none */
	char *names;      /* further hosts it is asked as */
	char *token_file; /* for what writes */
};

struct config {
	struct settings settings;
	struct config_webhdfs webhdfs;
	struct config_ops ops;
	struct kafka_map kafka; /* given in the file; what the bus gets is in the settings */
	char *user; /* whom root becomes, or NULL */
	char *catalog_user;
	int64_t catalog_timeout_ms;
	char *schemas;      /* folder of a user's .avsc files, or NULL */
	unsigned log_level; /* enum log_level */
	unsigned codec;     /* place in the list of choices */
	unsigned level;
	unsigned row_group_rows, page_rows;
	int64_t settle_ms;
	uint64_t bus_max_bytes;
	struct schema **schema; /* one per dataset in use */
	size_t schemas_used;
	struct config_origin *origin;
	size_t origins;
};

/* Read a file; relative paths in it are taken from its own folder. */
enum rc config_load(const char *file, struct config **out, struct err *e) MUST_USE;

/* The same from bytes that were read already; file gives the name in messages and the folder of relative paths. */
enum rc config_parse(const char *file, const char *text, size_t size, struct config **out, struct err *e) MUST_USE;

void config_free(struct config **c);

/* Line that a key was given in, 0 when it is a default. */
unsigned config_line(const struct config *c, const char *pipeline, const char *key);

#endif
