/* One row per configuration key: what it may hold, what it is without, and the sentence of the manual. Nothing else
 * lists keys. */
#include "app/keys.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "app/nearest.h"
#include "base/mem.h"
#include "base/str.h"

#define KIB    INT64_C(1024)
#define MIB    (KIB * 1024)
#define GIB    (MIB * 1024)
#define TIB    (GIB * 1024)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define AT(member)     offsetof(struct config, member)
#define IN(member)     offsetof(struct pipeline, member)
#define TEXT(k, m)     .scope = KEY_GLOBAL, .name = k, .kind = KEY_TEXT, .offset = AT(m)
#define NUMBER(k, m)   .scope = KEY_GLOBAL, .name = k, .kind = KEY_NUMBER, .offset = AT(m)
#define SIZE(k, m)     .scope = KEY_GLOBAL, .name = k, .kind = KEY_SIZE, .offset = AT(m)
#define DURATION(k, m) .scope = KEY_GLOBAL, .name = k, .kind = KEY_DURATION, .offset = AT(m)
#define CHOICE(k, m)   .scope = KEY_GLOBAL, .name = k, .kind = KEY_CHOICE, .offset = AT(m)
#define OF_PIPELINE(k) .scope = KEY_PIPELINE, .name = k

/* A row is two lines: what it is and what it means. */
/* clang-format off */
const struct config_key key_table[] = {
    {TEXT("lake", settings.lake_url), .help = "Where originals and tables live: a folder, file:///folder, or in HDFS webhdfs://namenode:9870/folder, webhdfs+ssl://…; "
	"several name nodes with commas."},
    {TEXT("state", settings.state), .otherwise = "<lake>/_sluice/state of a file lake",
	.help = "Local folder for the ledger, the worker's caches, figures and locks; one per instance."},
    {TEXT("instance", settings.instance), .otherwise = "the host's name",
	.help = "Names this ingest instance and its topics: letters, digits, - and _."},
    {TEXT("user", user), .otherwise = "who starts it",
	.help = "Whom root becomes once it has read this file, in `sluice run` and every other command that reads it; daemons refuse to run as anybody else."},
    {TEXT("bus", settings.bus_url), .otherwise = "embedded://<state>/bus",
	.help = "Where events wait: embedded:///folder, or kafka://broker:9092,broker:9092."},
    {.scope = KEY_GLOBAL, .name = "kafka", .kind = KEY_MAP, .otherwise = "none",
	.help = "Properties of librdkafka, as they are; `topic: { … }` those of topics that are made; a secret as `{ file: PATH }` or `{ env: NAME }`."},
    {TEXT("catalog", settings.catalog_url), .fallback = "none",
	.help = "What tells SQL engines of tables and partitions: none, or a Hive Metastore, thrift://host:9083[,host:9083]/database."},
    {TEXT("catalog.location", settings.catalog_location), .otherwise = "the lake's own URL",
	.help = "The lake as SQL engines reach it, when that is another URL: hdfs://nameservice/folder."},
    {TEXT("catalog.user", catalog_user), .otherwise = "$HADOOP_USER_NAME, else who runs sluice",
	.help = "Who we are to a metastore that believes what it is told; the owner of tables that are made."},
    {DURATION("catalog.timeout", catalog_timeout_ms), .least = 100, .most = HOUR, .fallback = "10s",
	.help = "How long one call of the catalog may take; rows are committed meanwhile."},
    {NUMBER("workers", settings.workers), .least = 1, .most = 256, .fallback = "2",
	.help = "Worker threads, and partitions of each topic; partitions are only ever added."},
    {.scope = KEY_GLOBAL, .name = "partitions", .kind = KEY_NUMBERS, .offset = AT(settings.partitions), .least = 0, .most = 65535,
	.otherwise = "as the bus hands them out",
	.help = "Only these partitions of every topic are worked off here, `[0, 3]`; others must take the rest."},
    {TEXT("schemas", schemas), .otherwise = "none",
	.help = "Folder of your own DATASET.avsc files; they go before the shipped ones."},
    {TEXT("webhdfs.user", webhdfs.user), .otherwise = "$HADOOP_USER_NAME, else who runs sluice",
	.help = "Who we are to a lake in HDFS; with a token or SPNEGO these say it."},
    {CHOICE("webhdfs.auth", webhdfs.auth), .choices = "simple spnego", .fallback = "simple",
	.help = "simple: by name. spnego: Kerberos, with the credentials of the process."},
    {TEXT("webhdfs.token_file", webhdfs.token_file), .otherwise = "none",
	.help = "File with a delegation token (its URL string); read again when HDFS refuses the one we have."},
    {TEXT("webhdfs.ca_file", webhdfs.ca_file), .otherwise = "the system's authorities",
	.help = "PEM file of the authorities that webhdfs+ssl:// trusts."},
    {NUMBER("webhdfs.replication", webhdfs.replication), .least = 0, .most = 512, .fallback = "0",
	.help = "Copies of each block; 0 is the cluster's default."},
    {SIZE("webhdfs.block_size", webhdfs.block_size), .least = 0, .most = TIB, .fallback = "0",
	.help = "Size of a block, a multiple of 512; 0 is the cluster's default."},
    {DURATION("webhdfs.timeout", webhdfs.timeout_ms), .least = SECOND, .most = HOUR, .fallback = "30s",
	.help = "How long a node may be silent while it owes us bytes."},
    {NUMBER("webhdfs.connections", webhdfs.connections), .least = 1, .most = 256, .fallback = "16",
	.help = "Small files that one thread uploads at the same time."},
    {SIZE("event.inline_max", settings.inline_max), .least = 0, .most = 16 * MIB, .fallback = "1MiB",
	.help = "Inputs up to this size are dissected by the collector; larger ones by a worker."},
    {SIZE("event.rows_max", settings.rows_max), .least = 64 * KIB, .most = 256 * MIB, .fallback = "8MiB",
	.help = "An input whose encoded rows would take more goes to a worker whatever its size."},
    {DURATION("commit.max_age", settings.commit_age_ms), .least = 10, .most = DAY, .fallback = "10s",
	.help = "Rows are committed at the latest when the oldest has waited this long."},
    {SIZE("commit.max_bytes", settings.commit_bytes), .least = 64 * KIB, .most = TIB, .fallback = "128MiB",
	.help = "Rows are committed when table files of this size are staged."},
    {NUMBER("commit.max_events", settings.commit_events), .least = 1, .most = 4096, .fallback = "4096",
	.help = "Rows are committed when this many events are in hand."},
    {SIZE("worker.memory", settings.worker_memory), .least = 8 * MIB, .most = 64 * GIB, .fallback = "48MiB",
	.help = "Memory of one worker thread for open table files; at the limit the largest row group closes."},
    {NUMBER("worker.open_hours", settings.open_hours), .least = 1, .most = 1024, .fallback = "32",
	.help = "Table files that one worker thread keeps open; at the limit the one idle longest is finished."},
    {NUMBER("partitions.max", settings.partitions_max), .least = 1, .most = 8784, .fallback = "256",
	.help = "Hours that one original may touch; rows of further hours are one reject."},
    {DURATION("times.ahead", settings.ahead_ms), .least = HOUR, .most = 36500 * DAY, .fallback = "1d",
	.help = "Rows of hours that begin later than this after their file was archived are stored, and counted as rows ahead."},
    {DURATION("times.behind", settings.behind_ms), .least = HOUR, .most = 36500 * DAY, .fallback = "365d",
	.help = "Rows of hours that ended longer than this before their file was archived are stored, and counted as rows behind."},
    {CHOICE("parquet.codec", codec), .choices = "none snappy zstd gzip", .fallback = "snappy",
	.help = "How pages of table files are compressed."},
    {NUMBER("parquet.level", level), .least = 0, .most = 9, .fallback = "0",
	.help = "How hard zstd and gzip try; 0 is the codec's own choice."},
    {NUMBER("parquet.row_group_rows", row_group_rows), .least = 1024, .most = 1 << 30, .fallback = "1048576",
	.help = "Most rows of a row group."},
    {NUMBER("parquet.page_rows", page_rows), .least = 128, .most = 1 << 20, .fallback = "20480",
	.help = "Most rows of a page."},
    {SIZE("file.max_bytes", settings.file_max_bytes), .least = 64 * KIB, .most = TIB, .fallback = "512MiB",
	.help = "A table file that reaches this size is finished and another part begins, in the same commit."},
    {CHOICE("foreign", settings.foreign_keep), .choices = "damage keep", .fallback = "damage",
	.help = "keep: files that other programs put into tables and among originals, Apache Spot for one, are counted and left alone; damage: an audit names them."},
    {CHOICE("claim", settings.claim_shared), .choices = "own shared", .fallback = "own",
	.help = "shared: collectors of other instances watch the same folders; an original goes to the one that claims it first in the lake."},
    {DURATION("claim.stale", settings.claim_stale_ms), .least = MINUTE, .most = 365 * DAY, .fallback = "1h",
	.help = "A claim of another instance that is that old and not committed is shown by `sluice status`."},
    {DURATION("claim.keep", settings.claim_keep_ms), .least = 1000, .most = 3650 * DAY, .fallback = "30d",
	.help = "A claim stays that long after its original was committed or refused, and as long as the file lies there."},
    {CHOICE("confine", settings.confine), .choices = "off on", .fallback = "on",
	.help = "on: dissectors run in processes without rights; off: in ours. `sluice dissect` always confines, but for --unconfined."},
    {SIZE("confine.memory", settings.confine_memory), .least = 32 * MIB, .most = 64 * GIB, .fallback = "256MiB",
	.help = "Most memory that one of these processes may have; an input that makes it want more is a reject."},
    {DURATION("confine.time", settings.confine_time_ms), .least = SECOND, .most = DAY, .fallback = "30s",
	.help = "Processor time that an input may take, and another second for each MiB of it; then the rest is a reject."},
    {NUMBER("confine.files", settings.confine_files), .least = 1, .most = 1 << 30, .fallback = "1000",
	.help = "Inputs after which such a process is replaced; after one with a reject it always is."},
    {DURATION("collect.rescan", settings.rescan_ms), .least = 100, .most = DAY, .fallback = "60s",
	.help = "How often watched folders are listed again, for what their events did not tell."},
    {NUMBER("collect.group", settings.collect_group), .least = 1, .most = 4096, .fallback = "250",
	.help = "Most files that share their fsyncs and their ledger transaction."},
    {DURATION("collect.settle", settle_ms), .least = 0, .most = HOUR, .fallback = "2s",
	.help = "A file found by listing, not closed or renamed under our eyes, must have been still for this long."},
    {SIZE("collect.memory", settings.collect_memory), .least = MIB, .most = 64 * GIB, .fallback = "64MiB",
	.help = "Memory of the collector for encoded rows on their way to the bus; at the limit no further file is read until some are there."},
    {NUMBER("collect.pending", settings.collect_pending), .least = 2, .most = 10000000, .fallback = "20000",
	.help = "Files found and not dealt with that the collector remembers; at the limit it lists no further, and finds the others later."},
    {SIZE("collect.spool", settings.collect_spool), .least = 0, .most = 16 * TIB, .fallback = "16GiB",
	.help = "Originals that are archived ahead while the bus is away or full; at the limit files stay where they lie. 0: none are."},
    {NUMBER("open_files", settings.open_files), .least = 64, .most = 1 << 20, .fallback = "4096",
	.help = "Descriptors that one process may have, within what the system allows; at the limit what needs another one waits."},
    {SIZE("rejects.max_bytes", settings.rejects_max), .least = KIB, .most = 256 * KIB, .fallback = "256KiB",
	.help = "Lines about the rejects of one original; further ones are counted."},
    {SIZE("dedupe.max_bytes", settings.dedupe_max_bytes), .least = 16 * MIB, .most = 16 * TIB, .fallback = "64GiB",
	.help = "Most bytes of the worker's index of committed identities; when it is full its partitions wait."},
    {SIZE("ledger.max_bytes", settings.ledger_max_bytes), .least = 16 * MIB, .most = 16 * TIB, .fallback = "16GiB",
	.help = "Most bytes of the ledger; when it is full no further file is taken."},
    {SIZE("bus.max_bytes", bus_max_bytes), .least = 16 * MIB, .most = 16 * TIB, .fallback = "1GiB",
	.help = "Most bytes of the embedded bus; when it is full, files wait where they lie."},
    {CHOICE("compact", settings.compact), .choices = "off on", .fallback = "off",
	.help = "on: `sluice run` makes few table files of the many small ones of quiet hours; `sluice compact` does it by hand."},
    {DURATION("compact.quiet", settings.compact_quiet_ms), .least = 0, .most = 365 * DAY, .fallback = "2h",
	.help = "An hour is compacted when it ended and its last file came so long ago."},
    {SIZE("compact.target", settings.compact_target_bytes), .least = 64 * KIB, .most = TIB, .fallback = "256MiB",
	.help = "A compacted file that reaches this size is finished and another begins; files of half of it and more are left alone."},
    {DURATION("compact.grace", settings.compact_grace_ms), .least = 0, .most = 365 * DAY, .fallback = "30m",
	.help = "How long what a compaction replaced is kept before it is deleted."},
    {DURATION("compact.every", settings.compact_every_ms), .least = 100, .most = DAY, .fallback = "10m",
	.help = "How often it is looked for hours to compact."},
    {DURATION("expire.tables", settings.expire_tables_ms), .least = 0, .most = 36500 * DAY, .fallback = "0",
	.help = "Partitions of tables whose last hour ended longer ago are what `sluice expire` deletes; 0: none."},
    {DURATION("expire.rejects", settings.expire_rejects_ms), .least = 0, .most = 36500 * DAY, .fallback = "0",
	.help = "Rejects files written longer ago are what `sluice expire` deletes; 0: none."},
    {DURATION("expire.originals", settings.expire_originals_ms), .least = 0, .most = 36500 * DAY, .fallback = "0",
	.help = "Originals whose folder's hour ended longer ago are what `sluice expire` deletes, unless they have open rejects; 0: none."},
    {DURATION("dedupe.horizon", settings.dedupe_horizon_ms), .least = MINUTE, .most = 3650 * DAY, .fallback = "30d",
	.help = "How long a worker remembers what it committed; the collector does not publish again what is older."},
    {DURATION("stop_timeout", settings.stop_timeout_ms), .least = 100, .most = HOUR, .fallback = "30s",
	.help = "How long the processes may take to finish their work after SIGTERM."},
    {DURATION("watchdog", settings.watchdog_ms), .least = 0, .most = DAY, .fallback = "60s",
	.help = "A process of `sluice run` that a signal has stopped, and that does not go on within this time, is killed and started again; 0: never."},
    {TEXT("ops.listen", ops.listen), .otherwise = "nowhere",
	.help = "Where the ops endpoint listens: a port of loopback, `9470`, or address and port, `192.0.2.7:9470`, `[::1]:9470`."},
    {TEXT("ops.names", ops.names), .otherwise = "none",
	.help = "Further host names under which the endpoint may be asked, separated by blanks; addresses and localhost always may."},
    {TEXT("ops.token_file", ops.token_file), .otherwise = "none",
	.help = "File whose first line is the token of what changes something, 16 characters at least, read by its owner only; without it nothing can be changed."},
    {CHOICE("log.level", log_level), .choices = "debug info warn error", .fallback = "info",
	.help = "The least severe lines that go to standard error."},
    {OF_PIPELINE("watch"), .kind = KEY_TEXT, .offset = IN(watch),
	.help = "The folder where the tool leaves its finished files."},
    {OF_PIPELINE("dissector"), .kind = KEY_TEXT, .help = "What reads the files: nfcapd, pcap-dns, elff, csv or exec."},
    {OF_PIPELINE("pattern"), .kind = KEY_TEXT, .offset = IN(pattern), .otherwise = "nfcapd.* for nfcapd",
	.help = "Shell pattern of file names to take, @(A|B) for one of several; nfcapd.current* is never taken."},
    {OF_PIPELINE("recursive"), .kind = KEY_FLAG, .offset = IN(recursive), .fallback = "yes",
	.help = "Whether folders inside the watched one count too."},
    {OF_PIPELINE("dataset"), .kind = KEY_TEXT, .otherwise = "the dissector's own, flow for nfcapd",
	.help = "The table that the rows go to."},
    {OF_PIPELINE("options"), .kind = KEY_MAP, .otherwise = "none",
	.help = "Options of the dissector, as `sluice dissect -O` takes them."},
    {OF_PIPELINE("rows_worker"), .kind = KEY_CHOICE, .offset = IN(rows_worker), .choices = "native spark", .fallback = "native",
	.help = "Who takes the rows of small files: native, or spark for spark/rows_worker.py; large files are always taken by native workers."},
    {OF_PIPELINE("after"), .kind = KEY_TEXT, .fallback = "keep",
	.help = "What happens to a source file once its rows are committed: keep, delete, or move:FOLDER."},
};
/* clang-format on */

