/*
 * chains: how far the commits of each partition of the bus reach, and where they have holes.
 *
 * A hole is a range of events that no manifest speaks of although later ones do, or of which a file in the lake speaks:
 * what belongs to it is told of once, with the hole, not file by file.
 *
 * Thread  one owner
 * Units   offsets, end exclusive
 */
#ifndef AUDIT_CHAINS_H
#define AUDIT_CHAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hole {
	uint64_t start, end;
	bool told;                 /* as damage of the file that spoke of it */
	bool history;              /* it lies before the end of the last history segment */
	uint64_t files, originals; /* that belong to it */
};

struct chain {
	uint16_t topic;
	uint32_t partition;
	char *label; /* as it is in file names */
	bool any;
	uint64_t first, end, history_end;
	struct hole *hole;
	size_t holes;
};

struct chains {
	struct chain *at;
	size_t count;
};

void chains_fini(struct chains *c);

/* topic_text gives the label. Borrowed until the next chains_add. */
struct chain *chains_add(struct chains *c, uint16_t topic, const char *topic_text, uint32_t partition);
struct chain *chains_find(struct chains *c, uint16_t topic, uint32_t partition);
struct chain *chains_by_label(struct chains *c, const char *label, size_t len);

struct hole *chain_hole(struct chain *c, uint64_t start, uint64_t end);
/* The hole that an offset lies in, or NULL. */
struct hole *chain_hole_at(struct chain *c, uint64_t offset);
/* The hole of a range that a file's name speaks of, made where the chain does not reach: before its first commit or at
 * or after its end. NULL: the chain covers that range. */
struct hole *chain_infer(struct chain *c, uint64_t start, uint64_t end);

/* "part-<label>-<start>-<end>-<number>.<ext>": false if a name has another form. */
bool chain_file_name(const char *name, const char **label, size_t *label_len, uint64_t *start, uint64_t *end);

#endif
