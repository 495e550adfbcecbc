/*
 * plan: where the wanted columns lie in one kind of record. Most records of a file share a handful of kinds, so the
 * work is done once per kind: what is left per record is to compare its element headers, and to copy.
 *
 * A kind of new record is its sequence of element ids and lengths; of an old record its type, flags, map and size.
 *
 * Thread  one owner
 * Memory  at most PLANS plans; when they are all taken the caller finishes what points at them and clears
 */
#ifndef DISSECT_NFCAPD_PLAN_H
#define DISSECT_NFCAPD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/nfcapd/fields.h"
#include "dissect/nfcapd/maps.h"

enum { PLANS = 128 };

/* One value in a record of a kind. */
struct spot {
	uint8_t load;    /* enum load; LOAD_NULL: the record does not carry it */
	uint16_t offset; /* from the record's start */
	uint16_t length; /* of LOAD_BYTES and LOAD_TEXT */
	uint16_t other;  /* offset of the IPv6 address of LOAD_EITHER… */
};

/* What derived fields and the comparison with the statistics record need, whether wanted or not. */
enum spot_name {
	SPOT_RECEIVED,
	SPOT_EVENT,
	SPOT_LAST,
	SPOT_FIRST,
	SPOT_EXPORTER,
	SPOT_FLOWS,
	SPOT_IN_PACKETS,
	SPOT_IN_BYTES,
	SPOT_OUT_PACKETS,
	SPOT_OUT_BYTES,
	SPOTS
};

struct plan {
	uint32_t head;  /* type and size: the first four bytes */
	uint32_t check; /* old records: the next four bytes under a mask; new: the number of elements */
	unsigned elements;
	uint16_t *at;      /* of each element header */
	uint32_t *element; /* the header: id and length */
	unsigned unknown;  /* elements or extensions that nobody knows */
	uint32_t arena;    /* bytes that one row needs there, at most */
	unsigned number;   /* in plans */
	struct spot spot[SPOTS];
	struct spot column[]; /* one per batch column */
};

struct plans {
	const unsigned *wanted; /* borrowed */
	size_t wants;
	bool since_173;                         /* the file's writer */
	const struct maps *maps;                /* borrowed */
	uint16_t place[NFCAPD_FIELD_COUNT + 1]; /* first place of a field in nfcapd_place */
	struct plan *plan[PLANS];
	unsigned count;
	uint8_t table[2 * PLANS]; /* number + 1, by hash; 0 is free */
	const struct plan *recent[2];
};

void plans_init(struct plans *p, const unsigned *wanted, size_t wants, const struct maps *maps);
void plans_fini(struct plans *p);
void plans_clear(struct plans *p);

enum plan_found { PLAN_FOUND, PLAN_FULL, PLAN_NO_MAP, PLAN_SHORT };

/* The plan of a flow record that records_check has passed, looked up or made. PLAN_SHORT: shorter than its map says. */
enum plan_found plans_find(struct plans *p, const uint8_t *record, const struct plan **out);

#endif
