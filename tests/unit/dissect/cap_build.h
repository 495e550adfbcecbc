/*
 * cap_build: captures of DNS for tests of pcap-dns, and what comes out of them as text.
 *
 * Thread  one owner
 */
#ifndef TEST_CAP_BUILD_H
#define TEST_CAP_BUILD_H

#include "dns_build.h"
#include "pk_build.h"

enum { CAP_SECOND = 1700000000, CAP_ARCHIVED = 1600000000 };

/* pcap: frame n, from 1, has the time CAP_SECOND + n. */
struct cap {
	struct writer w;
	uint32_t frames;
};

void cap_begin(struct cap *c, uint32_t link);
void cap_fini(struct cap *c);
void cap_frame(struct cap *c, const struct pk *p);

/* "www.example.com" with one A record, 192.0.2.1. */
void cap_response(struct dns_build *d, uint16_t id);
void cap_query(struct dns_build *d, uint16_t id);
void cap_set_id(struct dns_build *d, uint16_t id);

/* The message in a datagram, and that in IPv4 from 10.0.0.1 or IPv6, and that in Ethernet. */
void cap_udp(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst);
void cap_udp4(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst);
void cap_udp6(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst);
void cap_put4(struct cap *c, const struct dns_build *d, unsigned src, unsigned dst);
/* A segment from 10.0.0.<host>:53. */
void cap_segment(struct cap *c, unsigned host, uint32_t seq, const void *bytes, size_t size);

/* Every link type, with tags and tunnels, fragments, TCP in and out of order, ICMP, frames that are cut, without a
 * time, malformed messages: pcapng. w is begun here. */
void cap_everything(struct writer *w);

/*
 * One line each: "row " and the fields that names lists (blank between), joined by '|', null as "-"; "reject
 * offset+length rows reason"; counters that are not zero, all but frames and messages; "clean", "unclean" or "bad:
 * why". options: "key=value" with blanks between. rows: of a batch, 0 the dissector's choice. The caller's to free
 * (mem_free). Checks the batches.
 */
char *cap_dump(const void *bytes, size_t size, const char *options, const char *names, uint32_t rows);

#endif
