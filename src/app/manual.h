/*
 * manual: the manual pages, made of the tables that the parsers use: commands with their options, configuration keys.
 *
 * Thread  one owner
 */
#ifndef APP_MANUAL_H
#define APP_MANUAL_H

#include "app/args.h"
#include "base/writer.h"

/* The word for manual_config where pages are named. */
#define MANUAL_CONFIG "sluice.yaml"

/* sluice(1) */
void manual_program(struct writer *out);

/* sluice-COMMAND(1) */
void manual_command(const struct command *c, struct writer *out);

/* sluice.yaml(5) */
void manual_config(struct writer *out);

#endif
