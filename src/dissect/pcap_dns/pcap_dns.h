/*
 * pcap_dns: DNS messages out of captures: frames (dissect/pcap), what they carry, the messages (dissect/dns), one row
 * each. Formats and meaning: doc/formats/capture.md, reassembly.md, dns.md.
 */
#ifndef DISSECT_PCAP_DNS_PCAP_DNS_H
#define DISSECT_PCAP_DNS_PCAP_DNS_H

#include "dissect/dissect.h"

extern const struct dissect_ops dissect_pcap_dns;

#endif
