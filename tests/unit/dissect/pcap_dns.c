/* The whole pcap-dns dissector: which messages of a capture become rows, whose addresses and time they have, and that
 * neither the size of a batch nor damage changes what comes out. */
#include "cap_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <lz4frame.h>

#include "abuse.h"
#include "base/mem.h"
#include "base/str.h"
#include "dissect/dns/fields.h"
#include "dissect/pcap_dns/counters.h"
#include "dissect/pcap_dns/pcap_dns.h"
#include "pack/pack.h"

enum { IPV4 = 0x0800, IPV6 = 0x86DD, HEADER = 24, RECORD = 16 };

static void expect_rows(const struct writer *w, const char *options, const char *names, uint32_t rows, const char *text)
{
	char *got = cap_dump(w->bytes, w->len, options, names, rows);
	assert_string_equal(got, text);
	mem_free(&got);
}

static void expect(const struct cap *c, const char *options, const char *names, const char *text)
{
	expect_rows(&c->w, options, names, 0, text);
}

/* ---- options ---- */

static void test_refused_options(void **state)
{
	static const struct {
		const char *options, *says;
	} row[] = {
	    {"prots=53", "unknown option \"prots\" (did you mean \"ports\"?)"},
	    {"speed=fast", "unknown option \"speed\"; there are: compat, messages, names, ports"},
	    {"messages=response", "messages: unknown word \"response\" (did you mean \"responses\"?)"},
	    {"messages=", "messages: unknown word \"\"; there are: responses, queries, both"},
	    {"compat=tshrak", "compat: unknown word \"tshrak\" (did you mean \"tshark\"?)"},
	    {"names=questions", "names: unknown word \"questions\" (did you mean \"question\"?)"},
	    {"ports=", "ports: names none"},
	    {"ports=0", "ports: \"0\" is no port (1 .. 65535, or any)"},
	    {"ports=65536", "ports: \"65536\" is no port (1 .. 65535, or any)"},
	    {"ports=53,dns", "ports: \"dns\" is no port (1 .. 65535, or any)"},
	    {"ports=53-55", "ports: \"53-55\" is no port (1 .. 65535, or any)"},
	    {"ports=-1", "ports: \"-1\" is no port (1 .. 65535, or any)"},
	    {"names=question compat=tshark",
	        "names: question has no meaning with compat: tshark, which shows the first record's"},
	    {"compat=tshark names=question",
	        "names: question has no meaning with compat: tshark, which shows the first record's"},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char *got = cap_dump("", 0, row[i].options, "id", 0);
		assert_true(str_starts(got, "refused: "));
		assert_string_equal(got + strlen("refused: "), row[i].says);
		mem_free(&got);
	}
}

static void test_not_a_capture(void **state)
{
	char *got = cap_dump("", 0, "", "id", 0);
	assert_string_equal(got, "clean");
	mem_free(&got);
	got = cap_dump("no capture at all", 17, "", "id", 0);
	assert_true(str_starts(got, "bad: "));
	mem_free(&got);
}

/* ---- which messages ---- */

static void test_ports(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	cap_response(&d, 1);
	cap_put4(&c, &d, 53, 4000);
	cap_set_id(&d, 2);
	cap_put4(&c, &d, 4000, 5353);
	cap_set_id(&d, 3);
	cap_put4(&c, &d, 9999, 9998);
	/* Bytes behind the message: nothing that was sent to a port of DNS would care. */
	cap_set_id(&d, 4);
	dns_u8(&d, 0);
	cap_put4(&c, &d, 9999, 9998);
	cap_set_id(&d, 5);
	cap_put4(&c, &d, 53, 4000);
	expect(&c, "", "id", "row 1\nrow 5\nclean");
	expect(&c, "ports=53", "id", "row 1\nrow 5\nclean");
	expect(&c, "ports=5353", "id", "row 2\nclean");
	expect(&c, "ports=53,5353", "id", "row 1\nrow 2\nrow 5\nclean");
	expect(&c, "ports=53 ports=9998", "id", "row 1\nrow 3\nrow 4\nrow 5\nclean");
	expect(&c, "ports=any", "id", "row 1\nrow 2\nrow 3\nclean");
	expect(&c, "ports=any,53", "id", "row 1\nrow 2\nrow 3\nrow 5\nclean");
	cap_fini(&c);
}

