/* Headers by their RFCs, checksums left at zero. */
#include "pk_build.h"

#include <assert.h>
#include <string.h>

void pk_payload(struct pk *p, const char *text)
{
	p->size = 0;
	pk_raw(p, text, strlen(text));
}

void pk_raw(struct pk *p, const void *bytes, size_t size)
{
	assert(p->size + size <= PK_MAX);
	p->size += size;
	memcpy(p->room + PK_MAX - p->size, bytes, size);
}

void pk_tail(struct pk *p, size_t n)
{
	assert(p->size + n <= PK_MAX);
	memmove(p->room + PK_MAX - p->size - n, pk_bytes(p), p->size);
	memset(p->room + PK_MAX - n, 0xEE, n);
	p->size += n;
}

void pk_be16(struct pk *p, unsigned v)
{
	pk_raw(p, (uint8_t[]){v >> 8 & 255, v & 255}, 2);
}

void pk_udp(struct pk *p, unsigned src, unsigned dst)
{
	pk_be16(p, 0);
	pk_be16(p, (unsigned)p->size + 6);
	pk_be16(p, dst);
	pk_be16(p, src);
}

void pk_tcp(struct pk *p, unsigned src, unsigned dst, uint32_t seq, unsigned flags, size_t options)
{
	uint8_t h[60] = {
	    src >> 8, src & 255, dst >> 8, dst & 255, seq >> 24, seq >> 16 & 255, seq >> 8 & 255, seq & 255};
	h[12] = (uint8_t)((20 + options) / 4 << 4);
	h[13] = (uint8_t)flags;
	memset(h + 20, 1, options);
	pk_raw(p, h, 20 + options);
}

void pk_ip4(struct pk *p, unsigned protocol, unsigned host, unsigned fragment)
{
	unsigned total = (unsigned)p->size + 20;
	pk_raw(p,
	    (uint8_t[]){0x45, 0, total >> 8, total & 255, 0x12, 0x34, fragment >> 8, fragment & 255, 64, protocol, 0, 0,
	        10, 0, 0, host, 10, 0, 1, host},
	    20);
}

void pk_ip6(struct pk *p, unsigned protocol, unsigned host)
{
	unsigned size = (unsigned)p->size;
	pk_raw(p,
	    (uint8_t[]){0x60, 0, 0, 0, size >> 8, size & 255, protocol, 64, 0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0,
	        0, 0, 0, host, 0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, host},
	    40);
}

void pk_ethernet(struct pk *p, unsigned type)
{
	pk_be16(p, type);
	PK_RAW(p, "\2\0\0\0\0\1\2\0\0\0\0\2");
}

void pk_u16(struct writer *w, bool big, unsigned v)
{
	uint16_t u = big ? __builtin_bswap16((uint16_t)v) : (uint16_t)v;
	writer_put(w, &u, sizeof u);
}

void pk_u32(struct writer *w, bool big, uint32_t v)
{
	writer_le32(w, big ? __builtin_bswap32(v) : v);
}

void pk_file(struct writer *w, bool big, bool nanoseconds, uint32_t link)
{
	pk_u32(w, big, nanoseconds ? 0xA1B23C4D : 0xA1B2C3D4);
	pk_u16(w, big, 2);
	pk_u16(w, big, 4);
	pk_u32(w, big, 0);
	pk_u32(w, big, 0);
	pk_u32(w, big, 262144);
	pk_u32(w, big, link);
}

void pk_record(struct writer *w, bool big, uint32_t seconds, uint32_t fraction, const void *bytes, uint32_t captured,
    uint32_t length)
{
	pk_u32(w, big, seconds);
	pk_u32(w, big, fraction);
	pk_u32(w, big, captured);
	pk_u32(w, big, length);
	writer_put(w, bytes, captured);
}

size_t pk_block(struct writer *w, bool big, uint32_t type)
{
	size_t at = w->len;
	pk_u32(w, big, type);
	pk_u32(w, big, 0);
	return at;
}

void pk_block_end(struct writer *w, bool big, size_t at)
{
	while (w->len % 4 != 0)
		writer_u8(w, 0);
	uint32_t size = (uint32_t)(w->len - at) + 4, stored = big ? __builtin_bswap32(size) : size;
	memcpy(w->bytes + at + 4, &stored, sizeof stored);
	pk_u32(w, big, size);
}

void pk_section(struct writer *w, bool big)
{
	size_t at = pk_block(w, big, 0x0A0D0D0A);
	pk_u32(w, big, 0x1A2B3C4D);
	pk_u16(w, big, 1);
	pk_u16(w, big, 0);
	writer_le64(w, UINT64_MAX);
	pk_block_end(w, big, at);
}

void pk_interface(struct writer *w, bool big, unsigned link, uint32_t snaplen, const void *options, size_t size)
{
	size_t at = pk_block(w, big, 1);
	pk_u16(w, big, link);
	pk_u16(w, big, 0);
	pk_u32(w, big, snaplen);
	writer_put(w, options, size);
	pk_block_end(w, big, at);
}

void pk_enhanced(struct writer *w, bool big, uint32_t interface, uint64_t ticks, const void *bytes, uint32_t captured,
    uint32_t length)
{
	size_t at = pk_block(w, big, 6);
	pk_u32(w, big, interface);
	pk_u32(w, big, (uint32_t)(ticks >> 32));
	pk_u32(w, big, (uint32_t)ticks);
	pk_u32(w, big, captured);
	pk_u32(w, big, length);
	writer_put(w, bytes, captured);
	pk_block_end(w, big, at);
}
