/*
 * pcap_loop: what reading a capture costs with libpcap and nothing else: every packet is fetched and counted.
 */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *bytes;
	unsigned long long packets = 0, size = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: pcap_loop FILE\n");
		return 2;
	}
	pcap_t *p = pcap_open_offline(argv[1], error);
	if (p == NULL) {
		fprintf(stderr, "pcap_loop: %s\n", error);
		return 1;
	}
	int rc;
	while ((rc = pcap_next_ex(p, &head, &bytes)) == 1) {
		packets++;
		size += head->caplen;
	}
	if (rc != PCAP_ERROR_BREAK)
		fprintf(stderr, "pcap_loop: %s\n", pcap_geterr(p));
	printf("packets\t%llu\nbytes\t%llu\n", packets, size);
	pcap_close(p);
	return rc == PCAP_ERROR_BREAK ? 0 : 1;
}