static void test_messages(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	cap_query(&d, 1);
	cap_put4(&c, &d, 4000, 53);
	cap_response(&d, 2);
	cap_put4(&c, &d, 53, 4000);
	d.len = 3;
	cap_put4(&c, &d, 53, 4000);
	expect(&c, "", "id response src_port dst_port transport",
	    "row 2|1|53|4000|17\nmessages_other=1\nmessages_tiny=1\nclean");
	expect(&c, "messages=responses", "id", "row 2\nmessages_other=1\nmessages_tiny=1\nclean");
	expect(&c, "messages=queries", "id response", "row 1|0\nmessages_other=1\nmessages_tiny=1\nclean");
	expect(&c, "messages=both", "id response", "row 1|0\nrow 2|1\nmessages_tiny=1\nclean");
	cap_fini(&c);
}

static void test_names(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	dns_begin(&d, 0x8180, 1, 1, 0, 0);
	dns_question(&d, "asked.example", 28);
	dns_name(&d, "told.example");
	dns_put(&d, "\0\1\0\1\0\0\0\x3C\0\4\xC0\0\2\7", 14);
	cap_put4(&c, &d, 53, 4000);
	expect(&c, "", "name type ttl a qname", "row told.example|1|60|192.0.2.7|asked.example\nclean");
	expect(&c, "names=question", "name type ttl a", "row asked.example|28|-|192.0.2.7\nclean");
	expect(&c, "names=record compat=none", "name type", "row told.example|1\nclean");
	cap_fini(&c);
}

/* ---- whose addresses ---- */

static void test_addresses(void **state)
{
	static const char names[] = "id src_addr dst_addr outer_src_addr";
	struct dns_build d;
	struct cap c;
	struct pk p;
	cap_begin(&c, 1);
	cap_response(&d, 1);
	cap_udp6(&p, &d, 53, 4000);
	pk_ethernet(&p, IPV6);
	cap_frame(&c, &p);
	cap_set_id(&d, 2);
	cap_udp6(&p, &d, 53, 4000);
	pk_ip4(&p, 41, 9, 0);
	pk_ethernet(&p, IPV4);
	cap_frame(&c, &p);
	cap_set_id(&d, 3);
	cap_udp4(&p, &d, 53, 4000);
	pk_ip4(&p, 4, 9, 0);
	pk_ethernet(&p, IPV4);
	cap_frame(&c, &p);
	cap_set_id(&d, 4);
	cap_udp4(&p, &d, 53, 4000);
	PK_RAW(&p, "\3\3\0\0\0\0\0\0");
	pk_ip4(&p, 1, 7, 0);
	pk_ethernet(&p, IPV4);
	cap_frame(&c, &p);
	expect(&c, "", names,
	    "row 1|2001:db8::1|2001:db8::1:1|-\nrow 2|2001:db8::1|2001:db8::1:1|10.0.0.9\nrow "
	    "3|10.0.0.1|10.0.1.1|10.0.0.9\n"
	    "messages_quoted=1\nclean");
	expect(&c, "compat=tshark", names,
	    "row 1|-|-|-\nrow 2|10.0.0.9|10.0.1.9|10.0.0.9\nrow 3|10.0.0.9|10.0.1.9|10.0.0.9\nrow "
	    "4|10.0.0.7|10.0.1.7|10.0.0.7\nclean");
	cap_fini(&c);
}