const size_t key_count = sizeof key_table / sizeof key_table[0];

const struct config_key *key_find(enum key_scope scope, const char *name)
{
	for (size_t i = 0; i < key_count; i++)
		if (key_table[i].scope == scope && strcmp(key_table[i].name, name) == 0)
			return &key_table[i];
	return NULL;
}

bool key_is_group(enum key_scope scope, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < key_count; i++)
		if (key_table[i].scope == scope && strncmp(key_table[i].name, name, len) == 0 &&
		    key_table[i].name[len] == '.')
			return true;
	return false;
}

enum { GROUPS = 16, GROUP_CHARS = 32 };

static size_t group_names(enum key_scope scope, char out[GROUPS][GROUP_CHARS])
{
	size_t n = 0;
	for (size_t i = 0; i < key_count && n < GROUPS; i++) {
		const char *name = key_table[i].name;
		size_t len = strcspn(name, ".");
		if (key_table[i].scope != scope || name[len] == '\0' || len >= GROUP_CHARS)
			continue;
		if (n > 0 && strlen(out[n - 1]) == len && memcmp(out[n - 1], name, len) == 0)
			continue;
		memcpy(out[n], name, len);
		out[n++][len] = '\0';
	}
	return n;
}

void key_hint(enum key_scope scope, const char *name, char *out, size_t size)
{
	struct nearest n = nearest_to(name);
	char hint[NEAREST_HINT];
	char group[GROUPS][GROUP_CHARS];
	for (size_t i = 0; i < key_count; i++)
		if (key_table[i].scope == scope)
			nearest_offer(&n, key_table[i].name);
	/* "comit: { ... }" means a group: its name is what stands before the dot. */
	size_t groups = strchr(name, '.') == NULL ? group_names(scope, group) : 0;
	for (size_t i = 0; i < groups; i++)
		nearest_offer(&n, group[i]);
	if (scope == KEY_GLOBAL)
		nearest_offer(&n, "pipelines");
	/* A key written without its group, "max_age", or one of the other scope, "watch" at the top. */
	size_t len = strlen(name);
	for (size_t i = 0; i < key_count && n.best == NULL; i++) {
		size_t full = strlen(key_table[i].name);
		if (key_table[i].scope == scope && full > len + 1 && key_table[i].name[full - len - 1] == '.' &&
		    str_ends(key_table[i].name, name))
			n.best = key_table[i].name;
	}
	if (scope == KEY_GLOBAL && key_find(KEY_PIPELINE, name) != NULL)
		snprintf(out, size, " (it belongs under pipelines: NAME:)");
	else
		snprintf(out, size, "%s", nearest_hint(&n, hint));
}

