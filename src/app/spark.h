/*
 * spark: how the Spark worker (spark/rows_worker.py) is started. doc/spark.md.
 *
 * Thread  any
 */
#ifndef APP_SPARK_H
#define APP_SPARK_H

#include "base/rc.h"

/* The spark-submit command of a configuration file, for a shell; caller frees. RC_BAD: the worker's files are not
 * there. */
enum rc spark_command(const char *file, char **out, struct err *e) MUST_USE;

#endif