/* tshark asks the lower port first, and looks at what no port claims. */
static void test_ports_as_tshark(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	static const unsigned port[][2] = {{53, 4000}, {5353, 5353}, {5355, 40000}, {123, 5353}, {40000, 40001},
	    {161, 40000}, {5352, 53}, {40000, 2055}};
	for (unsigned i = 0; i < sizeof port / sizeof port[0]; i++) {
		cap_response(&d, (uint16_t)(i + 1));
		cap_put4(&c, &d, port[i][0], port[i][1]);
	}
	expect(&c, "compat=tshark", "id", "row 1\nrow 2\nrow 3\nrow 5\nrow 7\nclean");
	expect(&c, "compat=tshark ports=2055", "id", "row 1\nrow 2\nrow 3\nrow 5\nrow 7\nrow 8\nclean");
	cap_fini(&c);
}

/* ---- times ---- */

static void put_simple(struct writer *w, const struct dns_build *d)
{
	struct pk p;
	cap_udp4(&p, d, 53, 4000);
	pk_ethernet(&p, IPV4);
	size_t at = pk_block(w, false, 3);
	pk_u32(w, false, (uint32_t)p.size);
	writer_put(w, pk_bytes(&p), p.size);
	pk_block_end(w, false, at);
}

static void put_timed(struct writer *w, const struct dns_build *d, uint64_t seconds)
{
	struct pk p;
	cap_udp4(&p, d, 53, 4000);
	pk_ethernet(&p, IPV4);
	pk_enhanced(w, false, 0, seconds * 1000000, pk_bytes(&p), (uint32_t)p.size, (uint32_t)p.size);
}

/* A simple packet with a segment of TCP. */
static void put_segment(struct writer *w, const struct dns_build *d)
{
	struct pk p;
	pk_payload(&p, "");
	pk_raw(&p, d->bytes, d->len);
	pk_be16(&p, (unsigned)d->len);
	pk_tcp(&p, 53, 4000, 77, 0x18, 0);
	pk_ip4(&p, 6, 1, 0);
	pk_ethernet(&p, IPV4);
	size_t at = pk_block(w, false, 3);
	pk_u32(w, false, (uint32_t)p.size);
	writer_put(w, pk_bytes(&p), p.size);
	pk_block_end(w, false, at);
}

static void test_untimed_frames(void **state)
{
	struct dns_build d;
	struct writer w;
	writer_init(&w, 1 << 20);
	pk_section(&w, false);
	pk_interface(&w, false, 1, 0, NULL, 0);
	cap_response(&d, 1);
	put_simple(&w, &d);
	cap_set_id(&d, 2);
	put_timed(&w, &d, 1000);
	cap_set_id(&d, 3);
	put_simple(&w, &d);
	cap_set_id(&d, 4);
	put_segment(&w, &d);
	cap_set_id(&d, 5);
	put_timed(&w, &d, 900);
	expect_rows(&w, "", "id time frame_time frame_number", 0,
	    "row 1|1600000000|-|1\nrow 2|1000|1000|2\nrow 3|1000|-|3\nrow 4|1000|-|4\nrow "
	    "5|900|900|5\ntimes_absent=3\nclean");
	writer_fini(&w);
}

/* ---- malformed messages ---- */

static void test_malformed(void **state)
{
	struct dns_build d;
	struct cap c;
	char text[600];
	cap_begin(&c, 1);
	cap_response(&d, 1);
	cap_put4(&c, &d, 53, 4000);
	size_t frame = c.w.len - HEADER - RECORD;
	d.bytes[7] = 2; /* answers, of which one is there */
	cap_put4(&c, &d, 53, 4000);
	/* Cut inside the record, which is no fault of the message. */
	struct pk p;
	cap_response(&d, 3);
	cap_udp4(&p, &d, 53, 4000);
	pk_ethernet(&p, IPV4);
	pk_record(&c.w, false, CAP_SECOND + 3, 0, pk_bytes(&p), (uint32_t)p.size - 2, (uint32_t)p.size);
	snprintf(text, sizeof text,
	    "row 1|0|192.0.2.1|1\nrow 1|1|192.0.2.1|2\nrow 3|0|-|3\n"
	    "reject %zu+%zu 0 malformed DNS message in frame 2: fewer records than the header says, at its byte %zu\n"
	    "frames_cut=1\nmessages_cut=1\nmessages_malformed=1\nclean",
	    (size_t)HEADER + RECORD + frame, frame, d.len);
	expect(&c, "", "id malformed a frame_number", text);
	cap_fini(&c);
}

