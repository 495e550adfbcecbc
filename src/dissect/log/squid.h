/*
 * squid: lines of Squid's native log format, and those that Blue Coat writes like it.
 *
 * Source  Squid FAQ "access.log"; doc/formats/proxy.md
 */
#ifndef DISSECT_LOG_SQUID_H
#define DISSECT_LOG_SQUID_H

#include "dissect/log/record.h"

/* false: no such line, *reason says why. */
bool squid_record(const uint8_t *at, const uint8_t *end, struct record *r, const char **reason);

/* Does the line begin with seconds and milliseconds? */
bool squid_looks(const uint8_t *at, const uint8_t *end);

#endif
