/*
 * unicode: which characters tshark prints as they are: g_unichar_isprint of GLib 2.74.
 *
 * Thread  any; one constant table
 */
#ifndef DISSECT_DNS_UNICODE_H
#define DISSECT_DNS_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/* For characters from U+0080; below, tshark has rules of its own. */
bool unicode_printable(uint32_t c);

#endif