struct unit {
	const char *name;
	uint64_t of;
};

/* In the largest unit that leaves no rest. */
static void show_units(uint64_t value, const struct unit *unit, size_t units, char *out, size_t size)
{
	size_t i = 0;
	while (i + 1 < units && (value == 0 || value % unit[i].of != 0))
		i++;
	snprintf(out, size, "%llu%s", (unsigned long long)(value / unit[i].of), value == 0 ? "" : unit[i].name);
}

static void show_size(uint64_t bytes, char *out, size_t size)
{
	static const struct unit unit[] = {{"TiB", TIB}, {"GiB", GIB}, {"MiB", MIB}, {"KiB", KIB}, {"", 1}};
	show_units(bytes, unit, sizeof unit / sizeof unit[0], out, size);
}

static void show_time(uint64_t ms, char *out, size_t size)
{
	static const struct unit unit[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}};
	show_units(ms, unit, sizeof unit / sizeof unit[0], out, size);
}

/* Which of the words, or -1. */
static int choice(const char *choices, const char *text)
{
	size_t len = strlen(text);
	int place = 0;
	for (const char *p = choices; *p != '\0'; place++) {
		size_t word = strcspn(p, " ");
		if (word == len && memcmp(p, text, len) == 0)
			return place;
		p += word + (p[word] == ' ');
	}
	return -1;
}

