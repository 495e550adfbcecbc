/* The two tools that the built-in dissectors are compared with. */
#include "exec/preset.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const nfdump_command[] = {"nfdump", "-r", "{}", "-o", "csv", NULL};

/* Times without a value show as the epoch; received, else last, else first is the order of the nfcapd dissector without
 * the event time. */
static const struct dissect_option nfdump_option[] = {
    {"quote", "none"},
    {"trailer", "No matching flows"},
    {"trailer", "Summary"},
    {"null", "1970-01-01 00:00:00.000"},
    {"null", "1970-01-01 00:00:00"},
    {"column.time", "tr"},
    {"column.time", "te"},
    {"column.time", "ts"},
    {"column.received", "tr"},
    {"column.first", "ts"},
    {"column.last", "te"},
    {"column.duration", "td"},
    {"column.src_addr", "sa"},
    {"column.dst_addr", "da"},
    {"column.src_port", "sp"},
    {"column.dst_port", "dp"},
    {"column.proto", "pr"},
    {"column.tcp_flags", "flg"},
    {"column.fwd_status", "fwd"},
    {"column.src_tos", "stos"},
    {"column.in_packets", "ipkt"},
    {"column.in_bytes", "ibyt"},
    {"column.out_packets", "opkt"},
    {"column.out_bytes", "obyt"},
    {"column.input_if", "in"},
    {"column.output_if", "out"},
    {"column.src_as", "sas"},
    {"column.dst_as", "das"},
    {"column.src_mask", "smk"},
    {"column.dst_mask", "dmk"},
    {"column.dst_tos", "dtos"},
    {"column.direction", "dir"},
    {"column.next_hop", "nh"},
    {"column.bgp_next_hop", "nhb"},
    {"column.src_vlan", "svln"},
    {"column.dst_vlan", "dvln"},
    {"column.in_src_mac", "ismc"},
    {"column.out_dst_mac", "odmc"},
    {"column.in_dst_mac", "idmc"},
    {"column.out_src_mac", "osmc"},
    {"column.exporter_addr", "ra"},
    {"column.exporter_id", "exid"},
};

/* Spot's command, but for the separator and the time, which have to be unambiguous. */
static const char *const tshark_command[] = {"tshark", "-r", "{}", "-n", "-E", "separator=/t", "-E", "header=y", "-E",
    "quote=n", "-E", "occurrence=f", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "ip.src", "-e",
    "ip.dst", "-e", "dns.resp.name", "-e", "dns.resp.type", "-e", "dns.resp.class", "-e", "dns.flags.rcode", "-e",
    "dns.a", "-Y", "dns.flags.response == 1", NULL};

static const struct dissect_option tshark_option[] = {
    {"delimiter", "tab"},
    {"quote", "none"},
    {"time_format", "epoch"},
    {"column.time", "frame.time_epoch"},
    {"column.frame_time", "frame.time_epoch"},
    {"column.frame_len", "frame.len"},
    {"column.src_addr", "ip.src"},
    {"column.dst_addr", "ip.dst"},
    {"column.name", "dns.resp.name"},
    {"column.type", "dns.resp.type"},
    {"column.class", "dns.resp.class"},
    {"column.rcode", "dns.flags.rcode"},
    {"column.a", "dns.a"},
};

static const struct preset preset[] = {
    {.name = "nfdump",
        .command = nfdump_command,
        .header = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,nh,nhb,"
                  "svln,dvln,ismc,odmc,idmc,osmc,mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,mpls8,mpls9,mpls10,cl,sl,al,"
                  "ra,eng,exid,tr",
        .known = "1.7.0 to 1.7.4",
        .ask_version = "-V",
        .option = nfdump_option,
        .options = COUNT(nfdump_option)},
    {.name = "tshark",
        .command = tshark_command,
        .header = "frame.time_epoch\tframe.len\tip.src\tip.dst\tdns.resp.name\tdns.resp.type\tdns.resp.class\t"
                  "dns.flags.rcode\tdns.a",
        .known = "4.0",
        .ask_version = "-v",
        .option = tshark_option,
        .options = COUNT(tshark_option)},
};

const struct preset *preset_at(size_t i)
{
	return i < COUNT(preset) ? &preset[i] : NULL;
}

const struct preset *preset_find(const char *name)
{
	for (size_t i = 0; i < COUNT(preset); i++)
		if (strcmp(preset[i].name, name) == 0)
			return &preset[i];
	return NULL;
}
