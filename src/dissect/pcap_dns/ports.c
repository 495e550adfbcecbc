/* Ports of the DNS family, and in tshark's fashion the ports that other dissectors of it claim. */
#include "dissect/pcap_dns/ports.h"

#include <stdlib.h>
#include <string.h>

/* UDP ports that a dissector of tshark 4.0 is registered for (tshark -G decodes), but DNS, mDNS and LLMNR: what they
 * claim is never guessed to be DNS. */
/* clang-format off */
static const uint16_t claimed[] = {
    0, 7, 13, 19, 37, 49, 67, 68, 69, 88, 111, 123, 137, 138, 161, 162, 173, 177, 213, 269, 319, 320,
    389, 427, 434, 464, 473, 496, 500, 502, 513, 514, 520, 521, 524, 525, 539, 546, 547, 573, 623, 631,
    646, 654, 664, 698, 699, 701, 750, 853, 854, 910, 921, 925, 1001, 1044, 1052, 1069, 1089, 1090,
    1091, 1101, 1113, 1153, 1194, 1293, 1547, 1628, 1629, 1645, 1646, 1700, 1701, 1718, 1719, 1745,
    1755, 1812, 1813, 1900, 1985, 2029, 2048, 2055, 2067, 2099, 2123, 2152, 2157, 2190, 2221, 2222,
    2231, 2246, 2268, 2269, 2313, 2345, 2424, 2427, 2428, 2727, 2887, 2944, 2945, 2948, 2949, 2960,
    3000, 3121, 3130, 3205, 3222, 3250, 3333, 3343, 3357, 3386, 3389, 3452, 3455, 3478, 3483, 3503,
    3540, 3544, 3567, 3622, 3671, 3784, 3785, 3792, 3799, 3804, 3819, 3863, 3956, 4000, 4011, 4058,
    4305, 4306, 4307, 4341, 4342, 4500, 4533, 4534, 4551, 4555, 4556, 4569, 4665, 4672, 4713, 4729,
    4739, 4754, 4784, 4789, 4790, 4791, 4991, 5000, 5001, 5031, 5050, 5060, 5072, 5094, 5246, 5247,
    5264, 5265, 5350, 5351, 5404, 5405, 5436, 5555, 5567, 5678, 5683, 5684, 5868, 6060, 6073, 6081,
    6084, 6087, 6118, 6160, 6343, 6543, 6635, 6666, 6696, 6784, 6970, 7000, 7001, 7002, 7003, 7004,
    7005, 7006, 7007, 7008, 7009, 7010, 7021, 7074, 7075, 7255, 7275, 7784, 8000, 8116, 8161, 8200,
    8211, 8600, 8611, 8612, 8613, 8614, 8755, 8767, 8805, 8848, 9003, 9200, 9201, 9202, 9203, 9214,
    9600, 9875, 9877, 9899, 9901, 9955, 9956, 9996, 9999, 10253, 10500, 11211, 11273, 11898, 12000,
    12001, 12002, 12003, 12004, 12220, 12222, 12223, 13400, 13819, 13907, 13910, 17220, 17500, 17754,
    17755, 17756, 18246, 19132, 19788, 19948, 19999, 20000, 20561, 22222, 23272, 24576, 24577, 25826,
    26000, 27036, 27500, 27910, 27950, 27951, 27952, 27953, 27960, 27961, 27962, 27963, 30030, 32000,
    32512, 34962, 34980, 37008, 41170, 44818, 45564, 47000, 47808, 49999, 54328, 56000, 56001, 56500,
    56501, 57000, 57001, 57032, 57033, 57500, 57501, 57532, 57533, 59000, 59001, 59032, 59033, 59500,
    59501, 59532, 59533, 60001,
};
/* clang-format on */

static int compare(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static bool is_claimed(uint16_t port)
{
	return bsearch(&port, claimed, sizeof claimed / sizeof claimed[0], sizeof claimed[0], compare) != NULL;
}

enum rc ports_add(struct ports *p, const char *text, struct err *e)
{
	static const char between[] = ", ";
	const char *at = text + strspn(text, between);
	if (*at == '\0')
		return err_set(RC_BAD, e, "ports: names none");
	while (*at != '\0') {
		size_t len = strcspn(at, between);
		char *end = NULL;
		unsigned long port = strtoul(at, &end, 10);
		if (len == 3 && memcmp(at, "any", 3) == 0)
			p->any = true;
		else if (at[0] >= '0' && at[0] <= '9' && end == at + len && port > 0 && port <= UINT16_MAX)
			p->set[port / 64] |= UINT64_C(1) << (port % 64);
		else
			return err_set(RC_BAD, e, "ports: \"%.*s\" is no port (1 .. 65535, or any)",
			    (int)(len < 40 ? len : 40), at);
		at += len;
		at += strspn(at, between);
	}
	return RC_OK;
}

/* The lower port's dissector is asked first, then the higher one's. */
static enum claim as_tshark(const struct ports *p, const struct segment *s)
{
	uint16_t low = s->src_port < s->dst_port ? s->src_port : s->dst_port;
	uint16_t high = s->src_port < s->dst_port ? s->dst_port : s->src_port;
	if (s->transport == TRANSPORT_TCP)
		return (ports_has(p, low) && low != PORT_LLMNR) || (ports_has(p, high) && high != PORT_LLMNR)
		           ? CLAIM_DNS
		           : CLAIM_NONE;
	if (s->transport == TRANSPORT_SCTP)
		return low == PORT_DNS || high == PORT_DNS ? CLAIM_DNS : CLAIM_NONE;
	if (ports_has(p, low))
		return CLAIM_DNS;
	if (is_claimed(low))
		return CLAIM_NONE;
	if (ports_has(p, high))
		return CLAIM_DNS;
	return is_claimed(high) ? CLAIM_NONE : CLAIM_MAYBE;
}

enum claim ports_claim(const struct ports *p, const struct segment *s)
{
	if (p->tshark)
		return as_tshark(p, s);
	if (ports_has(p, s->src_port) || ports_has(p, s->dst_port))
		return CLAIM_DNS;
	return p->any && s->transport == TRANSPORT_UDP ? CLAIM_MAYBE : CLAIM_NONE;
}
