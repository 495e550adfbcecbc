/*
 * exporters: who sent what, by the number that flow records name.
 *
 * Thread  one owner
 * Memory  whole pages for all 64 Ki numbers; only those that come take memory
 */
#ifndef DISSECT_NFCAPD_EXPORTERS_H
#define DISSECT_NFCAPD_EXPORTERS_H

#include <stdint.h>

#include "data/type.h"

struct exporter {
	struct ip addr;   /* family 0: nobody said */
	uint32_t version; /* 5, 9, 10; 9999 is sFlow; 0: no exporter */
	uint32_t source;
};

struct exporters {
	struct exporter *exporter; /* by number, made with the first one */
};

void exporters_fini(struct exporters *x);

/* Keep a record of type 7 that records_check has passed. */
void exporters_put(struct exporters *x, const uint8_t *record);

/* NULL: no such exporter. */
const struct exporter *exporters_find(const struct exporters *x, uint16_t number);

#endif