/* A capture that breaks off: every row before it, and where it broke. */
static void test_cut_capture(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	for (uint16_t id = 1; id <= 3; id++) {
		cap_response(&d, id);
		cap_put4(&c, &d, 53, 4000);
	}
	size_t record = (c.w.len - HEADER) / 3, cut = c.w.len - 10;
	char *got = cap_dump(c.w.bytes, cut, "", "id", 0), text[80];
	snprintf(text, sizeof text, "row 1\nrow 2\nreject %zu+%zu -1 ", HEADER + 2 * record, record - 10);
	assert_true(str_starts(got, text));
	assert_true(str_ends(got, "\nunclean"));
	mem_free(&got);
	cap_fini(&c);
}

/* ---- TCP ---- */

static void test_streams(void **state)
{
	static const char names[] = "id transport frame_number frame_len src_addr";
	struct dns_build d, stream = {.len = 0};
	struct cap c;
	cap_begin(&c, 1);
	for (uint16_t id = 1; id <= 3; id++) {
		cap_response(&d, id);
		dns_u16(&stream, (unsigned)d.len);
		dns_put(&stream, d.bytes, d.len);
	}
	size_t one = d.len + 2;
	uint32_t header = 14 + 20 + 20;
	/* Three in one segment; three over two; two of which the first never comes whole. */
	cap_segment(&c, 1, 1000, stream.bytes, 3 * one);
	cap_segment(&c, 2, 1000, stream.bytes, one + 5);
	cap_segment(&c, 2, 1000 + (uint32_t)one + 5, stream.bytes + one + 5, 2 * one - 5);
	cap_segment(&c, 3, 1000, stream.bytes, 5);
	cap_segment(&c, 3, 1000 + (uint32_t)one, stream.bytes + one, one);
	cap_put4(&c, &d, 4000, 123);
	char text[800];
	unsigned first = header + 3 * (unsigned)one, second = header + (unsigned)one + 5,
	         third = header + 2 * (unsigned)one - 5;
	snprintf(text, sizeof text,
	    "row 1|6|1|%u|10.0.0.1\nrow 2|6|1|%u|10.0.0.1\nrow 3|6|1|%u|10.0.0.1\n"
	    "row 1|6|2|%u|10.0.0.2\nrow 2|6|3|%u|10.0.0.2\nrow 3|6|3|%u|10.0.0.2\n"
	    "row 2|6|5|%u|10.0.0.3\nstreams_reordered=1\nstreams_lost_bytes=5\nclean",
	    first, first, first, second, third, third, header + (unsigned)one);
	expect(&c, "", names, text);
	expect_rows(&c.w, "", names, 1, text);
	cap_fini(&c);
}

/* ---- batches ---- */

static const char some[] = "id name a answers frame_number malformed src_addr";

