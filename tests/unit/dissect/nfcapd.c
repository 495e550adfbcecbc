/* What a good nfcapd file says: every field of both record forms, every codec, the derived fields, and reading in
 * pieces. */
#include "nf_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <lzo/lzoconf.h>

#include "base/mem.h"
#include "dissect/nfcapd/fields.h"
#include "dissect/nfcapd/nfcapd.h"

static void expect(struct nf *f, const char *const *names, const char *text)
{
	char *got = nf_dump(f->file.bytes, f->file.len, names, 0, 0);
	assert_string_equal(got, text);
	mem_free(&got);
}

/* clang-format off */

/* Every element of section "New flow record", each with its own values. */
static void put_every_element(struct nf *f)
{
	size_t at;
	nf_flow(f, 3, 1 | 2);
	nf_generic(f, NF_MS, NF_MS + 1500, NF_MS + 2000, 5);
	nf_ip4(f, 2, 0x0A010203, 0xC0000201);
#define ELEMENT(id, ...) \
	at = nf_element(f, id); \
	__VA_ARGS__; \
	nf_element_end(f, at)
	ELEMENT(4, nf_u32(f, 70000), nf_u32(f, 4000000000u), nf_raw(f, "\x18\x10\x01\x0A\x02\x03\x12\0", 8));
	ELEMENT(5, nf_u64(f, 0), nf_u64(f, 11), nf_u64(f, 1100));
	ELEMENT(6, nf_u32(f, 21), nf_u32(f, 22));
	ELEMENT(7, nf_u32(f, 64500), nf_u32(f, 4200000000u));
	ELEMENT(8, nf_u32(f, 0x0A0000FE));
	ELEMENT(11, nf_u64(f, 0x20010DB800000000), nf_u64(f, 1));
	ELEMENT(12, nf_u32(f, 0x7F000001));
	ELEMENT(13, nf_u64(f, 0), nf_u64(f, 0x7F000001));
	ELEMENT(14, for (unsigned i = 1; i <= 10; i++) nf_u32(f, i << 4 | 3));
	ELEMENT(15, nf_u64(f, 1), nf_u64(f, 2), nf_u64(f, 3), nf_u64(f, 0xAABBCCDDEEFF));
	ELEMENT(16, nf_u32(f, 16), nf_u32(f, 17));
	ELEMENT(17, nf_u64(f, 171), nf_u64(f, 172), nf_u64(f, 173));
	ELEMENT(18, nf_u64(f, 18), nf_u16(f, 19), nf_raw(f, "\0\0\0\0\0", 6));
	ELEMENT(19, nf_u64(f, NF_MS + 7), nf_u32(f, 190), nf_u16(f, 191), nf_u8(f, 192), nf_u8(f, 0));
	ELEMENT(20, nf_u32(f, 0x01020304), nf_u32(f, 0x05060708));
	ELEMENT(22, nf_u16(f, 2201), nf_u16(f, 2202));
	ELEMENT(23, for (unsigned i = 1; i <= 6; i++) nf_u32(f, i << 24));
	ELEMENT(24, nf_raw(f, "alice", 6), nf_raw(f, "12345678901234567890123456789012345678901234567890123456789012", 62));
	ELEMENT(25, nf_u64(f, NF_MS + 8), nf_u32(f, 250), nf_u8(f, 251), nf_raw(f, "\0\0", 3));
	ELEMENT(26, nf_u16(f, 261), nf_u16(f, 262), nf_u16(f, 263), nf_u16(f, 264));
	ELEMENT(27, nf_raw(f, "\x0D" "app", 4));
	ELEMENT(28, nf_raw(f, "label\0\0", 8));
	ELEMENT(29, nf_raw(f, "GET /", 5));
	ELEMENT(30, nf_raw(f, "HTTP", 4));
	ELEMENT(31, nf_u32(f, 0x0B000001), nf_u32(f, 0x0B000002), nf_u32(f, 47));
	ELEMENT(33, nf_u64(f, 331), nf_u32(f, 332), nf_u32(f, 0));
	ELEMENT(34, nf_raw(f, "eth0", 5));
	ELEMENT(35, nf_raw(f, "red", 4));
	ELEMENT(36, nf_u32(f, 361), nf_u32(f, 362));
	ELEMENT(37, nf_raw(f, "\1\2\3\4", 4), nf_u32(f, 371), nf_u32(f, 372), nf_u32(f, 373), nf_u32(f, 374), nf_raw(f, "em1", 4));
	ELEMENT(38, nf_u16(f, 381), nf_u16(f, 382), nf_u16(f, 383), nf_u16(f, 384), nf_u32(f, 385), nf_u32(f, 386), nf_u64(f, 387),
	    nf_u16(f, 0x0800), nf_u8(f, 4), nf_raw(f, "\0\0\0\0", 5));
	ELEMENT(39, nf_u64(f, 390));
	ELEMENT(40, nf_u16(f, 401), nf_u16(f, 402));
	ELEMENT(41, nf_raw(f, "sub", 4));
	ELEMENT(42, nf_raw(f, "\0\x40\x3F\x41", 4));
	ELEMENT(99, nf_u32(f, 1));
#undef ELEMENT
	nf_record_end(f);
}

