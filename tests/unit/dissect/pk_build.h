/* pk_build: packets and captures made by hand for tests. A packet grows from its payload outwards: each call puts a
 * header in front of what is there. */
#ifndef PK_BUILD_H
#define PK_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

enum { PK_MAX = 8192 };

struct pk {
	uint8_t room[PK_MAX];
	size_t size; /* at the end of room */
};

static inline const uint8_t *pk_bytes(const struct pk *p)
{
	return p->room + PK_MAX - p->size;
}

void pk_payload(struct pk *p, const char *text); /* begins anew */
void pk_raw(struct pk *p, const void *bytes, size_t size);
#define PK_RAW(p, literal) pk_raw(p, literal, sizeof literal - 1)
void pk_tail(struct pk *p, size_t n); /* n bytes of 0xEE behind it */
void pk_be16(struct pk *p, unsigned v);

void pk_udp(struct pk *p, unsigned src, unsigned dst);
void pk_tcp(struct pk *p, unsigned src, unsigned dst, uint32_t seq, unsigned flags, size_t options);
/* From 10.0.0.<host> to 10.0.1.<host>; fragment is the field as it stands. */
void pk_ip4(struct pk *p, unsigned protocol, unsigned host, unsigned fragment);
/* From 2001:db8::<host> to 2001:db8::1:<host>. */
void pk_ip6(struct pk *p, unsigned protocol, unsigned host);
void pk_ethernet(struct pk *p, unsigned type);

/* pcap in either byte order. */
void pk_file(struct writer *w, bool big, bool nanoseconds, uint32_t link);
void pk_record(struct writer *w, bool big, uint32_t seconds, uint32_t fraction, const void *bytes, uint32_t captured,
    uint32_t length);

/* pcapng: a block of any type around what is put between. */
size_t pk_block(struct writer *w, bool big, uint32_t type);
void pk_block_end(struct writer *w, bool big, size_t at);
void pk_u16(struct writer *w, bool big, unsigned v);
void pk_u32(struct writer *w, bool big, uint32_t v);
void pk_section(struct writer *w, bool big);
/* options: as they stand, without the end; their length a multiple of four. */
void pk_interface(struct writer *w, bool big, unsigned link, uint32_t snaplen, const void *options, size_t size);
void pk_enhanced(struct writer *w, bool big, uint32_t interface, uint64_t ticks, const void *bytes, uint32_t captured,
    uint32_t length);

#endif
