/* Exporter records. The way an address is stored changed with nfdump 1.7.8, without a new layout: the family tells. */
#include "dissect/nfcapd/exporters.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "dissect/nfcapd/wire.h"

enum { NUMBERS = 1 << 16, FAMILY_NETWORK_ORDER = 0, FAMILY_4 = 2, FAMILY_6 = 10 };

static const size_t table_bytes = NUMBERS * sizeof(struct exporter);

void exporters_fini(struct exporters *x)
{
	mem_unmap(x->exporter, table_bytes);
	x->exporter = NULL;
}

/* Host-order integers, as in flow records. */
static struct ip ip4_of(const uint8_t *p)
{
	struct ip ip = {.family = 4};
	uint32_t v = __builtin_bswap32(load32(p));
	memcpy(ip.octet, &v, sizeof v);
	return ip;
}

static struct ip ip6_of(const uint8_t *p)
{
	struct ip ip = {.family = 6};
	uint64_t v[2] = {__builtin_bswap64(load64(p)), __builtin_bswap64(load64(p + 8))};
	memcpy(ip.octet, v, sizeof v);
	return ip;
}

/* Plain network order, an IPv4 address mapped into IPv6. */
static struct ip network_order(const uint8_t *p)
{
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	bool four = memcmp(p, mapped, sizeof mapped) == 0;
	struct ip ip = {.family = four ? 4 : 6};
	memcpy(ip.octet, four ? p + 12 : p, four ? 4 : 16);
	return ip;
}

void exporters_put(struct exporters *x, const uint8_t *record)
{
	if (x->exporter == NULL)
		x->exporter = mem_map(table_bytes);
	struct exporter *e = &x->exporter[load16(record + 26)];
	*e = (struct exporter){.version = load32(record + 4), .source = load32(record + 28)};
	switch (load16(record + 24)) {
	case FAMILY_4:
		e->addr = ip4_of(record + 16);
		break;
	case FAMILY_6:
		e->addr = ip6_of(record + 8);
		break;
	case FAMILY_NETWORK_ORDER:
		e->addr = network_order(record + 8);
		break;
	}
}

const struct exporter *exporters_find(const struct exporters *x, uint16_t number)
{
	const struct exporter *e = x->exporter == NULL ? NULL : &x->exporter[number];
	return e == NULL || (e->version == 0 && e->addr.family == 0) ? NULL : e;
}
