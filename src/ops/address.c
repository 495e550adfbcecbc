/* An address is all that decides who can reach the endpoint, so it is read strictly and never looked up. */
#include "ops/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static enum rc read_port(const char *text, in_port_t *out, struct err *e)
{
	int64_t port = 0;
	if (str_number(text, 0, 65535, &port, e) != RC_OK)
		return err_set(RC_BAD, e, "\"%.40s\" is no port (0 .. 65535)", text);
	*out = htons((uint16_t)port);
	return RC_OK;
}

static enum rc read_host(const char *host, in_port_t port, struct address *out, struct err *e)
{
	struct address a = {.len = 0};
	struct sockaddr_in *four = (struct sockaddr_in *)&a.at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a.at;
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		a.len = sizeof *four;
	} else if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		a.len = sizeof *six;
	} else {
		return err_set(RC_BAD, e, "\"%.60s\" is no address: 9470, 127.0.0.1:9470, [::1]:9470", host);
	}
	*out = a;
	return RC_OK;
}

enum rc address_parse(const char *text, struct address *out, struct err *e)
{
	char host[ADDRESS_TEXT];
	in_port_t port = 0;
	const char *colon = strrchr(text, ':');
	if (colon == NULL) {
		enum rc rc = read_port(text, &port, e);
		return rc == RC_OK ? read_host("127.0.0.1", port, out, e) : rc;
	}
	size_t len = (size_t)(colon - text);
	bool six = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (six) {
		text++;
		len -= 2;
	}
	/* Without brackets a colon is the port's: half an IPv6 address is not one. */
	if (len >= sizeof host || (!six && memchr(text, ':', len) != NULL))
		return err_set(RC_BAD, e, "\"%.60s\" is no address: 9470, 127.0.0.1:9470, [::1]:9470", text);
	memcpy(host, text, len);
	host[len] = '\0';
	enum rc rc = read_port(colon + 1, &port, e);
	return rc == RC_OK ? read_host(host, port, out, e) : rc;
}

bool address_is_loopback(const struct address *a)
{
	if (a->at.ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)&a->at)->sin_addr.s_addr) >> 24 == 127;
	const struct in6_addr *six = &((const struct sockaddr_in6 *)&a->at)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

const char *address_text(const struct address *a, char out[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "";
	if (a->at.ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)&a->at;
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
		snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(four->sin_port));
	} else {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->at;
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
		snprintf(out, ADDRESS_TEXT, "[%s]:%u", host, ntohs(six->sin6_port));
	}
	return out;
}
