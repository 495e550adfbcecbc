/*
 * How long a flow row takes from batch to file, and how many bytes it takes there: made-up flows with the skew of real
 * ones, one core.
 *
 *   parquet_bench [-n rows] [-c none|snappy|zstd|gzip] [-l level] [-g row group rows] [-p page rows] [-a rows per
 * append] [-w writers] [-r rounds] [-j] [-o FILE] SCHEMA
 *
 * Flows come from hosts and services drawn by Zipf's law over one hour, in order of export. Batches are made before the
 * clock starts; each is copied into a warm one before it is appended, outside the clock, because a dissector has just
 * filled it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "format/avsc.h"
#include "format/parquet/parquet.h"

enum { WRITERS = 64, HOSTS = 60000, CLIENTS = 12000, PACKET = 24 };

enum {
	TIME,
	DURATION,
	SRC,
	DST,
	SPORT,
	DPORT,
	PROTO,
	FLAGS,
	FWD,
	STOS,
	IPKT,
	IBYT,
	OPKT,
	OBYT,
	INPUT,
	OUTPUT,
	SAS,
	DAS,
	DTOS,
	DIR,
	RIP
};

static const struct field fields[] = {
    [TIME] = {"time", TYPE_TIME, ""},
    [DURATION] = {"duration", TYPE_F32, ""},
    [SRC] = {"src_addr", TYPE_IP, ""},
    [DST] = {"dst_addr", TYPE_IP, ""},
    [SPORT] = {"src_port", TYPE_U32, ""},
    [DPORT] = {"dst_port", TYPE_U32, ""},
    [PROTO] = {"proto", TYPE_U32, ""},
    [FLAGS] = {"tcp_flags", TYPE_U32, ""},
    [FWD] = {"fwd_status", TYPE_U32, ""},
    [STOS] = {"src_tos", TYPE_U32, ""},
    [IPKT] = {"in_packets", TYPE_U64, ""},
    [IBYT] = {"in_bytes", TYPE_U64, ""},
    [OPKT] = {"out_packets", TYPE_U64, ""},
    [OBYT] = {"out_bytes", TYPE_U64, ""},
    [INPUT] = {"input_if", TYPE_U32, ""},
    [OUTPUT] = {"output_if", TYPE_U32, ""},
    [SAS] = {"src_as", TYPE_U32, ""},
    [DAS] = {"dst_as", TYPE_U32, ""},
    [DTOS] = {"dst_tos", TYPE_U32, ""},
    [DIR] = {"direction", TYPE_U32, ""},
    [RIP] = {"exporter_addr", TYPE_IP, ""},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

struct options {
	size_t rows, append, writers, rounds;
	struct parquet_options parquet;
	bool jitter;
	const char *out, *schema;
};

static uint64_t state = 88172645463325252u;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static double uniform(void)
{
	return (double)(draw() >> 11) / (double)(1ull << 53);
}

/* 0 .. n-1, k with weight about 1 / (k + 1). */
static uint32_t zipf(uint32_t n)
{
	return (uint32_t)(pow(n + 1.0, uniform()) - 1);
}

static struct ip ip_of(uint32_t host, uint32_t net)
{
	struct ip ip = {.family = 4};
	uint32_t mixed = net == 0 ? 0x0A000000 | (host * 2654435761u >> 18) : host * 2654435761u;
	for (int i = 0; i < 4; i++)
		ip.octet[i] = (uint8_t)(mixed >> (24 - 8 * i));
	return ip;
}

