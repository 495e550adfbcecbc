/* detect: what kind of log an input is, by its first lines. */
#ifndef DISSECT_LOG_DETECT_H
#define DISSECT_LOG_DETECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "dissect/log/options.h"

/* bytes: what the input begins with. RC_BAD: nothing that we read, *e names what it looks like. An input of blanks is
 * LOG_ELFF. */
enum rc detect_format(const uint8_t *bytes, size_t size, enum log_format *out, struct err *e) MUST_USE;

#endif