static void expect_any_batch(const struct writer *w, const char *options, const char *names)
{
	static const uint32_t rows[] = {1, 2, 3, 100};
	char *whole = cap_dump(w->bytes, w->len, options, names, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect_rows(w, options, names, rows[i], whole);
	expect_rows(w, options, names, 0, whole);
	mem_free(&whole);
}

/* Rows, rejects and what is counted are the same whatever the batch; a batch holds 64 rejects, here are 150. */
static void test_batches(void **state)
{
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	for (uint16_t i = 0; i < 450; i++) {
		cap_response(&d, i);
		d.bytes[7] = i % 3 == 0 ? 2 : 1;
		cap_put4(&c, &d, 53, 4000);
	}
	for (uint32_t i = 0; i < 5; i++) {
		struct dns_build stream = {.len = 0};
		for (unsigned k = 0; k < 20; k++) {
			dns_u16(&stream, (unsigned)d.len);
			dns_put(&stream, d.bytes, d.len);
		}
		cap_segment(&c, i + 1, 1, stream.bytes, stream.len);
	}
	expect_any_batch(&c.w, "", some);
	expect_any_batch(&c.w, "compat=tshark", "id");
	char *got = cap_dump(c.w.bytes, c.w.len, "", "id", 0), *at = got;
	unsigned rows = 0, rejects = 0;
	for (; (at = strstr(at, "row ")) != NULL; at++)
		rows++;
	for (at = got; (at = strstr(at, "reject ")) != NULL; at++)
		rejects++;
	assert_int_equal(rows, 550);
	assert_int_equal(rejects, 150);
	assert_true(str_ends(got, "\nmessages_malformed=150\nclean"));
	mem_free(&got);
	cap_fini(&c);
}

/* Texts that fill a batch long before its rows do. */
static void test_full_arena(void **state)
{
	enum { MESSAGES = 160, STRING = 255, STRINGS = 24 };
	struct dns_build d;
	struct cap c;
	uint8_t data[STRINGS * (STRING + 1)];
	memset(data, 1, sizeof data);
	for (size_t i = 0; i < STRINGS; i++)
		data[i * (STRING + 1)] = STRING;
	cap_begin(&c, 1);
	for (uint16_t i = 0; i < MESSAGES; i++) {
		dns_answer(&d, 16, data, sizeof data);
		cap_set_id(&d, i);
		cap_put4(&c, &d, 53, 4000);
	}
	expect_any_batch(&c.w, "", "id answers questions");
	char *got = cap_dump(c.w.bytes, c.w.len, "", "answers id", 0), *at = got;
	assert_true(strlen(got) > 2 * (size_t)(2 << 20));
	for (unsigned i = 0; i < MESSAGES; i++) {
		char begin[200], end[20];
		snprintf(begin, sizeof begin, "row [{\"name\":\"www.example.com\",\"type\":\"TXT\",");
		snprintf(end, sizeof end, "}]|%u", i);
		assert_true(str_starts(at, begin));
		at = strchr(at, '\n');
		assert_memory_equal(at - strlen(end), end, strlen(end));
		at++;
	}
	assert_string_equal(at, "clean");
	mem_free(&got);
	cap_fini(&c);
}

/* ---- packed captures ---- */

static void test_packed(void **state)
{
	static const enum codec codec[] = {CODEC_GZIP, CODEC_ZSTD, CODEC_LZ4};
	struct dns_build d;
	struct cap c;
	cap_begin(&c, 1);
	for (uint16_t id = 0; id < 500; id++) {
		cap_response(&d, id);
		cap_put4(&c, &d, 53, 4000);
	}
	char *plain = cap_dump(c.w.bytes, c.w.len, "", some, 0);
	size_t room = c.w.len + 4096;
	uint8_t *packed = mem_alloc(room);
	for (size_t i = 0; i < sizeof codec / sizeof codec[0]; i++) {
		struct pack *p = pack_new();
		struct err e;
		size_t n = 0;
		if (codec[i] == CODEC_LZ4)
			n = LZ4F_compressFrame(packed, room, c.w.bytes, c.w.len, NULL);
		else
			assert_int_equal(pack_block(p, codec[i], 3, c.w.bytes, c.w.len, packed, room, &n, &e), RC_OK);
		assert_true(n > 0 && n < c.w.len / 2);
		char *got = cap_dump(packed, n, "", some, 0);
		assert_string_equal(got, plain);
		mem_free(&got);
		/* One that breaks off; of zstd and lz4 not even the first block, all there is, can be read. */
		got = cap_dump(packed, n - 20, "", some, 0);
		assert_true(codec[i] == CODEC_GZIP ? str_ends(got, "unclean") : str_starts(got, "bad: "));
		mem_free(&got);
		pack_free(&p);
	}
	mem_free(&packed);
	mem_free(&plain);
	cap_fini(&c);
}

/* ---- everything, and that damaged ---- */

static void test_everything(void **state)
{
	struct writer w;
	cap_everything(&w);
	char *got = cap_dump(w.bytes, w.len, "", "id", 0);
	/* 16 link types and one that is unknown, IPv6; tunnels without the ICMP error; a fragmented one; three over
	 * TCP; malformed, cut, untimed. */
	unsigned rows = 0;
	for (const char *at = got; (at = strstr(at, "row ")) != NULL; at++)
		rows++;
	assert_int_equal(rows, 16 + 1 + 9 + 1 + 3 + 3);
	const char *counters = strstr(got, "frames_cut=");
	assert_non_null(counters);
	assert_string_equal(counters, "frames_cut=1\ntimes_absent=1\nblocks_skipped=1\nlinks_unknown=1\ndatagrams_"
	                              "reassembled=1\nstreams_reordered=2\n"
	                              "streams_gaps=1\nmessages_quoted=1\nmessages_cut=1\nmessages_malformed=2\nclean");
	mem_free(&got);
	expect_any_batch(&w, "messages=both", some);
	writer_fini(&w);
}

static void test_damage(void **state)
{
	static const struct dissect_option tshark[] = {{"compat", "tshark"}, {"messages", "both"}};
	static const struct dissect_option any[] = {{"ports", "any"}, {"messages", "both"}};
	static const struct abuse how[] = {{.ops = &dissect_pcap_dns},
	    {.ops = &dissect_pcap_dns, .option = tshark, .options = 2},
	    {.ops = &dissect_pcap_dns, .option = any, .options = 2}};
	struct writer w;
	cap_everything(&w);
	for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
		abuse_cuts(&how[i], w.bytes, w.len, 300);
		abuse_flips(&how[i], w.bytes, w.len, 700);
		abuse_lengths(&how[i], w.bytes, w.len, 700);
		abuse_noise(&how[i], w.bytes, w.len, 200);
	}
	writer_fini(&w);
}

