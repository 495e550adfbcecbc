/*
 * dns_text: names are made of their number, so that none needs to be remembered.
 */
#include "dns_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "chance.h"

enum { NAME_MAX_TEXT = 256, HEADER = 12, POINTER_REACH = 0x4000 };

static void put16(struct dns_text *t, uint32_t v)
{
	assert(t->size + 2 <= sizeof t->bytes);
	t->bytes[t->size++] = (uint8_t)(v >> 8);
	t->bytes[t->size++] = (uint8_t)v;
}

static void put32(struct dns_text *t, uint32_t v)
{
	put16(t, v >> 16);
	put16(t, v);
}

static void put_bytes(struct dns_text *t, const void *bytes, size_t size)
{
	assert(t->size + size <= sizeof t->bytes);
	memcpy(t->bytes + t->size, bytes, size);
	t->size += size;
}

/* Whether the name at a place in the message reads as text. */
static bool reads_as(const struct dns_text *t, size_t at, const char *text)
{
	while (t->bytes[at] != 0) {
		if (t->bytes[at] >= 0xc0) {
			at = (size_t)(t->bytes[at] & 0x3f) << 8 | t->bytes[at + 1];
			continue;
		}
		size_t label = t->bytes[at];
		if (memcmp(t->bytes + at + 1, text, label) != 0 || (text[label] != '.' && text[label] != 0))
			return false;
		text += label + (text[label] == '.');
		at += label + 1;
	}
	return *text == 0;
}

static void put_name(struct dns_text *t, const char *text)
{
	if (t->seen != NULL)
		distinct_add(t->seen, text, strlen(text));
	while (*text != 0) {
		for (size_t i = 0; i < t->name_count; i++)
			if (reads_as(t, t->names[i], text)) {
				put16(t, 0xc000 | (uint32_t)t->names[i]);
				return;
			}
		size_t label = strcspn(text, ".");
		size_t at = t->size;
		assert(label > 0 && label < 64 && at + label + 2 <= sizeof t->bytes);
		t->bytes[t->size++] = (uint8_t)label;
		put_bytes(t, text, label);
		text += label + (text[label] == '.');
		t->bytes[t->size] = 0; /* until the next label, so that the name can be read */
		if (at < POINTER_REACH && t->name_count < sizeof t->names / sizeof t->names[0])
			t->names[t->name_count++] = at;
	}
	t->size++;
}

static void word(char *out, size_t size, uint64_t number)
{
	static const char *const part[] = {"ba", "cor", "del", "fin", "gra", "hol", "in", "jo", "ka", "lum", "mer",
	    "nor", "or", "pla", "qui", "ros", "sta", "tem", "ul", "ver", "win", "xen", "yar", "zo", "alt", "bri", "cle",
	    "dro", "el", "fo", "gel", "har"};
	uint64_t h = chance_mix(number + 77);
	snprintf(out, size, "%s%s%s%s", part[h & 31], part[h >> 5 & 31], part[h >> 10 & 31],
	    h >> 15 & 1 ? part[h >> 16 & 31] : "");
}

static void domain(char *out, size_t size, uint64_t number)
{
	static const char *const top[] = {"com", "com", "net", "org", "de", "io", "info", "co.uk"};
	char w[32];
	word(w, sizeof w, number);
	snprintf(out, size, "%s.%s", w, top[chance_mix(number) & 7]);
}

/* The domain of a name. One rare name in eight lies under one of seven domains, as those of trackers and block lists
 * do. */
static uint64_t domain_of(const struct question *q)
{
	uint64_t h = chance_mix(q->name * 3 + 1);
	return q->name < DNS_POPULAR ? q->name / 5 : h >> 40 & 7 ? h % 60000 : 70000 + h % 7;
}

static void question_name(char *out, const struct question *q)
{
	static const char *const host[] = {"www", "api", "cdn", "mail", "img"};
	char d[64], w[32];
	uint64_t h = chance_mix(q->name * 3 + 1);
	domain(d, sizeof d, domain_of(q));
	word(w, sizeof w, h >> 20);
	if (q->type == TYPE_PTR)
		snprintf(out, NAME_MAX_TEXT, "%u.%u.%u.%u.in-addr.arpa", (unsigned)(h & 255), (unsigned)(h >> 8 & 255),
		    (unsigned)(h >> 16 & 255), (unsigned)(h >> 24 & 127) + 20);
	else if (q->name < DNS_POPULAR)
		snprintf(out, NAME_MAX_TEXT, "%s.%s", host[q->name % 5], d);
	else if (h & 1)
		snprintf(out, NAME_MAX_TEXT, "d%010llx.%s.%s", (unsigned long long)(h >> 24), host[h >> 8 & 3], d);
	else
		snprintf(out, NAME_MAX_TEXT, "%s%llu.%s", w, (unsigned long long)(q->name % 100000), d);
}

static void put_head(struct dns_text *t, const struct question *q, uint32_t flags, const uint32_t counts[3])
{
	char name[NAME_MAX_TEXT];
	t->size = t->name_count = 0;
	put16(t, q->id);
	put16(t, flags);
	put16(t, 1);
	put16(t, counts[0]);
	put16(t, counts[1]);
	put16(t, counts[2] + (q->opt ? 1 : 0));
	question_name(name, q);
	put_name(t, name);
	put16(t, q->type);
	put16(t, 1);
}

static void put_opt(struct dns_text *t)
{
	put_bytes(t, "", 1);
	put16(t, TYPE_OPT);
	put16(t, 4096);
	put32(t, 0);
	put16(t, 0);
}

/* A record up to its data; where the length of the data stands. */
static size_t put_record(struct dns_text *t, const char *owner, uint16_t type, uint32_t ttl)
{
	put_name(t, owner);
	put16(t, type);
	put16(t, 1);
	put32(t, ttl);
	put16(t, 0);
	return t->size - 2;
}

