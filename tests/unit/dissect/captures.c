/* Captures from elsewhere (SLUICE_DATA): the frames in which tshark found DNS carry something for us too, with the same
 * addresses; and every file ends as it ended for tshark. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"
#include "dissect/pcap/capture.h"
#include "dissect/pcap/layers.h"

enum { PATH = 1024, LINE = 8192, FRAMES = 4096, COLUMNS = 6 };

/* Of one frame, what tshark's table is held against. */
struct seen {
	bool carries;
	struct segment segment;
};

struct run {
	size_t frames;
	bool clean, bad;
	struct seen seen[FRAMES];
};

static bool folder(const char *name, char path[PATH])
{
	const char *data = getenv("SLUICE_DATA");
	if (data == NULL)
		return false;
	snprintf(path, PATH, "%s/%s", data, name);
	DIR *d = opendir(path);
	if (d != NULL)
		closedir(d);
	return d != NULL;
}

static void walk(const char *path, struct run *r)
{
	memset(r, 0, sizeof *r);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	struct capture *c = capture_new(source_fd(fd, true, path));
	struct layers *l = layers_new();
	struct frame f;
	struct err e;
	enum rc rc;
	while ((rc = capture_next(c, &f, &e)) == RC_OK) {
		struct seen s = {0};
		s.carries = layers_decode(l, &f, &s.segment);
		assert_true(!s.carries || s.segment.have <= s.segment.length);
		r->frames++;
		if (r->frames < FRAMES)
			r->seen[r->frames] = s;
	}
	assert_true(rc == RC_END || rc == RC_BAD);
	r->bad = rc == RC_BAD;
	r->clean = capture_clean(c);
	layers_free(&l);
	capture_free(&c);
}

static void same_address(const char *want, const struct ip *ip, const char *where)
{
	char got[INET6_ADDRSTRLEN] = "";
	if (want[0] == 0)
		return;
	inet_ntop(ip->family == 6 ? AF_INET6 : AF_INET, ip->octet, got, sizeof got);
	if (strcmp(want, got) != 0)
		fail_msg("%s: %s instead of %s", where, got, want);
}

/* A row of tshark's table: frame, protocols, the first IPv4 addresses, the first IPv6 addresses. */
static void compare(const char *name, char *line, const struct run *r)
{
	char *column[COLUMNS], where[LINE];
	for (int i = 0; i < COLUMNS; i++)
		column[i] = strsep(&line, "\t");
	size_t number = strtoul(column[0], NULL, 10);
	snprintf(where, sizeof where, "%.200s frame %zu (%.200s)", name, number, column[1]);
	assert_true(number > 0 && number < FRAMES);
	/* tshark counts custom blocks as frames. */
	if (str_starts(name, "08_ng_spb") && number > 2)
		number--;
	const struct seen *s = &r->seen[number];
	if (!s->carries)
		fail_msg("%s: nothing", where);
	same_address(column[2], &s->segment.outer_src, where);
	same_address(column[3], &s->segment.outer_dst, where);
	if (strstr(column[1], "icmp") == NULL && column[2][0] == 0) {
		same_address(column[4], &s->segment.src, where);
		same_address(column[5], &s->segment.dst, where);
	}
	assert_int_equal(s->segment.quoted, strstr(column[1], "icmp") != NULL);
	assert_int_equal(s->segment.transport == TRANSPORT_TCP, strstr(column[1], "tcp") != NULL);
}

/* The exit status that tshark had. */
static bool ended_well(const char *stem)
{
	char path[PATH], line[LINE];
	snprintf(path, sizeof path, "%.900s.err", stem);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	bool well = false;
	while (fgets(line, sizeof line, f) != NULL)
		well |= strstr(line, "rc=0") != NULL;
	fclose(f);
	return well;
}

static size_t table(const char *path, const char *name)
{
	static struct run r;
	char stem[PATH], line[LINE];
	snprintf(stem, sizeof stem, "%.900s", path);
	stem[strlen(stem) - strlen(".wide.tsv")] = 0;
	walk(stem, &r);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t rows = 0;
	/* tshark gave up on a good record before a bad one, and on a link type as a whole. */
	if (!str_starts(name, "06_link_mpls219") && r.clean != ended_well(stem))
		fail_msg("%s: clean %d", name, r.clean);
	if (fgets(line, sizeof line, f) != NULL) {
		for (; fgets(line, sizeof line, f) != NULL; rows++)
			compare(name, line, &r);
	}
	fclose(f);
	return rows;
}

static void test_tshark(void **state)
{
	char path[PATH], file[PATH];
	if (!folder("dns", path))
		skip();
	size_t rows = 0;
	DIR *d = opendir(path);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		if (!str_ends(entry->d_name, ".wide.tsv"))
			continue;
		snprintf(file, sizeof file, "%.700s/%.255s", path, entry->d_name);
		rows += table(file, entry->d_name);
	}
	closedir(d);
	print_message("%zu rows\n", rows);
	assert_true(rows > 200);
}

static void test_others(void **state)
{
	static struct run r;
	char path[PATH], file[PATH];
	if (!folder("pcap", path))
		skip();
	size_t files = 0, frames = 0, unclean = 0, not_ours = 0;
	DIR *d = opendir(path);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		if (strstr(entry->d_name, "cap") == NULL)
			continue;
		snprintf(file, sizeof file, "%.700s/%.255s", path, entry->d_name);
		walk(file, &r);
		files++;
		frames += r.frames;
		unclean += !r.clean && !r.bad;
		not_ours += r.bad;
	}
	closedir(d);
	print_message("%zu files, %zu frames, %zu damaged, %zu no captures\n", files, frames, unclean, not_ours);
	assert_true(files > 0 && frames > files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tshark),
	    cmocka_unit_test(test_others),
	};
	return cmocka_run_group_tests_name("dissect_captures", tests, NULL, NULL);
}
