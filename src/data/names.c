/* nfdump's protocol names, as data: they are neither IANA's keywords nor those of /etc/protocols. */
#include "data/names.h"

#include <string.h>

static const char *const proto[] = {
    "0", "ICMP", "IGMP", "GGP", "IPIP", "ST", "TCP", "CBT", "EGP", "IGP",             /* 0 */
    "BBN", "NVPII", "PUP", "ARGUS", "ENCOM", "XNET", "CHAOS", "UDP", "MUX", "DCN",    /* 10 */
    "HMP", "PRM", "XNS", "Trnk1", "Trnk2", "Leaf1", "Leaf2", "RDP", "IRTP", "ISO-4",  /* 20 */
    "NETBK", "MFESP", "MEINP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR", "TP++",   /* 30 */
    "IL", "IPv6", "SDRP", "Rte6", "Frag6", "IDRP", "RSVP", "GRE", "MHRP", "BNA",      /* 40 */
    "ESP", "AH", "INLSP", "SWIPE", "NARP", "MOBIL", "TLSP", "SKIP", "ICMP6", "NOHE6", /* 50 */
    "OPTS6", "HOST", "CFTP", "NET", "SATNT", "KLAN", "RVD", "IPPC", "FS", "SATM",     /* 60 */
    "VISA", "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BSATM", "SUNND", "WBMON", "WBEXP", /* 70 */
    "ISOIP", "VMTP", "SVMTP", "VINES", "TTP", "NSIGP", "DGP", "TCF", "EIGRP", "OSPF", /* 80 */
    "S-RPC", "LARP", "MTP", "AX.25", "OS", "MICP", "SCCSP", "ETHIP", "ENCAP", "99",   /* 90 */
    "GMTP", "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPcmp", "SNP",      /* 100 */
    "CpqPP", "IPXIP", "VRRP", "PGM", "0hop", "L2TP", "DDX", "IATP", "STP", "SRP",     /* 110 */
    "UTI", "SMP", "SM", "PTP", "ISIS4", "FIRE", "CRTP", "CRUDP", "128", "IPLT",       /* 120 */
    "SPS", "PIPE", "SCTP", "FC", "134", "MHEAD", "UDP-L", "MPLS",                     /* 130 */
};
_Static_assert(sizeof proto / sizeof proto[0] == 138, "nfdump names 0 to 137");

const char *proto_name(uint64_t number)
{
	return number < sizeof proto / sizeof proto[0] ? proto[number] : NULL;
}

int proto_number(const char *name)
{
	for (size_t i = 0; i < sizeof proto / sizeof proto[0]; i++)
		if (strcmp(proto[i], name) == 0)
			return (int)i;
	return -1;
}