static const char every_element[] =
    "row time=1700000002000ms duration=1.5 received=1700000002000ms first=1700000000000ms last=1700000001500ms "
    "event_time=1700000000007ms src_addr=10.1.2.3 dst_addr=192.0.2.1 src_port=1005 dst_port=53 proto=17 tcp_flags=27 fwd_status=64 "
    "src_tos=7 in_packets=5 in_bytes=500 out_packets=11 out_bytes=1100 flows=1 input_if=70000 output_if=4000000000 src_mask=24 "
    "dst_mask=16 direction=1 dst_tos=10 biflow_dir=2 end_reason=3 rev_tcp_flags=18 src_vlan=21 dst_vlan=22 src_as=64500 "
    "dst_as=4200000000 next_as=16 prev_as=17 bgp_next_hop=10.0.0.254 next_hop=2001:db8:0:0:0:0:0:1 exporter_addr=127.0.0.1 "
    "exporter_id=3 exporter_source=4711 exporter_version=9 engine_type=1 engine_id=2 record_flags=3 nf_version=9 mpls_1=19 mpls_2=35 "
    "mpls_3=51 mpls_4=67 mpls_5=83 mpls_6=99 mpls_7=115 mpls_8=131 mpls_9=147 mpls_10=163 in_src_mac=1 out_dst_mac=2 in_dst_mac=3 "
    "out_src_mac=187723572702975 client_latency=171 server_latency=172 app_latency=173 sampler_id=18 sampler_exporter=19 "
    "conn_id=190 fw_event=192 fw_xevent=191 xlate_src_addr=1.2.3.4 xlate_dst_addr=5.6.7.8 xlate_src_port=2201 xlate_dst_port=2202 "
    "acl_in_1=1 acl_in_2=2 acl_in_3=3 acl_out_1=4 acl_out_2=5 acl_out_3=6 user='alice' nat_event=251 nat_pool=250 egress_vrf=361 "
    "ingress_vrf=362 block_start=261 block_end=262 block_step=263 block_size=264 app_id='\x0D" "app' label='label' in_payload='GET /' "
    "out_payload='HTTP' tunnel_src=11.0.0.1 tunnel_dst=11.0.0.2 tunnel_proto=47 observation_point=331 observation_domain=332 "
    "if_name='eth0' vrf_name='red' pf_action=1 pf_reason=2 pf_dir=3 pf_rewritten=4 pf_rule=371 pf_subrule=372 pf_uid=373 pf_pid=374 "
    "pf_if_name='em1' vlan=381 customer_vlan=382 post_vlan=383 post_customer_vlan=384 phys_input_if=385 phys_output_if=386 vxlan=387 "
    "ether_type=2048 ip_version=4 flow_id=390 in_service=401 out_service=402 nat_string='sub' ip_fragment=64 min_ttl=63 max_ttl=65\n";

static void test_every_element(void **state)
{
	static const enum codec codec[] = {CODEC_NONE, CODEC_LZO, CODEC_BZ2, CODEC_LZ4, CODEC_ZSTD};
	for (size_t i = 0; i < sizeof codec / sizeof *codec; i++) {
		struct nf f;
		char text[sizeof every_element + 64];
		nf_begin(&f, 2, codec[i]);
		nf_exporter(&f, 3, 0x0A0A0A0A);
		put_every_element(&f);
		nf_block_end(&f, -1);
		nf_end(&f, 1, 500 + 1100, 5 + 11, 0);
		snprintf(text, sizeof text, "%sunknown_elements=1\nclean\n", every_element);
		expect(&f, NULL, text);
		nf_fini(&f);
	}
}

