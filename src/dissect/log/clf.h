/*
 * clf: lines of the common and combined log formats of Apache, nginx and Squid.
 *
 * Source  Apache mod_log_config, "%h %l %u %t \"%r\" %>s %b" and its combined form; doc/formats/proxy.md
 */
#ifndef DISSECT_LOG_CLF_H
#define DISSECT_LOG_CLF_H

#include "dissect/log/record.h"
#include "dissect/log/when.h"

/* false: no such line, *reason says why. combined: "referer" and "user-agent" must be there. */
bool clf_record(
    const uint8_t *at, const uint8_t *end, bool combined, struct when_day *days, struct record *r, const char **reason);

/* Is there a "[DD/Mon/YYYY:" in it? */
bool clf_looks(const uint8_t *at, const uint8_t *end);

#endif
