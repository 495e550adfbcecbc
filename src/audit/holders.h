/*
 * holders: who wants the file of an original: the identities that manifests and the ledger name it for, and which of
 * them an expiry has let it go for.
 *
 * Thread  one owner
 * Owner   zeroed is empty; holders_fini frees
 */
#ifndef AUDIT_HOLDERS_H
#define AUDIT_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct holder {
	uint16_t source;
	uint32_t again;
	bool named, gone;
};

struct holders {
	struct holder *at;
	size_t count, capacity;
	int64_t gone_ms; /* when the last of them went; 0 none has */
};

void holders_name(struct holders *h, uint16_t source, uint32_t again);
void holders_let_go(struct holders *h, uint16_t source, uint32_t again, int64_t when_ms);
/* All that named it have let it go: its absence is meant. A replay has no wish of its own. */
bool holders_gone(const struct holders *h);
void holders_fini(struct holders *h);

#endif
