/*
 * fault_points: where a test build can be killed, stopped or refused: name, and what is true when it is passed. The folder of the source is in the name's first word.
 * doc/faults.md shows the table; tests/fault/points.py and tests/cluster/points.py go through it.
 */
#ifndef BASE_FAULT_POINTS_H
#define BASE_FAULT_POINTS_H

/* clang-format off */
#define FAULT_POINTS(X) \
	X(COLLECTOR_OPENED, "collector.opened", "a file was opened and not read") \
	X(COLLECTOR_READ, "collector.read", "a file was read whole; if it is large, a copy lies in staging") \
	X(COLLECTOR_STAGED, "collector.staged", "a new original lies whole in staging, not durable") \
	X(COLLECTOR_SYNCED, "collector.synced", "the originals of a group are durable in staging") \
	X(COLLECTOR_CLAIMED, "collector.claimed", "claims of a group are ours, its originals have no names") \
	X(COLLECTOR_NAMED, "collector.named", "originals have their names, the ledger does not know them") \
	X(COLLECTOR_RECORDED, "collector.recorded", "the ledger says archived, nothing is on the bus") \
	X(COLLECTOR_AGAIN, "collector.again", "an original of a dead run was found, to be published again") \
	X(COLLECTOR_PRODUCED, "collector.produced", "a part of an original was handed to the bus, others may not be") \
	X(COLLECTOR_ACKNOWLEDGED, "collector.acknowledged", "the bus has acknowledged, the ledger does not say so") \
	X(COLLECTOR_MARKED, "collector.marked", "the ledger says published") \
	X(COLLECTOR_SEEN, "collector.seen", "a manifest was read, the ledger does not say committed") \
	X(COLLECTOR_COMMITTED, "collector.committed", "the ledger says committed, `after:` was not applied") \
	X(COLLECTOR_AFTER, "collector.after", "`after:` was applied, the ledger still has the path") \
	X(BUS_ENSURED, "bus.ensured", "a topic is there with its partitions") \
	X(BUS_PUT, "bus.put", "events are in a transaction of the embedded bus that is not committed") \
	X(BUS_DURABLE, "bus.durable", "events are durable in the embedded bus, nobody was told") \
	X(BUS_TRIMMING, "bus.trimming", "events are removed in a transaction that is not committed") \
	X(STORE_CREATED, "store.created", "a file was created, empty") \
	X(STORE_CLOSED, "store.closed", "a file was written whole, not durable") \
	X(STORE_FILE_SYNCED, "store.file_synced", "the bytes of files are durable, their names are not") \
	X(STORE_RENAMED, "store.renamed", "a file has its final name, which is not durable") \
	X(STORE_TEMP_SYNCED, "store.temp_synced", "an object is durable under a name of nobody") \
	X(STORE_TEMP_PLACED, "store.temp_placed", "an object has its name, which is not durable") \
	X(STORE_REMOVED, "store.removed", "objects were removed") \
	X(WORKER_CLAIMED, "worker.claimed", "a partition is ours, its last commit was not looked at") \
	X(WORKER_ROLLED, "worker.rolled", "the newest manifest was rolled forward again") \
	X(WORKER_RECOVERED, "worker.recovered", "the index knows what the lake says") \
	X(WORKER_SWEPT, "worker.swept", "staged files of dead writers are gone") \
	X(WORKER_FETCHED, "worker.fetched", "an event was read from the bus") \
	X(WORKER_DISSECTED, "worker.dissected", "rows of a large original are in open table files, its bytes are not checked") \
	X(WORKER_TAKEN, "worker.taken", "rows of a small original are in open table files") \
	X(WORKER_STAGED, "worker.staged", "table files of a commit are closed in staging, not durable") \
	X(WORKER_SYNCED, "worker.synced", "table files of a commit are durable in staging") \
	X(WORKER_PUT, "worker.put", "the manifest is there: the commit point") \
	X(WORKER_CHECKED, "worker.checked", "no newer manifest was there") \
	X(WORKER_PUBLISHED, "worker.published", "table files have their final names") \
	X(WORKER_NOTED, "worker.noted", "the index knows the commit") \
	X(WORKER_TRIMMED, "worker.trimmed", "the bus may have forgotten the commit's events") \
	X(WORKER_CLEANED, "worker.cleaned", "the staging folder of the commit is gone") \
	X(WORKER_FOLDED, "worker.folded", "a history segment is durable, its manifests are still there") \
	X(COMPACT_NOTED, "compact.noted", "an hour is ours to compact, nothing was read") \
	X(COMPACT_STAGED, "compact.staged", "compacted files are durable in staging and were read back") \
	X(COMPACT_PUT, "compact.put", "the compaction's manifest is there: its commit point") \
	X(COMPACT_COPIED, "compact.copied", "copies of compacted files lie aside, the catalog does not know them") \
	X(COMPACT_ASIDE, "compact.aside", "the catalog has the partition aside, that is not noted") \
	X(COMPACT_LINKED, "compact.linked", "the folder that is to be is built beside the one that is") \
	X(COMPACT_EXCHANGED, "compact.exchanged", "the two folders have changed names, which is not durable") \
	X(COMPACT_REPLACED, "compact.replaced", "compacted files are in the table, what they replace is kept") \
	X(COMPACT_BACK, "compact.back", "the catalog has the partition in its own place again, that is not noted") \
	X(COMPACT_SWITCHED, "compact.switched", "the time of the switch is noted") \
	X(COMPACT_REMOVED, "compact.removed", "what was replaced is gone, the notes are there") \
	X(EXPIRE_PUT, "expire.put", "the record of an expiry is there: its commit point; every file is there too") \
	X(EXPIRE_REMOVING, "expire.removing", "a file of a record is gone, others may be there") \
	X(EXPIRE_REMOVED, "expire.removed", "the files of a record are gone, their folder is there") \
	X(EXPIRE_CLEARED, "expire.cleared", "the folder is gone, the catalog has its partition") \
	X(EXPIRE_DROPPED, "expire.dropped", "the catalog has dropped a partition") \
	X(CATALOG_READY, "catalog.ready", "database and table are there") \
	X(CATALOG_TELLING, "catalog.telling", "an hour was committed, the catalog does not know its partition") \
	X(CATALOG_TOLD, "catalog.told", "the catalog has the partition, we did not note it") \
	X(CATALOG_LEARNED, "catalog.learned", "the partitions that the catalog has were read")
/* clang-format on */

#endif