static enum rc in_range(const struct config_key *key, const char *text, int64_t value, struct err *e)
{
	char range[120];
	if (value >= key->least && value <= key->most)
		return RC_OK;
	key_range(key, range, sizeof range);
	return err_set(RC_BAD, e, "\"%.60s\" is out of range (%s)", text, range);
}

/* Any number of digits: what is too large for us is out of the key's range too. */
static enum rc read_whole(const struct config_key *key, const char *text, unsigned *out, struct err *e)
{
	int64_t number = 0;
	const char *digits = text + (text[0] == '-');
	enum rc rc = str_number(text, INT64_MIN, INT64_MAX, &number, e);
	if (rc != RC_OK && digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0') {
		number = text[0] == '-' ? INT64_MIN : INT64_MAX;
		rc = RC_OK;
	}
	if (rc == RC_OK)
		rc = in_range(key, text, number, e);
	if (rc == RC_OK)
		*out = (unsigned)number;
	return rc;
}

static enum rc read_flag(const char *text, bool *out, struct err *e)
{
	static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*out = strcmp(text, yes[i]) == 0;
			return RC_OK;
		}
	}
	return err_set(RC_BAD, e, "yes or no, not \"%.60s\"", text);
}

static enum rc read_choice(const struct config_key *key, const char *text, unsigned *out, struct err *e)
{
	char range[120];
	char words[120], hint[NEAREST_HINT], *rest = words;
	struct nearest n = nearest_to(text);
	int place = choice(key->choices, text);
	key_range(key, range, sizeof range);
	str_copy(words, sizeof words, key->choices);
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		nearest_offer(&n, word);
	if (place < 0)
		return err_set(RC_BAD, e, "\"%.60s\" is none of: %s%s", text, range, nearest_hint(&n, hint));
	*out = (unsigned)place;
	return RC_OK;
}

