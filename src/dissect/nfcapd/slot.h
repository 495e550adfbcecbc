/* slot: the time that a file name of nfcapd tells. */
#ifndef DISSECT_NFCAPD_SLOT_H
#define DISSECT_NFCAPD_SLOT_H

#include <stdint.h>

/*
 * Unix seconds of "nfcapd.YYYYMMDDhhmm[ss][+hhmm|-hhmm]", 0 for any other name. Without a zone the digits are taken as
 * UTC: the collector wrote its local time, which nobody can know here.
 */
int64_t nfcapd_slot(const char *name);

#endif
