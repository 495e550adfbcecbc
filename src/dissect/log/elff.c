/*
 * #Fields decides what a column is, and may change anywhere. A record is cut in one pass; a line whose quotes don't
 * close is never searched twice for the same quote, so that the work is linear in its bytes.
 */
#include "dissect/log/elff.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dissect/log/counters.h"

enum { DAY_S = 86400, PREFIX_MOST = 512 };

/* Columns that are no field of their own. */
enum role {
	ROLE_NONE = -1,
	ROLE_DATE = LOG_FIELD_COUNT,
	ROLE_CLOCK,
	ROLE_DATE_LOCAL,
	ROLE_CLOCK_LOCAL,
	ROLE_STAMP,
	ROLE_STAMP_LOCAL,
	ROLE_URI,
	ROLE_XFF
};

/* Spot 1.0's order, SGOS 6 "bcreportermain_v1". */
static const char spot_names[] = "date time time-taken c-ip cs-username cs-auth-group x-exception-id sc-filter-result "
                                 "cs-categories cs(Referer) sc-status s-action cs-method "
                                 "rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query "
                                 "cs-uri-extension cs(User-Agent) s-ip sc-bytes cs-bytes "
                                 "x-virus-id";
static const char spot_more[] = " x-bluecoat-application-name x-bluecoat-application-operation";
enum { SPOT_COLUMNS = 27, SPOT_SHORTER = 25 };

struct known {
	const char *name;
	int field;
};

/* Of two names for one field the one that stands first here wins. */
static const struct known known[] = {
    {"date", ROLE_DATE},
    {"time", ROLE_CLOCK},
    {"gmttime", ROLE_STAMP},
    {"localtime", ROLE_STAMP_LOCAL},
    {"timestamp", ROLE_STAMP},
    {"x-timestamp", ROLE_STAMP},
    {"date-local", ROLE_DATE_LOCAL},
    {"time-local", ROLE_CLOCK_LOCAL},
    {"cs(x-forwarded-for)", ROLE_XFF},
    {"c-ip", FIELD_CLIENTIP},
    {"x-client-address", FIELD_CLIENTIP},
    {"c-ip-anonymized", FIELD_CLIENTIP},
    {"cs-host", FIELD_HOST},
    {"cs(host)", FIELD_HOST},
    {"x-host-header", FIELD_HOST},
    {"cs-method", FIELD_REQMETHOD},
    {"cs(user-agent)", FIELD_USERAGENT},
    {"c(user-agent)", FIELD_USERAGENT},
    {"rs(content-type)", FIELD_RESCONTTYPE},
    {"sc(content-type)", FIELD_RESCONTTYPE},
    {"cs-mime-type", FIELD_RESCONTTYPE},
    {"time-taken", FIELD_DURATION},
    {"timetakenms", FIELD_DURATION},
    {"x-duration", FIELD_DURATION},
    {"cs-username", FIELD_USERNAME},
    {"cs-userdn", FIELD_USERNAME},
    {"c-auth-id", FIELD_USERNAME},
    {"cs-user", FIELD_USERNAME},
    {"s-accountname", FIELD_USERNAME},
    {"cs-auth-group", FIELD_AUTHGROUP},
    {"cs-auth-groups", FIELD_AUTHGROUP},
    {"x-exception-id", FIELD_EXCEPTIONID},
    {"sc-filter-result", FIELD_FILTERRESULT},
    {"s-action", FIELD_ACTION},
    {"sc-action", FIELD_ACTION},
    {"x-edge-result-type", FIELD_FILTERRESULT},
    {"cs-categories", FIELD_WEBCAT},
    {"sc-filter-category", FIELD_WEBCAT},
    {"cs-category", FIELD_WEBCAT},
    {"cs-uri-categories", FIELD_WEBCAT},
    {"cs(referer)", FIELD_REFERER},
    {"cs(referrer)", FIELD_REFERER},
    {"sc-status", FIELD_RESPCODE},
    {"c-status", FIELD_RESPCODE},
    {"cs-uri-scheme", FIELD_URISCHEME},
    {"cs-protocol", FIELD_URISCHEME},
    {"cs-uri-port", FIELD_URIPORT},
    {"s-port", FIELD_URIPORT},
    {"cs-uri-path", FIELD_URIPATH},
    {"cs-uri-stem", FIELD_URIPATH},
    {"cs-uri-query", FIELD_URIQUERY},
    {"cs-uri-extension", FIELD_URIEXTENSION},
    {"s-ip", FIELD_SERVERIP},
    {"s-supplier-ip", FIELD_SERVERIP},
    {"r-ip", FIELD_SERVERIP},
    {"sc-bytes", FIELD_SCBYTES},
    {"bytes", FIELD_SCBYTES},
    {"cs-bytes", FIELD_CSBYTES},
    {"x-virus-id", FIELD_VIRUSID},
    {"x-bluecoat-application-name", FIELD_BCAPPNAME},
    {"x-bluecoat-application-operation", FIELD_BCAPPOPER},
    {"cs-uri", ROLE_URI},
    {"cs-version", FIELD_PROTOCOL},
    {"cs-protocol-version", FIELD_PROTOCOL},
    {"s-computername", FIELD_HOST},
};