/* One flow: a client asks a service of a server, or the answer. */
static void fill(struct batch *b, const unsigned *at, uint32_t row, int64_t now_ns)
{
	static const uint32_t service[] = {443, 53, 80, 123, 22, 25, 8080, 993, 3389, 445};
#define SET(f, type, v) (((type *)batch_values(b, at[f]))[row] = (v))
	uint32_t which = zipf(14), port = which < 10 ? service[which] : (uint32_t)(1024 + draw() % 64512);
	bool udp = port == 53 || port == 123 || draw() % 12 == 0, answer = draw() % 2, icmp = draw() % 60 == 0;
	struct ip client = ip_of(zipf(CLIENTS), 0), server = ip_of(zipf(HOSTS), 1);
	uint32_t high = (uint32_t)(32768 + draw() % 28232);
	uint64_t packets = 1 + (uint64_t)(exp(uniform() * uniform() * 9) - 1);
	uint64_t size = udp ? 60 + draw() % 200 : 40 + (uint64_t)(uniform() * uniform() * 1460);
	double duration = packets == 1 ? 0 : exp(uniform() * 8 - 4);
	SET(TIME, int64_t, now_ns);
	SET(DURATION, float, (float)((double)(int64_t)(duration * 1000) / 1000));
	SET(SRC, struct ip, answer ? server : client);
	SET(DST, struct ip, answer ? client : server);
	SET(SPORT, uint32_t, icmp ? 0 : answer ? port : high);
	SET(DPORT, uint32_t, icmp ? 2048 : answer ? high : port);
	SET(PROTO, uint32_t, icmp ? 1 : udp ? 17 : 6);
	static const uint8_t flags[] = {0x1b, 0x1b, 0x1b, 0x02, 0x12, 0x14, 0x18, 0x10, 0x1a, 0x04};
	SET(FLAGS, uint32_t, udp || icmp ? 0 : flags[zipf(10)]);
	SET(FWD, uint32_t, 0);
	SET(STOS, uint32_t, draw() % 20 == 0 ? (uint32_t)(draw() % 8) << 5 : 0);
	SET(IPKT, uint64_t, packets);
	SET(IBYT, uint64_t, packets * size);
	SET(OPKT, uint64_t, 0);
	SET(OBYT, uint64_t, 0);
	SET(INPUT, uint32_t, answer ? 1 + zipf(4) : 10 + zipf(8));
	SET(OUTPUT, uint32_t, answer ? 10 + zipf(8) : 1 + zipf(4));
	SET(SAS, uint32_t, 0);
	SET(DAS, uint32_t, 0);
	SET(DTOS, uint32_t, 0);
	SET(DIR, uint32_t, 0);
	SET(RIP, struct ip, ip_of(row / 4096 % 2, 0));
#undef SET
}

static struct batch **make(const struct options *o, const struct projection *p, size_t *count)
{
	size_t batches = (o->rows + BATCH_ROWS - 1) / BATCH_ROWS, done = 0;
	struct batch **out = mem_zero(batches, sizeof(struct batch *));
	unsigned at[FIELDS];
	for (size_t i = 0; i < p->wants; i++)
		at[p->wanted[i]] = (unsigned)i;
	struct civil start = {.year = 2026, .month = 1, .day = 14, .hour = 9};
	int64_t from = civil_seconds(start) * NS_PER_S;
	for (size_t i = 0; i < batches; i++) {
		out[i] = batch_new(p->types, p->wants, BATCH_ROWS, 0);
		for (uint32_t row = 0; row < BATCH_ROWS && done < o->rows; row++, done++) {
			/* The collector's clock: all flows of a packet have the same time. With -j that of the flow's
			 * end, as old files have it. */
			int64_t ms = (int64_t)(3599e3 * (double)(done / PACKET * PACKET) / (double)o->rows);
			if (o->jitter)
				ms -= (int64_t)(draw() % 800);
			fill(out[i], at, row, from + (ms < 0 ? 0 : ms) * 1000000);
			out[i]->rows = row + 1;
		}
	}
	*count = batches;
	return out;
}

static enum rc to_file(void *context, const void *bytes, size_t size, struct err *e)
{
	FILE *f = context;
	if (f != NULL && fwrite(bytes, 1, size, f) != size)
		return err_set(RC_FAIL, e, "write failed");
	return RC_OK;
}

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct figures {
	double ns;
	size_t accounted;  /* most at once */
	uint64_t resident; /* likewise, over what there was before */
	uint64_t written;
};

static enum rc append(const struct options *o, struct parquet **q, const struct batch *b, size_t *turn, struct err *e)
{
	static uint16_t sel[BATCH_ROWS];
	enum rc rc = RC_OK;
	for (unsigned i = 0; i < BATCH_ROWS; i++)
		sel[i] = (uint16_t)i;
	for (uint32_t at = 0; at < b->rows && rc == RC_OK; at += (uint32_t)o->append) {
		size_t n = b->rows - at < o->append ? b->rows - at : o->append;
		rc = parquet_append(q[*turn], b, n == b->rows ? NULL : sel + at, n, e);
		*turn = (*turn + 1) % o->writers;
	}
	return rc;
}