/* Elements of IPv6, and the forms that changed with the writer's version. */
static void test_other_forms(void **state)
{
	static const char *const names[] = {"src_addr", "dst_addr", "src_addr_6", "bgp_next_hop", "exporter_addr", "xlate_src_addr", "xlate_dst_addr",
	    "sampler_id", "sampler_interval", "sampler_mode", "sampler_exporter", "event_time", "egress_vrf", "ingress_vrf", "nat_pool", "nat_event",
	    "tunnel_src", "tunnel_dst", "tunnel_proto", "frame_size", "frame_link", "frame", "if_name", NULL};
	struct nf f;
	size_t at;
	nf_begin(&f, 2, CODEC_NONE);
	memcpy(f.file.bytes + 4, "\x00\x08\x07\xF1", 4);
	nf_flow(&f, 1, 0);
#define SIX(low) nf_u64(&f, 0x20010DB800000000), nf_u64(&f, low)
#define ELEMENT(id, ...) \
	at = nf_element(&f, id); \
	__VA_ARGS__; \
	nf_element_end(&f, at)
	ELEMENT(3, SIX(1), SIX(2));
	ELEMENT(9, SIX(9));
	ELEMENT(13, SIX(13));
	ELEMENT(21, SIX(21), SIX(22));
	ELEMENT(18, nf_u32(&f, UINT32_MAX), nf_u32(&f, 100), nf_u16(&f, 2), nf_u16(&f, 4));
	ELEMENT(25, nf_u64(&f, NF_MS), nf_u32(&f, 1), nf_u32(&f, 2), nf_u32(&f, 3), nf_u32(&f, 4));
	ELEMENT(32, SIX(32), SIX(33), nf_u32(&f, 41), nf_u32(&f, 0));
	ELEMENT(34, nf_u16(&f, 1500), nf_u16(&f, 11));
	ELEMENT(35, nf_raw(&f, "frame", 5));
	nf_record_end(&f);
	/* Elements of both families: the IPv4 one, unless it is zero as a whole. */
	nf_flow(&f, 1, 0);
	ELEMENT(3, SIX(1), SIX(2));
	ELEMENT(2, nf_u32(&f, 0), nf_u32(&f, UINT32_MAX));
	ELEMENT(8, nf_u32(&f, 0));
	ELEMENT(9, SIX(9));
	nf_record_end(&f);
	nf_flow(&f, 1, 0);
	ELEMENT(2, nf_u32(&f, 0), nf_u32(&f, 0));
	ELEMENT(3, SIX(1), SIX(2));
	/* Too short for any of its fields. */
	ELEMENT(21, nf_u32(&f, 1));
	nf_record_end(&f);
#undef ELEMENT
#undef SIX
	nf_block_end(&f, -1);
	nf_end(&f, 3, 0, 0, 0);
	expect(&f, names,
	    "row src_addr=2001:db8:0:0:0:0:0:1 dst_addr=2001:db8:0:0:0:0:0:2 src_addr_6=2001:db8:0:0:0:0:0:1 "
	    "bgp_next_hop=2001:db8:0:0:0:0:0:9 exporter_addr=2001:db8:0:0:0:0:0:d xlate_src_addr=2001:db8:0:0:0:0:0:15 "
	    "xlate_dst_addr=2001:db8:0:0:0:0:0:16 sampler_id=-1 sampler_interval=100 sampler_mode=2 sampler_exporter=4 "
	    "event_time=1700000000000ms egress_vrf=1 ingress_vrf=2 nat_pool=3 nat_event=4 tunnel_src=2001:db8:0:0:0:0:0:20 "
	    "tunnel_dst=2001:db8:0:0:0:0:0:21 tunnel_proto=41 frame_size=1500 frame_link=11 frame='frame'\n"
	    "row src_addr=0.0.0.0 dst_addr=255.255.255.255 src_addr_6=2001:db8:0:0:0:0:0:1 bgp_next_hop=2001:db8:0:0:0:0:0:9\n"
	    "row src_addr=2001:db8:0:0:0:0:0:1 dst_addr=2001:db8:0:0:0:0:0:2 src_addr_6=2001:db8:0:0:0:0:0:1\n"
	    "clean\n");
	nf_fini(&f);
}

