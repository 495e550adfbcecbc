/*
 * log: the dissector "elff": web-proxy logs in W3C extended log file format (Blue Coat, IIS and others), Squid's native
 * format, and the common and combined formats. What each column holds stands in doc/formats/proxy.md.
 */
#ifndef DISSECT_LOG_LOG_H
#define DISSECT_LOG_LOG_H

#include "dissect/dissect.h"

extern const struct dissect_ops dissect_elff;

#endif