static enum rc write_all(const struct options *o, const struct projection *p, struct pack *pack, struct batch **b,
    size_t batches, FILE *file, struct figures *f, struct err *e)
{
	struct parquet *q[WRITERS] = {0};
	struct batch *warm = batch_new(p->types, p->wants, BATCH_ROWS, 0);
	enum rc rc = RC_OK;
	uint64_t before = proc_memory(0);
	size_t turn = 0;
	for (size_t i = 0; i < o->writers && rc == RC_OK; i++)
		rc = parquet_open(p, &o->parquet, pack, (struct parquet_sink){file, to_file}, &q[i], e);
	for (size_t i = 0; i < batches && rc == RC_OK; i++) {
		memcpy(warm, b[i], b[i]->size);
		double start = cpu_ns();
		rc = append(o, q, warm, &turn, e);
		f->ns += cpu_ns() - start;
		size_t accounted = 0;
		for (size_t w = 0; w < o->writers; w++)
			accounted += parquet_memory(q[w]);
		uint64_t resident = proc_memory(0) - before;
		f->accounted = accounted > f->accounted ? accounted : f->accounted;
		f->resident = resident > f->resident ? resident : f->resident;
	}
	double start = cpu_ns();
	for (size_t i = 0; i < o->writers && rc == RC_OK; i++)
		rc = parquet_close(q[i], NULL, 0, e);
	for (size_t i = 0; i < o->writers; i++) {
		if (q[i] != NULL)
			f->written += parquet_written(q[i]);
		parquet_free(&q[i]);
	}
	f->ns += cpu_ns() - start;
	batch_free(&warm);
	return rc;
}

static enum rc measure(const struct options *o, const struct projection *p, struct err *e)
{
	size_t batches;
	struct batch **b = make(o, p, &batches);
	struct pack *pack = pack_new();
	enum rc rc = RC_OK;
	for (size_t i = 0; i < o->rounds && rc == RC_OK; i++) {
		struct figures f = {0};
		FILE *file = o->out != NULL ? fopen(o->out, "wb") : NULL;
		rc = write_all(o, p, pack, b, batches, file, &f, e);
		if (file != NULL)
			fclose(file);
		if (rc == RC_OK)
			printf("%zu rows, %zu writers: %.1f ns/row CPU, %.3f B/row, %.1f MiB accounted, %.1f MiB "
			       "resident at most\n",
			    o->rows, o->writers, f.ns / (double)o->rows, (double)f.written / (double)o->rows,
			    (double)f.accounted / 1048576, (double)f.resident / 1048576);
	}
	for (size_t i = 0; i < batches; i++)
		batch_free(&b[i]);
	mem_free(&b);
	pack_free(&pack);
	return rc;
}

static bool parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){
	    .rows = 1 << 20, .append = BATCH_ROWS, .writers = 1, .rounds = 1, .parquet = {.codec = CODEC_SNAPPY}};
	for (int c; (c = getopt(argc, argv, "n:c:l:g:p:a:w:r:jo:")) != -1;) {
		size_t number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;
		switch (c) {
		case 'n':
			o->rows = number;
			break;
		case 'c':
			if (codec_find(optarg) < 0)
				return false;
			o->parquet.codec = (enum codec)codec_find(optarg);
			break;
		case 'l':
			o->parquet.level = (int)number;
			break;
		case 'g':
			o->parquet.row_group_rows = (uint32_t)number;
			break;
		case 'p':
			o->parquet.page_rows = (uint32_t)number;
			break;
		case 'a':
			o->append = number;
			break;
		case 'w':
			o->writers = number;
			break;
		case 'j':
			o->jitter = true;
			break;
		case 'r':
			o->rounds = number;
			break;
		case 'o':
			o->out = optarg;
			break;
		default:
			return false;
		}
	}
	o->schema = argv[optind];
	return optind + 1 == argc && o->rows > 0 && o->append > 0 && o->writers > 0 && o->writers <= WRITERS;
}

int main(int argc, char **argv)
{
	struct options o;
	struct schema *s = NULL;
	struct projection *p = NULL;
	struct err e;
	char *text = NULL;
	size_t len;
	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: see the head of tests/bench/parquet_bench.c\n");
		return 2;
	}
	enum rc rc = file_load(o.schema, 1 << 20, &text, &len, &e);
	if (rc == RC_OK)
		rc = avsc_read(o.schema, text, len, &s, &e);
	if (rc == RC_OK)
		rc = projection_open(s, fields, FIELDS, &p, &e);
	if (rc == RC_OK)
		rc = measure(&o, p, &e);
	if (rc != RC_OK)
		fprintf(stderr, "parquet_bench: %s\n", rc == RC_END ? "no schema file" : e.text);
	projection_free(&p);
	schema_free(&s);
	mem_free(&text);
	return rc == RC_OK ? 0 : 1;
}