static void put_map(struct nf *f, unsigned number, const uint16_t *id, size_t n)
{
	nf_record(f, 2);
	nf_u16(f, number);
	nf_u16(f, 0);
	for (size_t i = 0; i < n; i++)
		nf_u16(f, id[i]);
	nf_u16(f, 0);
	nf_record_end(f);
}

/* The head of an old record, up to its addresses. */
static void put_old(struct nf *f, unsigned type, unsigned flags, unsigned map)
{
	nf_record(f, type);
	nf_u8(f, flags);
	nf_u8(f, 5);
	nf_u16(f, map);
	nf_u16(f, 250);
	nf_u16(f, 750);
	nf_u32(f, NF_T0);
	nf_u32(f, NF_T0 + 1);
	nf_raw(f, "\x40\x1B\x06\x08", 4);
	nf_u16(f, 1024);
	nf_u16(f, 80);
	if (type == 10) {
		nf_u16(f, 77);
		nf_u8(f, 1);
		nf_u8(f, 2);
	}
}

static void put_old4(struct nf *f, unsigned type, unsigned flags, unsigned map)
{
	put_old(f, type, flags, map);
	nf_u32(f, 0x0A000001);
	nf_u32(f, 0x0A000002);
	nf_u32(f, 10);
	nf_u32(f, 1000);
}

