/*
 * What confinement adds to dissecting one input, alone: the same input, again and again, in this process and in a
 * confined one, in turns of many. What disturbs a run only adds: look at the lower quartile.
 *
 * confine_loop SCHEMA FILE TIMES: nfcapd, into the columns of a table; microseconds of processor an input, of both
 * processes. A small file is handed over from memory, as a collector does, a large one is read, as a worker does.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/heap.h"
#include "base/mem.h"
#include "confine/cell.h"
#include "confine/confine.h"
#include "confine/server.h"
#include "dissect/nfcapd/nfcapd.h"
#include "format/avsc.h"

enum { TURN = 50, MODES = 2, SMALL = 1 << 20 };

struct input {
	const char *path;
	char *bytes;
	size_t size;
	uint64_t rows, sum;
};

static void fail(const struct err *e)
{
	fprintf(stderr, "confine_loop: %s\n", e->text);
	exit(1);
}

/* Each value is used once, as an encoder would. */
static void use(struct input *in, const struct batch *b)
{
	for (unsigned i = 0; i < b->columns; i++) {
		const uint8_t *at = batch_read(b, i);
		size_t bytes = type_size((enum type)b->column[i].type) * b->rows;
		uint64_t word;
		for (size_t k = 0; k + sizeof word <= bytes; k += sizeof word) {
			memcpy(&word, at + k, sizeof word);
			in->sum += word;
		}
	}
	in->rows += b->rows;
}

static void once(struct cell *cell, const struct projection *projection, struct input *in)
{
	const struct dissect_ops *ops = &dissect_nfcapd;
	struct dissect_params params = dissect_params_of(projection, NULL, 0);
	const struct dissect_hints hints = {.name = "nfcapd.202601140905", .size = in->size};
	struct dissector *d = NULL;
	static struct batch *spare;
	struct err e;
	enum rc rc;
	if (in->size <= SMALL)
		params.rows = (uint32_t)(in->size / 64 + 16);
	params.spare = &spare;
	int fd = in->size > SMALL ? open(in->path, O_RDONLY | O_CLOEXEC) : -1;
	struct source *src = fd >= 0 ? source_fd(fd, true, in->path) : source_memory(in->bytes, in->size);
	if (cell_open(cell, ops, src, &hints, &params, &d, &e) != RC_OK)
		fail(&e);
	for (;;) {
		const struct batch *b = NULL;
		bool clean = true;
		rc = dissect_next(d, &b, &clean, &e);
		if (rc != RC_OK)
			break;
		use(in, b);
	}
	if (rc != RC_END)
		fail(&e);
	dissect_close(&d);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Processor time of this process and of the cell's child, if it has one. */
static double cpu_us(const struct cell *cell)
{
	clockid_t clock[] = {CLOCK_PROCESS_CPUTIME_ID, 0};
	unsigned clocks = cell != NULL && cell->pid != 0 && clock_getcpuclockid(cell->pid, &clock[1]) == 0 ? 2 : 1;
	double us = 0;
	for (unsigned i = 0; i < clocks; i++) {
		struct timespec t = {.tv_sec = 0};
		clock_gettime(clock[i], &t);
		us += (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
	}
	return us;
}

static void say(const char *what, double *took, size_t times)
{
	qsort(took, times, sizeof *took, by_value);
	printf("%-12s least %.1f quartile %.1f median %.1f us\n", what, took[0], took[times / 4], took[times / 2]);
}

int main(int argc, char **argv)
{
	static const struct dissect_ops *const table[] = {&dissect_nfcapd, NULL};
	if (argc == 3 && strcmp(argv[1], CONFINE_WORD) == 0)
		return confine_serve(atoi(argv[2]), table);
	if (argc < 4)
		return 2;
	heap_keep();
	struct confine_params p = CONFINE_USUAL;
	struct input in = {.path = argv[2]};
	struct err e;
	size_t times = strtoul(argv[3], NULL, 10);
	double *took[MODES] = {mem_zero(times, sizeof **took), mem_zero(times, sizeof **took)};
	if (file_load(argv[2], 1 << 30, &in.bytes, &in.size, &e) != RC_OK)
		fail(&e);
	struct schema *schema = NULL;
	struct projection *projection = NULL;
	char *text = NULL;
	size_t size = 0;
	if (file_load(argv[1], 1 << 20, &text, &size, &e) != RC_OK ||
	    avsc_read(argv[1], text, size, &schema, &e) != RC_OK ||
	    dissect_bind(&dissect_nfcapd, schema, &projection, &e) != RC_OK)
		fail(&e);
	p.files = UINT32_MAX;
	struct confine *c = confine_new(&p);
	struct cell *cells[MODES] = {NULL, cell_new(c)};
	size_t turn = in.size > SMALL ? 1 : TURN;
	for (size_t from = 0; from < times; from += turn)
		for (unsigned mode = 0; mode < MODES; mode++)
			for (size_t i = from; i < from + turn && i < times; i++) {
				double before = cpu_us(cells[mode]);
				once(cells[mode], projection, &in);
				took[mode][i] = cpu_us(cells[mode]) - before;
			}
	say("unconfined", took[0], times);
	say("confined", took[1], times);
	printf("%llu rows, sum %llx\n", (unsigned long long)in.rows, (unsigned long long)in.sum);
	cell_free(&cells[1]);
	confine_free(&c);
	projection_free(&projection);
	schema_free(&schema);
	mem_free(&text);
	mem_free(&took[0]);
	mem_free(&took[1]);
	mem_free(&in.bytes);
	return 0;
}