static void add_number(struct number_list *l, unsigned number)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i] == number)
			return;
	l->at = mem_resize(l->at, (l->count + 1) * sizeof *l->at);
	l->at[l->count++] = number;
}

static void show_numbers(const struct number_list *l, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < l->count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%u", i == 0 ? "[" : ", ", l->at[i]);
	if (l->count > 0 && n < size)
		snprintf(out + n, size - n, "]");
}

enum rc key_read(const struct config_key *key, const char *text, void *base, struct err *e)
{
	uint8_t *at = (uint8_t *)base + key->offset;
	int64_t number = 0;
	uint64_t bytes = 0;
	unsigned whole = 0;
	enum rc rc = RC_OK;
	switch (key->kind) {
	case KEY_TEXT:
		if (text[0] == '\0')
			return err_set(RC_BAD, e, "is empty");
		mem_free((char **)at);
		*(char **)at = mem_text(text);
		return RC_OK;
	case KEY_FLAG:
		return read_flag(text, (bool *)at, e);
	case KEY_CHOICE:
		return read_choice(key, text, (unsigned *)at, e);
	case KEY_NUMBER:
		return read_whole(key, text, (unsigned *)at, e);
	case KEY_NUMBERS:
		rc = read_whole(key, text, &whole, e);
		if (rc == RC_OK)
			add_number((struct number_list *)at, whole);
		return rc;
	case KEY_SIZE:
		rc = str_size(text, &bytes, e);
		if (rc == RC_OK)
			rc = in_range(key, text, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes, e);
		if (rc == RC_OK)
			*(uint64_t *)at = bytes;
		return rc;
	case KEY_DURATION:
		rc = str_duration(text, &number, e);
		if (rc == RC_OK)
			rc = in_range(key, text, number, e);
		if (rc == RC_OK)
			*(int64_t *)at = number;
		return rc;
	case KEY_MAP:
		break;
	}
	return err_set(RC_BAD, e, "wants names and values: { key: value }");
}

void key_show(const struct config_key *key, const void *base, char *out, size_t size)
{
	const uint8_t *at = (const uint8_t *)base + key->offset;
	const char *word = key->choices;
	switch (key->kind) {
	case KEY_TEXT:
		snprintf(out, size, "%s", *(char *const *)at != NULL ? *(char *const *)at : "");
		return;
	case KEY_NUMBER:
		snprintf(out, size, "%u", *(const unsigned *)at);
		return;
	case KEY_NUMBERS:
		show_numbers((const struct number_list *)at, out, size);
		return;
	case KEY_SIZE:
		show_size(*(const uint64_t *)at, out, size);
		return;
	case KEY_DURATION:
		show_time((uint64_t) * (const int64_t *)at, out, size);
		return;
	case KEY_FLAG:
		snprintf(out, size, "%s", *(const bool *)at ? "yes" : "no");
		return;
	case KEY_CHOICE:
		for (unsigned i = *(const unsigned *)at; i > 0; i--)
			word = strchr(word, ' ') + 1;
		snprintf(out, size, "%.*s", (int)strcspn(word, " "), word);
		return;
	case KEY_MAP:
		break;
	}
	out[0] = '\0';
}

const char *key_kind_name(const struct config_key *key)
{
	static const char *const name[] = {
	    "text", "number", "numbers", "size", "duration", "yes or no", "choice", "map"};
	return name[key->kind];
}

void key_range(const struct config_key *key, char *out, size_t size)
{
	char from[32], to[32];
	out[0] = '\0';
	switch (key->kind) {
	case KEY_NUMBER:
	case KEY_NUMBERS:
		snprintf(out, size, "%lld .. %lld", (long long)key->least, (long long)key->most);
		break;
	case KEY_SIZE:
		show_size((uint64_t)key->least, from, sizeof from);
		show_size((uint64_t)key->most, to, sizeof to);
		snprintf(out, size, "%s .. %s", from, to);
		break;
	case KEY_DURATION:
		show_time((uint64_t)key->least, from, sizeof from);
		show_time((uint64_t)key->most, to, sizeof to);
		snprintf(out, size, "%s .. %s", from, to);
		break;
	case KEY_CHOICE:
		for (const char *p = key->choices; *p != '\0' && strlen(out) + 3 < size; p++) {
			size_t len = strlen(out);
			snprintf(out + len, size - len, *p == ' ' ? ", " : "%c", *p);
		}
		break;
	default:
		break;
	}
}

static void markdown_table(struct writer *out, enum key_scope scope)
{
	writer_text(out, "| key | kind | range | default | meaning |\n| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		char range[120];
		if (k->scope != scope)
			continue;
		key_range(k, range, sizeof range);
		writer_format(out, "| `%s` | %s | %s | %s%s%s | %s |\n", k->name, key_kind_name(k), range,
		    k->fallback != NULL ? "`" : "",
		    k->fallback != NULL    ? k->fallback
		    : k->otherwise != NULL ? k->otherwise
		                           : "**must be given**",
		    k->fallback != NULL ? "`" : "", k->help);
	}
}

const char key_smallest[] = "lake: /var/lib/sluice/lake\n"
                            "pipelines:\n"
                            "  flow: { watch: /var/spool/nfcapd, dissector: nfcapd }\n";

const char *const key_rules[] = {
    "A dotted key may be written nested, `commit: { max_age: 10s }`, or flat, `commit.max_age: 10s`.",
    "Sizes carry a unit: `KiB MiB GiB TiB` are powers of 1024, `kB MB GB TB` of 1000, no unit is bytes. Durations too: "
    "`ms s m h d`.",
    "A folder may be given from the file's own folder on: `watch: spool`. In a URL it must be absolute: "
    "`file:///var/lib/sluice/lake`. `word:` at the beginning is a URL; a folder with such a name is `./word:`.",
    "An unknown key, scheme or value is an error that names file, line, key and the nearest valid one. `sluice config "
    "-c FILE` prints what a file comes to, `sluice check -c FILE` reaches everything it names.",
    NULL,
};

const char key_pipelines[] = "The entry's name becomes part of the topics' names: letters, digits, `-` and `_`.";

void key_markdown(struct writer *out)
{
	writer_text(out, "# Configuration\n\n"
	                 "This page is made by `sluice config --markdown` from the table that the parser uses; a test "
	                 "compares the two.\n\n"
	                 "YAML. The smallest file that is complete:\n\n"
	                 "```yaml\n");
	writer_text(out, key_smallest);
	writer_text(out, "```\n\n");
	for (size_t i = 0; key_rules[i] != NULL; i++)
		writer_format(out, "- %s\n", key_rules[i]);
	writer_text(out, "\n## The whole file\n\n");
	markdown_table(out, KEY_GLOBAL);
	writer_format(out, "\n## Each entry of `pipelines`\n\n%s\n\n", key_pipelines);
	markdown_table(out, KEY_PIPELINE);
}