static void test_every_extension(void **state)
{
	static const uint16_t narrow[] = {4, 6, 8, 9, 11, 13, 14, 16, 18, 20, 21, 22, 23, 25, 26, 27, 37, 38, 39, 41, 42, 45, 46, 48};
	static const uint16_t wide[] = {5, 7, 10, 12, 15, 17, 19, 24, 40, 43};
	struct nf f;
	nf_begin(&f, 1, CODEC_NONE);
	put_map(&f, 1, narrow, sizeof narrow / sizeof *narrow);
	put_map(&f, 2, wide, sizeof wide / sizeof *wide);
	put_old4(&f, 10, 64 | 128, 1);
	nf_u16(&f, 41), nf_u16(&f, 42);                                                    /* 4 */
	nf_u16(&f, 61), nf_u16(&f, 62);                                                    /* 6 */
	nf_raw(&f, "\x01\x01\x18\x10", 4);                                                 /* 8 */
	nf_u32(&f, 0x09000000), nf_u32(&f, 0x0B000000);                                    /* 9, 11 */
	nf_u16(&f, 131), nf_u16(&f, 132);                                                  /* 13 */
	nf_u32(&f, 140), nf_u32(&f, 160), nf_u32(&f, 0);                                   /* 14, 16, 18 */
	nf_u64(&f, 201), nf_u64(&f, 202), nf_u64(&f, 211), nf_u64(&f, 212);                /* 20, 21 */
	for (unsigned i = 1; i <= 10; i++)                                                 /* 22 */
		nf_u32(&f, i);
	nf_u32(&f, 0x17000000);                                                            /* 23 */
	nf_raw(&f, "\0\0\x05\x06", 4);                                                     /* 25 */
	nf_u32(&f, 261), nf_u32(&f, 262);                                                  /* 26 */
	nf_u64(&f, NF_MS + 3000);                                                          /* 27 */
	nf_u64(&f, NF_MS + 5), nf_u32(&f, 371), nf_u16(&f, 372), nf_u8(&f, 3), nf_u8(&f, 0), nf_u16(&f, 373), nf_u16(&f, 374);
	nf_u16(&f, 381), nf_u16(&f, 382);                                                  /* 38 */
	nf_u32(&f, 0x27000000), nf_u32(&f, 0x27000001);                                    /* 39 */
	for (unsigned i = 1; i <= 6; i++)                                                  /* 41 */
		nf_u32(&f, 410 + i);
	nf_raw(&f, "bob\0                   ", 24);                                        /* 42 */
	nf_u64(&f, 451), nf_u64(&f, 452), nf_u64(&f, 453);                                 /* 45 */
	nf_raw(&f, "\x01\x02\0", 4), nf_u32(&f, 461), nf_u32(&f, 462);                     /* 46 */
	nf_u16(&f, 481), nf_u16(&f, 482), nf_u16(&f, 483), nf_u16(&f, 484);                /* 48 */
	nf_record_end(&f);
	put_old(&f, 10, 1 | 2 | 4, 2);
	for (unsigned i = 0; i < 2; i++)
		nf_u64(&f, 0x20010DB800000000), nf_u64(&f, i);
	nf_u64(&f, UINT64_C(1) << 40), nf_u64(&f, UINT64_C(1) << 41);
	nf_u32(&f, 51), nf_u32(&f, 52), nf_u32(&f, 71), nf_u32(&f, 72);
	nf_u64(&f, 0), nf_u64(&f, 10), nf_u64(&f, 0), nf_u64(&f, 12);
	nf_u64(&f, 150), nf_u64(&f, 170), nf_u64(&f, 190);
	nf_u64(&f, 0), nf_u64(&f, 24);
	for (unsigned i = 0; i < 2; i++)
		nf_u64(&f, 0), nf_u64(&f, 40 + i);
	nf_raw(&f, "carol\0                                                                  ", 72);
	nf_u32(&f, 0); /* slack */
	nf_record_end(&f);
	nf_block_end(&f, -1);
	nf_end(&f, 2, 1000 + (UINT64_C(1) << 41), 10 + (UINT64_C(1) << 40), 9);
	expect(&f, NULL,
	    "row time=1700000003000ms duration=1.5 received=1700000003000ms first=1700000000250ms last=1700000001750ms event_time=1700000000005ms "
	    "src_addr=10.0.0.1 dst_addr=10.0.0.2 src_port=1024 dst_port=80 proto=6 tcp_flags=27 fwd_status=64 src_tos=8 in_packets=10 "
	    "in_bytes=1000 out_packets=140 out_bytes=160 flows=1 input_if=41 output_if=42 src_mask=24 dst_mask=16 direction=1 dst_tos=1 "
	    "biflow_dir=1 end_reason=2 src_vlan=131 dst_vlan=132 src_as=61 dst_as=62 next_as=261 prev_as=262 bgp_next_hop=11.0.0.0 next_hop=9.0.0.0 "
	    "exporter_addr=23.0.0.0 exporter_id=77 engine_type=5 engine_id=6 record_flags=3 nf_version=5 mpls_1=1 mpls_2=2 mpls_3=3 mpls_4=4 "
	    "mpls_5=5 mpls_6=6 mpls_7=7 mpls_8=8 mpls_9=9 mpls_10=10 in_src_mac=201 out_dst_mac=202 in_dst_mac=211 out_src_mac=212 "
	    "client_latency=451 server_latency=452 app_latency=453 conn_id=371 fw_event=3 fw_xevent=373 sgt=374 nsel_icmp=372 "
	    "xlate_src_addr=39.0.0.0 xlate_dst_addr=39.0.0.1 xlate_src_port=381 xlate_dst_port=382 acl_in_1=411 acl_in_2=412 acl_in_3=413 "
	    "acl_out_1=414 acl_out_2=415 acl_out_3=416 user='bob' nat_event=1 nat_flags=2 egress_vrf=461 ingress_vrf=462 block_start=481 "
	    "block_end=482 block_step=483 block_size=484\n"
	    "row time=1700000001750ms duration=1.5 first=1700000000250ms last=1700000001750ms src_addr=2001:db8:0:0:0:0:0:0 "
	    "dst_addr=2001:db8:0:0:0:0:0:1 src_addr_6=2001:db8:0:0:0:0:0:0 dst_addr_6=2001:db8:0:0:0:0:0:1 src_port=1024 dst_port=80 proto=6 "
	    "tcp_flags=27 fwd_status=64 src_tos=8 in_packets=1099511627776 in_bytes=2199023255552 out_packets=150 out_bytes=170 flows=190 input_if=51 "
	    "output_if=52 biflow_dir=1 end_reason=2 src_as=71 dst_as=72 bgp_next_hop=0:0:0:0:0:0:0:c next_hop=0:0:0:0:0:0:0:a "
	    "exporter_addr=0:0:0:0:0:0:0:18 exporter_id=77 record_flags=0 nf_version=5 xlate_src_addr=0:0:0:0:0:0:0:28 "
	    "xlate_dst_addr=0:0:0:0:0:0:0:29 user='carol'\n"
	    "sequence_failures=9\ntime_from_last=1\nclean\n");
	nf_fini(&f);
}

/* clang-format on */

