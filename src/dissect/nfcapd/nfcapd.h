/*
 * nfcapd: NetFlow files of nfdump 1.6.x (layout 1) and 1.7.x (layout 2), all compressions. Format:
 * doc/formats/nfcapd.md.
 */
#ifndef DISSECT_NFCAPD_NFCAPD_H
#define DISSECT_NFCAPD_NFCAPD_H

#include "dissect/dissect.h"

extern const struct dissect_ops dissect_nfcapd;

#endif
