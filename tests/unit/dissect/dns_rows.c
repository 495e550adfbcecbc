/*
 * dns_rows MODE FIELD …: messages as hexadecimal lines in, one line of fields joined by '|' out. For scripts that
 * compare with other implementations. MODE: record, question or tshark. An empty line is a message of no bytes.
 */
#include "dns_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

int main(int argc, char **argv)
{
	struct dns_style style = {.names = DNS_NAMES_RECORD};
	static uint8_t bytes[DNS_BUILD_MOST];
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	if (argc < 3)
		return 2;
	style.tshark = strcmp(argv[1], "tshark") == 0;
	style.names = strcmp(argv[1], "question") == 0 ? DNS_NAMES_QUESTION : DNS_NAMES_RECORD;
	while ((n = getline(&line, &room, stdin)) > 0) {
		struct dns_fault fault;
		line[--n] = '\0';
		if (n / 2 > DNS_BUILD_MOST || !str_unhex(line, bytes, (size_t)n / 2))
			return 2;
		struct dns_message m = {.bytes = bytes, .have = (size_t)n / 2, .size = (size_t)n / 2};
		char *row = dns_dump(&m, &style, (const char *const *)argv + 2, &fault);
		printf("%s|%s\n", row, fault.reason != NULL ? fault.reason : "");
		mem_free(&row);
	}
	free(line);
	return 0;
}