static void test_maps(void **state)
{
	static const char *const names[] = {"src_port", "input_if", "src_as", "exporter_id", NULL};
	static const uint16_t one[] = {5}, other[] = {7}, odd[] = {5, 47, 7};
	struct nf f;
	nf_begin(&f, 1, CODEC_LZO);
	put_map(&f, 1, one, 1);
	put_old4(&f, 10, 0, 1);
	nf_u32(&f, 5), nf_u32(&f, 6);
	nf_record_end(&f);
	/* The same number means something else from here on. */
	put_map(&f, 1, other, 1);
	put_old4(&f, 10, 0, 1);
	nf_u32(&f, 7), nf_u32(&f, 8);
	nf_record_end(&f);
	/* An unknown extension hides what follows it. */
	put_map(&f, 2, odd, 3);
	put_old4(&f, 1, 0, 2);
	for (unsigned i = 0; i < 6; i++)
		nf_u32(&f, 9 + i);
	nf_record_end(&f);
	put_old4(&f, 10, 0, 4711);
	nf_record_end(&f);
	put_old4(&f, 10, 0, 1);
	nf_record_end(&f);
	nf_block_end(&f, -1);
	nf_end(&f, 3, 3000, 30, 0);
	char *got = nf_dump(f.file.bytes, f.file.len, names, 0, 0);
	char text[400];
	snprintf(text, sizeof text,
	    "row src_port=1024 input_if=5 exporter_id=77\nrow src_port=1024 src_as=7 exporter_id=77\n"
	    "row src_port=1024 input_if=9 exporter_id=5\n"
	    "reject at 276 length %zu rows 2: flows name extension map 4711, which is missing\n"
	    "unknown_elements=2\nmaps_missing=1\nclean\n",
	    f.file.len - 276);
	assert_string_equal(got, text);
	mem_free(&got);
	nf_fini(&f);
}

static void put_times(struct nf *f, uint64_t first, uint64_t last, uint64_t received, uint64_t event)
{
	nf_flow(f, 1, 0);
	nf_generic(f, first, last, received, 0);
	if (event != 0) {
		size_t at = nf_element(f, 19);
		nf_u64(f, event);
		nf_u64(f, 0);
		nf_element_end(f, at);
	}
	nf_record_end(f);
}

static void test_times(void **state)
{
	static const char *const names[] = {"time", "duration", "first", "last", "received", "event_time", NULL};
	const uint64_t far = UINT64_C(4294967296000);
	struct nf f;
	nf_begin(&f, 2, CODEC_NONE);
	put_times(&f, NF_MS, NF_MS + 1, NF_MS + 2, NF_MS + 3);
	put_times(&f, NF_MS, NF_MS + 1, 0, NF_MS + 3);
	put_times(&f, NF_MS, NF_MS + 1, far, 0);
	put_times(&f, NF_MS, 0, 0, 0);
	put_times(&f, 0, 0, UINT64_MAX, 0);
	put_times(&f, NF_MS + 5, NF_MS, far - 1, 0);
	nf_flow(&f, 1, 0);
	nf_ip4(&f, 2, 1, 2);
	nf_record_end(&f);
	nf_block_end(&f, -1);
	nf_end(&f, 7, 0, 0, 0);
	expect(&f, names,
	    "row time=1700000000002ms duration=0.001 first=1700000000000ms last=1700000000001ms "
	    "received=1700000000002ms event_time=1700000000003ms\n"
	    "row time=1700000000003ms duration=0.001 first=1700000000000ms last=1700000000001ms "
	    "event_time=1700000000003ms\n"
	    "row time=1700000000001ms duration=0.001 first=1700000000000ms last=1700000000001ms\n"
	    "row time=1700000000000ms duration=0 first=1700000000000ms\n"
	    "row time=1700000000000ms duration=0\n"
	    "row time=4294967295999ms duration=0 first=1700000000005ms last=1700000000000ms received=4294967295999ms\n"
	    "row time=1700000000000ms duration=0\n"
	    "time_from_event=1\ntime_from_last=1\ntime_from_first=1\ntime_from_slot=2\nduration_negative=1\nduration_"
	    "open=3\nclean\n");
	nf_fini(&f);
}