static void end_record(struct dns_text *t, size_t at)
{
	size_t size = t->size - at - 2;
	t->bytes[at] = (uint8_t)(size >> 8);
	t->bytes[at + 1] = (uint8_t)size;
}

static void put_soa(struct dns_text *t, const struct question *q)
{
	char zone[64], server[80];
	domain(zone, sizeof zone, domain_of(q));
	snprintf(server, sizeof server, "ns1.%s", zone);
	size_t at = put_record(t, zone, TYPE_SOA, 900);
	put_name(t, server);
	snprintf(server, sizeof server, "hostmaster.%s", zone);
	put_name(t, server);
	put32(t, 2026011400);
	put32(t, 7200);
	put32(t, 900);
	put32(t, 1209600);
	put32(t, 300);
	end_record(t, at);
}

static void put_address(struct dns_text *t, const char *owner, bool v6, struct chance *c)
{
	uint8_t a[16] = {0x20, 0x01, 0x0d, 0xb8};
	uint64_t h = chance_next(c);
	memcpy(a + 8, &h, 8);
	if (!v6) {
		a[0] = (uint8_t)(20 + (h & 127));
		memcpy(a + 1, (uint8_t *)&h + 1, 3);
	}
	size_t at = put_record(t, owner, v6 ? TYPE_AAAA : TYPE_A, 60 + (uint32_t)(h >> 56));
	put_bytes(t, a, v6 ? 16 : 4);
	end_record(t, at);
}

/* The chain of aliases in front of the addresses, as content networks have it; owner becomes the last name of it. */
static void put_chain(struct dns_text *t, char owner[NAME_MAX_TEXT], unsigned links, struct chance *c)
{
	for (unsigned i = 0; i < links; i++) {
		char target[NAME_MAX_TEXT];
		if (i == 0)
			snprintf(target, sizeof target, "%.160s.edge%u.example-cdn.net", owner, chance_below(c, 40));
		else
			snprintf(target, sizeof target, "e%u.a.example-edge.com", chance_below(c, 50000));
		size_t at = put_record(t, owner, TYPE_CNAME, 300);
		put_name(t, target);
		end_record(t, at);
		memcpy(owner, target, sizeof target);
	}
}

static void put_mail(struct dns_text *t, const char *owner, struct chance *c)
{
	char server[2][NAME_MAX_TEXT];
	for (unsigned i = 0; i < 2; i++) {
		snprintf(server[i], sizeof server[i], "mx%u.%.200s", i + 1, owner);
		size_t at = put_record(t, owner, TYPE_MX, 3600);
		put16(t, 10 * (i + 1));
		put_name(t, server[i]);
		end_record(t, at);
	}
	put_address(t, server[0], false, c);
	put_address(t, server[1], false, c);
}

static void put_texts(struct dns_text *t, const char *owner, size_t size, struct chance *c)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789+/=_ ";
	size_t at = put_record(t, owner, TYPE_TXT, 600);
	while (size > 0) {
		uint8_t text[256];
		text[0] = (uint8_t)(size < 255 ? size : 255);
		for (unsigned i = 1; i <= text[0]; i++)
			text[i] = (uint8_t)letters[chance_below(c, sizeof letters - 1)];
		put_bytes(t, text, text[0] + 1U);
		size -= text[0];
	}
	end_record(t, at);
}

void dns_query(struct dns_text *t, const struct question *q)
{
	put_head(t, q, 0x0100, (const uint32_t[3]){0});
	if (q->opt)
		put_opt(t);
}

void dns_response(struct dns_text *t, const struct question *q)
{
	char owner[NAME_MAX_TEXT];
	struct chance c = {chance_mix(q->name) + q->type};
	uint32_t fate = chance_below(&c, 1000), links = chance_below(&c, 10), addresses = chance_between(&c, 1, 4);
	bool rare = q->name >= DNS_POPULAR && !q->large;
	links = links < 4 ? 0 : links < 8 ? 1 : 2;
	question_name(owner, q);
	if (rare && fate < 120) {
		put_head(t, q, 0x8183, (const uint32_t[3]){0, 1, 0});
		put_soa(t, q);
	} else if (rare && fate < 130) {
		put_head(t, q, 0x8182, (const uint32_t[3]){0});
	} else if (q->type == TYPE_TXT) {
		put_head(t, q, 0x8180, (const uint32_t[3]){1, 0, 0});
		put_texts(t, owner, q->large ? 1600 + fate * 25 / 10 : 40 + fate / 10, &c);
	} else if (q->type == TYPE_MX) {
		put_head(t, q, 0x8180, (const uint32_t[3]){2, 0, 2});
		put_mail(t, owner, &c);
	} else if (q->type == TYPE_PTR) {
		char host[NAME_MAX_TEXT];
		put_head(t, q, 0x8180, (const uint32_t[3]){1, 0, 0});
		size_t at = put_record(t, owner, TYPE_PTR, 3600);
		snprintf(host, sizeof host, "host-%u.example-access.net", fate * 97 + (uint32_t)(q->name % 97));
		put_name(t, host);
		end_record(t, at);
	} else if (q->type == TYPE_AAAA && fate > 600) { /* the name has no such address */
		put_head(t, q, 0x8180, (const uint32_t[3]){0, 1, 0});
		put_soa(t, q);
	} else {
		put_head(t, q, 0x8180, (const uint32_t[3]){links + addresses, 0, 0});
		put_chain(t, owner, links, &c);
		for (uint32_t i = 0; i < addresses; i++)
			put_address(t, owner, q->type == TYPE_AAAA, &c);
	}
	if (q->opt)
		put_opt(t);
}
