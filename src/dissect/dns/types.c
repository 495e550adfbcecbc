/* Names for numbers. Sorted, so that a look-up is a few compares. */
#include "dissect/dns/types.h"

#include <stdio.h>
#include <string.h>

struct mnemonic {
	uint16_t number;
	const char *name;
};

/* clang-format off */
static const struct mnemonic types[] = {
    {1, "A"}, {2, "NS"}, {3, "MD"}, {4, "MF"}, {5, "CNAME"}, {6, "SOA"}, {7, "MB"}, {8, "MG"}, {9, "MR"}, {10, "NULL"}, {11, "WKS"},
    {12, "PTR"}, {13, "HINFO"}, {14, "MINFO"}, {15, "MX"}, {16, "TXT"}, {17, "RP"}, {18, "AFSDB"}, {19, "X25"}, {20, "ISDN"}, {21, "RT"},
    {22, "NSAP"}, {23, "NSAP-PTR"}, {24, "SIG"}, {25, "KEY"}, {26, "PX"}, {27, "GPOS"}, {28, "AAAA"}, {29, "LOC"}, {30, "NXT"},
    {31, "EID"}, {32, "NIMLOC"}, {33, "SRV"}, {34, "ATMA"}, {35, "NAPTR"}, {36, "KX"}, {37, "CERT"}, {38, "A6"}, {39, "DNAME"},
    {40, "SINK"}, {41, "OPT"}, {42, "APL"}, {43, "DS"}, {44, "SSHFP"}, {45, "IPSECKEY"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"},
    {49, "DHCID"}, {50, "NSEC3"}, {51, "NSEC3PARAM"}, {52, "TLSA"}, {53, "SMIMEA"}, {55, "HIP"}, {56, "NINFO"}, {57, "RKEY"},
    {58, "TALINK"}, {59, "CDS"}, {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"}, {65, "HTTPS"},
    {66, "DSYNC"}, {99, "SPF"}, {100, "UINFO"}, {101, "UID"}, {102, "GID"}, {103, "UNSPEC"}, {104, "NID"}, {105, "L32"}, {106, "L64"},
    {107, "LP"}, {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"}, {250, "TSIG"}, {251, "IXFR"}, {252, "AXFR"}, {253, "MAILB"},
    {254, "MAILA"}, {255, "ANY"}, {256, "URI"}, {257, "CAA"}, {258, "AVC"}, {259, "DOA"}, {260, "AMTRELAY"}, {261, "RESINFO"},
    {262, "WALLET"}, {32768, "TA"}, {32769, "DLV"},
};

static const struct mnemonic classes[] = {{1, "IN"}, {2, "CS"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}};

static const struct mnemonic rcodes[] = {
    {0, "NOERROR"}, {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"}, {5, "REFUSED"}, {6, "YXDOMAIN"}, {7, "YXRRSET"},
    {8, "NXRRSET"}, {9, "NOTAUTH"}, {10, "NOTZONE"}, {11, "DSOTYPENI"}, {16, "BADSIG"}, {17, "BADKEY"}, {18, "BADTIME"}, {19, "BADMODE"},
    {20, "BADNAME"}, {21, "BADALG"}, {22, "BADTRUNC"}, {23, "BADCOOKIE"},
};

static const struct mnemonic options[] = {
    {1, "LLQ"}, {2, "UL"}, {3, "NSID"}, {5, "DAU"}, {6, "DHU"}, {7, "N3U"}, {8, "ECS"}, {9, "EXPIRE"}, {10, "COOKIE"}, {11, "KEEPALIVE"},
    {12, "PADDING"}, {13, "CHAIN"}, {14, "KEY-TAG"}, {15, "EDE"}, {16, "CLIENT-TAG"}, {17, "SERVER-TAG"}, {18, "REPORT-CHANNEL"},
    {19, "ZONEVERSION"},
};
/* clang-format on */

static const char *text(
    const struct mnemonic *m, size_t count, uint16_t number, const char *otherwise, char out[DNS_MNEMONIC])
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (m[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < count && m[low].number == number)
		snprintf(out, DNS_MNEMONIC, "%s", m[low].name);
	else
		snprintf(out, DNS_MNEMONIC, "%s%u", otherwise, number);
	return out;
}

#define TEXT(table, number, otherwise, out) text(table, sizeof(table) / sizeof *(table), number, otherwise, out)

const char *dns_type_text(uint16_t type, char out[DNS_MNEMONIC])
{
	return TEXT(types, type, "TYPE", out);
}

const char *dns_class_text(uint16_t class, char out[DNS_MNEMONIC])
{
	return TEXT(classes, class, "CLASS", out);
}

const char *dns_rcode_text(uint16_t rcode, char out[DNS_MNEMONIC])
{
	return TEXT(rcodes, rcode, "", out);
}

const char *dns_option_name(uint16_t option, char out[DNS_MNEMONIC])
{
	return TEXT(options, option, "OPT", out);
}