static int rank_of(const char *name)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcasecmp(known[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void map_fini(struct elff_map *m)
{
	mem_free(&m->names);
}

/* Cut the list into names: runs of blanks part them, quotes are strays. */
static void cut_names(struct elff_map *m, const uint8_t *at, const uint8_t *end)
{
	struct value word;
	m->names = mem_alloc((size_t)(end - at) + 1);
	char *to = m->names;
	while (m->count < RECORD_VALUES && (word = value_word(&at, end)).form != FORM_ABSENT) {
		m->name[m->count++] = to;
		for (uint32_t i = 0; i < word.length; i++)
			if (word.at[i] != '"')
				*to++ = (char)word.at[i];
		*to++ = '\0';
	}
}

static void map_special(struct elff_map *m, int column, int role)
{
	bool local = role == ROLE_DATE_LOCAL || role == ROLE_CLOCK_LOCAL || role == ROLE_STAMP_LOCAL;
	if (role == ROLE_DATE || role == ROLE_DATE_LOCAL)
		m->date = (int16_t)column;
	else if (role == ROLE_CLOCK || role == ROLE_CLOCK_LOCAL)
		m->clock = (int16_t)column;
	else if (role == ROLE_STAMP || role == ROLE_STAMP_LOCAL)
		m->stamp = (int16_t)column;
	else if (role == ROLE_URI)
		m->uri = (int16_t)column;
	m->local |= local;
}

/* Is the place that a role wants taken by a name of a better rank? */
static bool special_taken(const struct elff_map *m, int role)
{
	switch (role) {
	case ROLE_DATE_LOCAL:
		return m->date >= 0;
	case ROLE_CLOCK_LOCAL:
		return m->clock >= 0;
	case ROLE_STAMP:
	case ROLE_STAMP_LOCAL:
		return m->clock >= 0 || m->stamp >= 0;
	default:
		return false;
	}
}

static void bind(struct elff_map *m, int column, int rank, const struct log_options *o)
{
	int field = known[rank].field;
	if (field == ROLE_XFF && o->forwarded)
		field = FIELD_CLIENTIP;
	/* sc-action beside s-action is the filter's word. */
	if (field == FIELD_ACTION && m->column[FIELD_ACTION] >= 0)
		field = FIELD_FILTERRESULT;
	/* The server's own name is the last resort: a URL says better. */
	if (field == FIELD_HOST && m->uri >= 0 && strcmp(known[rank].name, "s-computername") == 0)
		return;
	if (field == ROLE_XFF || special_taken(m, field) || (field < LOG_FIELD_COUNT && m->column[field] >= 0))
		return;
	m->field[column] = (int16_t)field;
	if (field >= LOG_FIELD_COUNT)
		map_special(m, column, field);
	else
		m->column[field] = (int16_t)column;
	if (field == FIELD_DURATION)
		m->milliseconds = strcmp(known[rank].name, "time-taken") != 0;
}

static void map_init(struct elff_map *m, const uint8_t *at, const uint8_t *end, const struct log_options *o)
{
	int16_t first[sizeof known / sizeof *known];
	*m = (struct elff_map){.date = -1, .clock = -1, .stamp = -1, .uri = -1};
	memset(m->column, -1, sizeof m->column);
	memset(m->field, -1, sizeof m->field);
	memset(first, -1, sizeof first);
	cut_names(m, at, end);
	for (size_t i = 0; i < m->count; i++) {
		int rank = rank_of(m->name[i]);
		if (rank >= 0 && first[rank] < 0)
			first[rank] = (int16_t)i;
		/* Only CloudFront has such names, and it counts in seconds. */
		m->seconds |= strncasecmp(m->name[i], "x-edge-", 7) == 0;
	}
	for (size_t rank = 0; rank < sizeof first / sizeof *first; rank++)
		if (first[rank] >= 0)
			bind(m, first[rank], (int)rank, o);
}

static void map_text(struct elff_map *m, const char *names, const struct log_options *o)
{
	map_init(m, (const uint8_t *)names, (const uint8_t *)names + strlen(names), o);
}

void elff_init(struct elff *f, const struct log_options *options)
{
	char all[sizeof spot_names + sizeof spot_more];
	*f = (struct elff){.options = options, .by_default = true, .last_clock = -1, .backslash = true, .unit = 1000};
	snprintf(all, sizeof all, "%s%s", spot_names, spot_more);
	map_text(&f->map, options->fields != NULL && !options->spot ? options->fields : all, options);
	map_text(&f->shorter, spot_names, options);
}

void elff_fini(struct elff *f)
{
	map_fini(&f->map);
	map_fini(&f->shorter);
}

static bool contains(const uint8_t *at, const uint8_t *end, const char *word)
{
	size_t len = strlen(word);
	for (; (size_t)(end - at) >= len; at++)
		if (strncasecmp((const char *)at, word, len) == 0)
			return true;
	return false;
}

static void software(struct elff *f, const uint8_t *at, const uint8_t *end)
{
	f->backslash = !contains(at, end, "Microsoft") && !contains(at, end, "IIS");
	f->unit = contains(at, end, "Oracle") ? 1000000 : contains(at, end, "CloudFront") ? 1 : 1000;
}

/* #Date: a date, perhaps a time and a zone behind it. */
static void date(struct elff *f, const uint8_t *at, const uint8_t *end)
{
	int64_t day_s;
	if (!when_date(&f->days, value_word(&at, end), &day_s))
		return;
	f->dated = true;
	f->day_s = day_s;
	f->last_clock = -1;
	int64_t clock;
	if (when_clock(value_word(&at, end), &clock))
		f->last_clock = clock;
}

static bool is_name(const uint8_t *at, const uint8_t *end, const char *name)
{
	return (size_t)(end - at) == strlen(name) && strncasecmp((const char *)at, name, strlen(name)) == 0;
}

void elff_directive(struct elff *f, const uint8_t *at, const uint8_t *end, uint64_t *counter)
{
	const uint8_t *colon = memchr(at, ':', (size_t)(end - at));
	const uint8_t *name_end = colon != NULL ? colon : end;
	const uint8_t *value = colon != NULL ? colon + 1 : end;
	for (at++; at < name_end && is_blank(*at); at++)
		;
	while (name_end > at && is_blank(name_end[-1]))
		name_end--;
	for (const uint8_t *p = value; end - p >= 4; p++)
		if (memcmp(p, " // ", 4) == 0) {
			end = p;
			break;
		}
	if (is_name(at, name_end, "Fields")) {
		if (f->options->spot)
			return;
		map_fini(&f->map);
		map_init(&f->map, value, end, f->options);
		f->by_default = false;
		f->filled = NULL;
	} else if (is_name(at, name_end, "Software")) {
		software(f, value, end);
	} else if (is_name(at, name_end, "Date")) {
		date(f, value, end);
	} else if (is_name(at, name_end, "GMT-Offset")) {
		f->offset_given = when_zone(value_word(&value, end), &f->offset_s);
	} else if (!is_name(at, name_end, "Version") && !is_name(at, name_end, "Start-Date") &&
	           !is_name(at, name_end, "End-Date") && !is_name(at, name_end, "Remark")) {
		counter[COUNT_UNKNOWN_DIRECTIVES]++;
	}
}

/* The quote that ends a value: one before a blank or the end of the line. NULL: none. */
static const uint8_t *closing(const uint8_t *at, const uint8_t *end, bool backslash, bool *doubled)
{
	const uint8_t *from = at;
	while (at < end) {
		const uint8_t *q = memchr(at, '"', (size_t)(end - at));
		if (q == NULL)
			return NULL;
		if (backslash && q > from && q[-1] == '\\') {
			*doubled = true;
			at = q + 1;
		} else if (q + 1 == end || is_blank(q[1])) {
			return q;
		} else if (q[1] == '"') {
			*doubled = true;
			at = q + 2;
		} else {
			at = q + 1;
		}
	}
	return NULL;
}

/* A value that begins with a quote; false: read it as a bare word. */
static bool quoted(const struct elff *f, const uint8_t **at, const uint8_t *end, struct value *out)
{
	bool doubled = false;
	const uint8_t *begin = *at + 1;
	const uint8_t *q = closing(begin, end, f->backslash, &doubled);
	if (q == NULL && f->backslash) {
		doubled = false;
		q = closing(begin, end, false, &doubled);
	}
	if (q == NULL)
		return false;
	*out =
	    (struct value){.at = begin, .length = (uint32_t)(q - begin), .form = doubled ? FORM_DOUBLED : FORM_QUOTED};
	*at = q + 1;
	return true;
}

/* The first blank, or end. Eight bytes a step: the borrow of the subtraction may mark a byte behind a blank, never one
 * before the first. */
static inline const uint8_t *find_blank(const uint8_t *at, const uint8_t *end)
{
	const uint64_t ones = UINT64_MAX / 255;
	for (; end - at >= 8; at += 8) {
		uint64_t w, space, tab;
		memcpy(&w, at, sizeof w);
		space = w ^ ones * ' ';
		tab = w ^ ones * '\t';
		uint64_t found = (((space - ones) & ~space) | ((tab - ones) & ~tab)) & ones * 0x80;
		if (found != 0)
			return at + __builtin_ctzll(found) / 8;
	}
	while (at < end && !is_blank(*at))
		at++;
	return at;
}

/* Cut at runs of blanks. Returns how many values there are, which may be more than were kept. */
static size_t cut_blanks(
    struct elff *f, const struct elff_map *m, const uint8_t *at, const uint8_t *end, bool *unclosed)
{
	size_t n = 0;
	for (;;) {
		while (at < end && is_blank(*at))
			at++;
		if (at == end)
			return n;
		struct value v;
		if (*at == '"' && !*unclosed && quoted(f, &at, end, &v)) {
			if (n < RECORD_VALUES)
				f->cut[n] = v;
			n++;
			continue;
		}
		*unclosed |= *at == '"';
		const uint8_t *begin = at;
		/* [18/Aug/2016:05:30:54 GMT] is one value. */
		if (*at == '[' && m->stamp >= 0 && n == (size_t)m->stamp) {
			const uint8_t *close = memchr(at, ']', (size_t)(end - at));
			at = close != NULL ? close + 1 : at;
		}
		at = find_blank(at, end);
		if (n < RECORD_VALUES)
			f->cut[n] = value_of(begin, at);
		n++;
	}
}

/* Cut at single tabs, where that gives just the values that there are names for. */
static bool cut_tabs(struct elff *f, size_t names, const uint8_t *at, const uint8_t *end)
{
	size_t tabs = 0;
	for (const uint8_t *p = at; p < end && (p = memchr(p, '\t', (size_t)(end - p))) != NULL; p++)
		tabs++;
	if (tabs == 0 || tabs + 1 != names)
		return false;
	for (size_t n = 0; n < names; n++) {
		const uint8_t *stop = memchr(at, '\t', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		f->cut[n] = value_of(at, stop);
		if (stop - at >= 2 && *at == '"' && stop[-1] == '"')
			f->cut[n] =
			    (struct value){.at = at + 1, .length = (uint32_t)(stop - at - 2), .form = FORM_DOUBLED};
		at = stop + (stop < end);
	}
	return true;
}

/* May the names from here on be missing? */
static bool missing_allowed(const struct elff_map *m, size_t from)
{
	for (size_t i = from; i < m->count; i++)
		if (strncasecmp(m->name[i], "x-", 2) != 0 && strncasecmp(m->name[i], "rs", 2) != 0)
			return false;
	return from > 0;
}

static bool numeric(struct value v)
{
	if (value_unset(v))
		return true;
	for (uint32_t i = 0; i < v.length; i++)
		if (!is_digit(v.at[i]))
			return false;
	return true;
}

/* An unquoted user agent with blanks makes more values than names: put it together where that leaves numbers in their
 * columns. */
static bool rejoin(struct elff *f, const struct elff_map *m, size_t n)
{
	int agent = m->column[FIELD_USERAGENT];
	if (agent < 0 || n > RECORD_VALUES || f->cut[agent].form != FORM_BARE)
		return false;
	size_t more = n - m->count, to = (size_t)agent;
	struct value last = f->cut[to + more];
	if (last.form != FORM_BARE)
		return false;
	static const int number[] = {FIELD_RESPCODE, FIELD_SCBYTES, FIELD_CSBYTES, FIELD_DURATION};
	for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
		int column = m->column[number[i]];
		if (column > agent && !numeric(f->cut[(size_t)column + more]))
			return false;
	}
	f->cut[to] = value_of(f->cut[to].at, last.at + last.length);
	memmove(&f->cut[to + 1], &f->cut[to + 1 + more], (m->count - to - 1) * sizeof *f->cut);
	return true;
}

/* Make the values as many as the names are. */
static bool fit(struct elff *f, const struct elff_map *m, size_t n, uint64_t *counter)
{
	if (n == m->count)
		return true;
	if (n > m->count && f->options->spot) {
		counter[COUNT_FIELDS_IGNORED] += n - m->count;
		return true;
	}
	if (n > m->count && rejoin(f, m, n)) {
		counter[COUNT_REJOINED_AGENTS]++;
		return true;
	}
	if (n < m->count && !f->options->spot && !f->by_default && missing_allowed(m, n)) {
		memset(&f->cut[n], 0, (m->count - n) * sizeof *f->cut);
		counter[COUNT_FIELDS_MISSING]++;
		return true;
	}
	snprintf(f->reason, sizeof f->reason, "%zu fields, %zu names", n, m->count);
	return false;
}

/* The day of a record that has only a clock: #Date's, or a later one when time runs back by half a day. */
static int64_t day_by_directive(struct elff *f, int64_t clock, uint64_t *counter)
{
	if (f->day_s <= UINT32_MAX && f->last_clock >= 0 && f->last_clock - clock > (int64_t)DAY_S / 2 * NS_PER_S) {
		f->day_s += DAY_S;
		counter[COUNT_DATE_ROLLOVERS]++;
	}
	f->last_clock = clock;
	return f->day_s;
}

/* Seconds east of UTC of what is logged; false: nobody says. */
static bool east_of(const struct elff *f, bool local, int64_t *east_s)
{
	*east_s = f->offset_given ? f->offset_s : local ? f->options->zone_s : 0;
	return f->offset_given || !local || f->options->zoned;
}

static bool record_time(struct elff *f, const struct elff_map *m, struct record *r, uint64_t *counter)
{
	int64_t east_s, clock, day_s;
	bool known_zone = east_of(f, m->local, &east_s), good = false;
	if (m->clock >= 0 && (m->date >= 0 || f->dated)) {
		good = when_clock(f->cut[m->clock], &clock);
		if (good && m->date >= 0)
			good = when_date(&f->days, f->cut[m->date], &day_s);
		else if (good)
			day_s = day_by_directive(f, clock, counter);
		if (good)
			r->time_ns = (day_s - east_s) * NS_PER_S + clock;
	} else if (m->stamp >= 0) {
		good = when_stamp(&f->days, f->cut[m->stamp], east_s, &r->time_ns);
	}
	if (good && !known_zone) {
		snprintf(f->reason, sizeof f->reason, "local time, and neither #GMT-Offset nor the option zone");
		return false;
	}
	if (!good || !when_usable(r->time_ns)) {
		snprintf(f->reason, sizeof f->reason, "no usable time");
		return false;
	}
	return true;
}

static void fill_record(struct elff *f, const struct elff_map *m, bool extras, struct record *r)
{
	if (f->filled != m) {
		record_clear(r);
		f->filled = m;
	}
	for (size_t field = 0; field < LOG_FIELD_COUNT; field++)
		if (m->column[field] >= 0)
			r->value[field] = f->cut[m->column[field]];
	if (m->uri >= 0)
		r->uri = f->cut[m->uri];
	r->duration_unit = m->milliseconds ? 1000 : m->seconds ? 1 : f->unit;
	r->extras = 0;
	for (size_t i = 0; extras && i < m->count; i++)
		if (m->field[i] < 0)
			record_extra(r, m->name[i], f->cut[i]);
}

bool elff_record(
    struct elff *f, const uint8_t *at, const uint8_t *end, bool extras, struct record *r, uint64_t *counter)
{
	const struct elff_map *m = &f->map;
	bool unclosed = false, tabs = cut_tabs(f, m->count, at, end);
	size_t n = tabs ? m->count : cut_blanks(f, m, at, end, &unclosed);
	if (n == SPOT_SHORTER && f->by_default && f->options->fields == NULL && !f->options->spot)
		m = &f->shorter;
	if (!fit(f, m, n, counter) || !record_time(f, m, r, counter))
		return false;
	counter[COUNT_UNCLOSED_QUOTES] += unclosed;
	fill_record(f, m, extras, r);
	return true;
}

/* "#Name:" or a date with a clock behind it. */
static bool begins_record(const uint8_t *p, const uint8_t *end)
{
	if (end - p > 1 && p[0] == '#')
		return memchr(p, ':', (size_t)(end - p < 24 ? end - p : 24)) != NULL;
	return end - p > 19 && p[4] == '-' && p[7] == '-' && is_digit(p[0]) && is_digit(p[3]) && is_digit(p[5]) &&
	       is_digit(p[9]) && is_blank(p[10]) && is_digit(p[11]) && p[13] == ':';
}

const uint8_t *elff_unprefixed(const uint8_t *at, const uint8_t *end)
{
	bool month = end - at > 16 && at[0] >= 'A' && at[0] <= 'S' && at[3] == ' ' && at[6] == ' ' && at[9] == ':';
	if (at == end || (at[0] != '<' && !month))
		return at;
	const uint8_t *stop = end - at > PREFIX_MOST ? at + PREFIX_MOST : end;
	for (const uint8_t *p = at + 1; p < stop; p++)
		if (is_blank(p[-1]) && begins_record(p, end))
			return p;
	return at;
}