/* An exporter record counts for the flows after it; each way of storing its address. */
static void test_exporters(void **state)
{
	static const char *const names[] = {"exporter_addr", "exporter_source", "exporter_version", NULL};
	static const uint8_t mapped[16] = {[10] = 0xFF, 0xFF, 10, 0, 0, 9};
	struct nf f;
	nf_begin(&f, 2, CODEC_LZ4);
	for (int i = 0; i < 4; i++) {
		nf_flow(&f, 5, 0);
		nf_ip4(&f, 2, 1, 2);
		nf_record_end(&f);
		if (i == 0) {
			nf_exporter(&f, 5, 0x0A000007);
		} else {
			nf_record(&f, 7);
			nf_u32(&f, 10);
			if (i == 1)
				nf_u64(&f, 0x20010DB800000000), nf_u64(&f, 8);
			else
				nf_raw(&f, mapped, 16);
			nf_u16(&f, i == 1 ? 10 : 0);
			nf_u16(&f, 5);
			nf_u32(&f, 1);
			nf_record_end(&f);
		}
	}
	nf_block_end(&f, -1);
	nf_end(&f, 4, 0, 0, 0);
	expect(&f, names,
	    "row\nrow exporter_addr=10.0.0.7 exporter_source=4711 exporter_version=9\n"
	    "row exporter_addr=2001:db8:0:0:0:0:0:8 exporter_source=1 exporter_version=10\n"
	    "row exporter_addr=10.0.0.9 exporter_source=1 exporter_version=10\n"
	    "exporter_by_record=3\nclean\n");
	nf_fini(&f);
}

/* Many kinds of records after each other, more than there are plans, must come out in order and in any size of pieces
 * and batches. */
static void test_mixed_kinds(void **state)
{
	static const char *const names[] = {"src_port", "src_addr", "in_payload", "label", "time", NULL};
	struct nf f;
	nf_begin(&f, 2, CODEC_NONE);
	for (unsigned i = 0; i < 3000; i++) {
		char payload[400];
		memset(payload, 'a' + (int)(i % 26), sizeof payload);
		nf_flow(&f, 1, 0);
		nf_generic(&f, NF_MS, NF_MS, NF_MS + i, i);
		if (i % 3 == 0)
			nf_ip4(&f, 2, 0x0A000000 + i, 1);
		if (i % 5 != 0) {
			size_t at = nf_element(&f, i % 2 ? 28 : 29);
			nf_raw(&f, payload, i * 7 % 397);
			nf_element_end(&f, at);
		}
		nf_record_end(&f);
		if (i % 500 == 499)
			nf_block_end(&f, -1);
	}
	nf_end(&f, 3000, UINT64_C(100) * 2999 * 3000 / 2, UINT64_C(2999) * 3000 / 2, 0);
	char *whole = nf_dump(f.file.bytes, f.file.len, names, 0, 0);
	const char *line = whole;
	for (unsigned i = 0; i < 3000; i++) {
		char begin[64];
		snprintf(begin, sizeof begin, i % 3 == 0 ? "row src_port=%u src_addr=10.0.%u.%u" : "row src_port=%u",
		    (1000 + i) & 0xFFFF, i >> 8, i & 255);
		assert_memory_equal(line, begin, strlen(begin));
		line = strchr(line, '\n') + 1;
	}
	assert_string_equal(line, "clean\n");
	static const size_t piece[] = {1, 13, 4096, 70000};
	static const uint32_t rows[] = {1, 7, 255, 16384};
	for (size_t i = 0; i < 4; i++) {
		char *again = nf_dump(f.file.bytes, f.file.len, names, piece[i], rows[i]);
		assert_string_equal(again, whole);
		mem_free(&again);
	}
	mem_free(&whole);
	nf_fini(&f);
}

static void test_empty_and_odd_records(void **state)
{
	static const char *const names[] = {"src_addr", NULL};
	for (int layout = 1; layout <= 2; layout++) {
		struct nf f;
		nf_begin(&f, layout, CODEC_NONE);
		nf_end(&f, 0, 0, 0, 0);
		expect(&f, names, "clean\n");
		nf_fini(&f);
	}
	struct nf f;
	nf_begin(&f, 2, CODEC_NONE);
	nf_flows(&f, 1, 1);
	for (unsigned type = 12; type <= 17; type++) {
		nf_record(&f, type == 17 ? 256 : type);
		nf_u32(&f, 0);
		nf_record_end(&f);
	}
	nf_record(&f, 4711);
	nf_record_end(&f);
	nf_flows(&f, 2, 1);
	nf_block_end(&f, -1);
	/* An array block has its own insides. */
	size_t at = f.file.len;
	writer_put(&f.file, "\x01\0\0\0\x08\0\0\0\x04\0\0\0arrayarr", 20);
	assert_int_equal(f.file.len, at + 20);
	f.blocks++;
	/* Counted both ways, and the file says three. */
	nf_end(&f, 3, 500, 5, 42);
	expect(&f, names,
	    "row src_addr=10.0.0.1\nrow "
	    "src_addr=10.0.0.2\nsequence_failures=42\nstat_mismatch=1\nunknown_records=2\nclean\n");
	nf_fini(&f);
}

