/* EDNS options as text. A malformed one is never an error: its bytes are shown. */
#include "dissect/dns/option.h"

#include <arpa/inet.h>
#include <string.h>

#include "dissect/dns/present.h"
#include "dissect/dns/types.h"

enum { ECS_FIXED = 4 };

bool dns_option_next(struct reader *r, struct dns_option *out)
{
	if (reader_left(r) == 0)
		return false;
	out->code = reader_be16(r);
	out->length = reader_be16(r);
	out->data = reader_take(r, out->length);
	return reader_ok(r);
}

bool dns_option_subnet(const struct dns_option *o, struct writer *out)
{
	if (o->length < ECS_FIXED || o->data[0] != 0 || (o->data[1] != 1 && o->data[1] != 2))
		return false;
	size_t size = o->data[1] == 1 ? 4 : 16, used = o->length - ECS_FIXED;
	unsigned source = o->data[2];
	if (source > 8 * size || used != (source + 7) / 8)
		return false;
	uint8_t address[16] = {0};
	char text[INET6_ADDRSTRLEN];
	memcpy(address, o->data + ECS_FIXED, used);
	inet_ntop(size == 4 ? AF_INET : AF_INET6, address, text, sizeof text);
	writer_format(out, "%s/%u", text, source);
	return true;
}

static bool put_known(const struct dns_option *o, struct writer *out)
{
	switch (o->code) {
	case DNS_OPTION_ECS:
		if (!dns_option_subnet(o, out))
			return false;
		writer_format(out, "/%u", o->data[3]);
		return true;
	case DNS_OPTION_KEEPALIVE: /* RFC 7828 section 3.1 */
		if (o->length != 2)
			return false;
		writer_format(out, "%u", o->data[0] << 8 | o->data[1]);
		return true;
	case DNS_OPTION_PADDING:
		writer_format(out, "%u", o->length);
		return true;
	case DNS_OPTION_EDE: /* RFC 8914 section 2 */
		if (o->length < 2)
			return false;
		writer_format(out, "%u", o->data[0] << 8 | o->data[1]);
		if (o->length > 2) {
			writer_u8(out, ' ');
			present_string(o->data + 2, o->length - 2u, out);
		}
		return true;
	default:
		return false;
	}
}

void dns_option_text(const struct dns_option *o, struct writer *out)
{
	if (!put_known(o, out))
		present_hex(o->data, o->length, out);
}
