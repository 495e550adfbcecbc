/*
 * columns: flow records into batch columns, one column at a time over the records of one plan.
 */
#ifndef DISSECT_NFCAPD_COLUMNS_H
#define DISSECT_NFCAPD_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"
#include "dissect/nfcapd/exporters.h"
#include "dissect/nfcapd/plan.h"

/* What the statistics record of a file sums up. */
struct sums {
	uint64_t rows;
	uint64_t flows; /* aggregated ones counted as many */
	uint64_t in_packets, in_bytes, out_packets, out_bytes;
};

struct run {
	struct batch *batch;
	const struct plan *plan;
	const uint8_t *base; /* of the block */
	const uint32_t *at;  /* of each record */
	const uint16_t *row; /* where each goes in the batch; NULL: from first_row on, one after the other */
	uint32_t first_row;
	uint32_t count;
	const struct exporters *exporters;
	int64_t slot_ns; /* of the file name, 0 unknown */
};

/* All columns of these rows. The arena holds what the plan says: the caller has looked. */
void columns_fill(const struct run *r);

void columns_sum(const struct run *r, struct sums *sums);

#endif