static void test_aggregated_statistics(void **state)
{
	static const char *const names[] = {"flows", NULL};
	struct nf f;
	nf_begin(&f, 2, CODEC_NONE);
	for (unsigned i = 0; i < 2; i++) {
		nf_flow(&f, 1, 0);
		nf_generic(&f, NF_MS, NF_MS, NF_MS, 1);
		size_t at = nf_element(&f, 5);
		nf_u64(&f, 3 * i), nf_u64(&f, 2), nf_u64(&f, 50);
		nf_element_end(&f, at);
		nf_record_end(&f);
	}
	nf_block_end(&f, -1);
	nf_end(&f, 4, 300, 6, 0);
	expect(&f, names, "row flows=1\nrow flows=3\nclean\n");
	nf_fini(&f);
}

static void test_options(void **state)
{
	struct dissect_option option = {"speed", "fast"};
	struct dissect_params params = {.option = &option, .options = 1};
	struct dissect_hints hints = {.name = "x"};
	struct dissector *d = NULL;
	struct err e;
	assert_int_equal(dissect_open(&dissect_nfcapd, source_memory("", 0), &hints, &params, &d, &e), RC_BAD);
	assert_non_null(strstr(e.text, "speed"));
	dissect_close(&d);
}

/* The look-up of a field's places takes them for one run of the table, and a load for one that fits the type. */
static void test_places_stand_together(void **state)
{
	unsigned seen[NFCAPD_FIELD_COUNT] = {0};
	for (unsigned i = 0; i < nfcapd_places; i++) {
		const struct place *p = &nfcapd_place[i];
		if (i > 0 && p->field != nfcapd_place[i - 1].field)
			assert_int_equal(seen[p->field], 0);
		seen[p->field]++;
		static const enum type type[] = {[LOAD_U8] = TYPE_U32,
		    [LOAD_U16] = TYPE_U32,
		    [LOAD_U32] = TYPE_U32,
		    [LOAD_BE32] = TYPE_U32,
		    [LOAD_OLD_FLAGS] = TYPE_U32,
		    [LOAD_WIDE32] = TYPE_U64,
		    [LOAD_U64] = TYPE_U64,
		    [LOAD_INT32] = TYPE_I64,
		    [LOAD_FLOWS32] = TYPE_U64,
		    [LOAD_FLOWS64] = TYPE_U64,
		    [LOAD_MS] = TYPE_TIME,
		    [LOAD_OLD_FIRST] = TYPE_TIME,
		    [LOAD_OLD_LAST] = TYPE_TIME,
		    [LOAD_IP4] = TYPE_IP,
		    [LOAD_IP6] = TYPE_IP,
		    [LOAD_BYTES] = TYPE_BYTES,
		    [LOAD_TEXT] = TYPE_BYTES};
		bool wide = p->load == LOAD_U64 && nfcapd_field[p->field].type == TYPE_I64;
		assert_true(wide || type[p->load] == nfcapd_field[p->field].type);
	}
	for (unsigned f = 0; f < NFCAPD_FIELD_COUNT; f++)
		for (unsigned g = 0; g < f; g++)
			assert_string_not_equal(nfcapd_field[f].name, nfcapd_field[g].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_element),
	    cmocka_unit_test(test_other_forms),
	    cmocka_unit_test(test_every_extension),
	    cmocka_unit_test(test_maps),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_exporters),
	    cmocka_unit_test(test_mixed_kinds),
	    cmocka_unit_test(test_empty_and_odd_records),
	    cmocka_unit_test(test_aggregated_statistics),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_places_stand_together),
	};
	return lzo_init() != LZO_E_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