/* Frame after frame of the same kind, as many as 2 MiB hold: time stays linear and the memory bounded. */
static void test_repeats(void **state)
{
	static const struct abuse how = {.ops = &dissect_pcap_dns};
	struct dns_build d;
	struct cap c;
	for (int kind = 0; kind < 4; kind++) {
		cap_begin(&c, 1);
		cap_response(&d, 1);
		if (kind == 0) {
			cap_put4(&c, &d, 53, 4000);
		} else if (kind == 1) { /* a question that is all there is, and a header that claims more */
			d.bytes[5] = d.bytes[7] = 0xFF;
			cap_put4(&c, &d, 53, 4000);
		} else if (kind == 2) { /* a segment that always comes early */
			cap_segment(&c, 1, 0, d.bytes, 5);
			cap_segment(&c, 1, 100000, d.bytes, d.len);
		} else { /* the first of many fragments */
			struct pk p;
			cap_udp(&p, &d, 53, 4000);
			pk_ip4(&p, 17, 1, 0x2000);
			pk_ethernet(&p, IPV4);
			cap_frame(&c, &p);
		}
		struct abuse_count n =
		    abuse_repeats(&how, c.w.bytes, HEADER, c.w.bytes + HEADER, c.w.len - HEADER, 2 << 20);
		assert_true(n.counter[COUNT_FRAMES] > 1000);
		assert_true(kind > 1 || n.rows >= n.counter[COUNT_FRAMES] - 1);
		cap_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_options),
	    cmocka_unit_test(test_not_a_capture),
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_ports_as_tshark),
	    cmocka_unit_test(test_untimed_frames),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_cut_capture),
	    cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_full_arena),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_repeats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
