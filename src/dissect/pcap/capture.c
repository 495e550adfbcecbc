/* The front: which of the two formats a file is, counting, and how it came to an end. */
#include "dissect/pcap/capture.h"

#include <stdio.h>

#include "base/mem.h"
#include "dissect/pcap/records.h"
#include "pack/unpack.h"

enum { MAGIC = 4 };

struct capture *capture_new(struct source *src)
{
	struct capture *c = mem_zero(1, sizeof *c);
	c->source = src;
	return c;
}

void capture_free(struct capture **cp)
{
	struct capture *c = *cp;
	if (c == NULL)
		return;
	source_close(&c->source);
	source_close(&c->window.source);
	mem_free(&c->interface);
	mem_free(cp);
}

enum rc records_stop(struct capture *c, uint64_t offset, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	c->damage = (struct capture_damage){.set = true, .offset = offset};
	vsnprintf(c->damage.reason, sizeof c->damage.reason, format, args);
	va_end(args);
	c->ended = c->unclean = true;
	return RC_END;
}

enum rc records_cut(struct capture *c, enum rc rc, const char *what, struct err *e)
{
	uint64_t offset = window_offset(&c->window);
	size_t left = window_left(&c->window);
	if (rc == RC_BAD)
		return records_stop(c, offset, "%.150s", e->text);
	if (rc != RC_END)
		return rc;
	c->ended = true;
	if (left == 0)
		return RC_END;
	records_stop(c, offset, "the capture ends inside %s", what);
	c->damage.length = left;
	return RC_END;
}

/* Nothing at all is an empty capture: tshark says so too. */
static enum rc begin(struct capture *c, struct err *e)
{
	struct source *inner = c->source;
	c->source = NULL;
	enum rc rc = unpack_open(inner, &c->window.source, e);
	if (rc != RC_OK)
		return rc;
	rc = window_want(&c->window, MAGIC, e);
	if (rc == RC_END && window_left(&c->window) == 0)
		return RC_END;
	if (rc == RC_END || (rc == RC_OK && !file_magic(c->window.at) && !ng_magic(c->window.at)))
		return err_set(
		    RC_BAD, e, "no capture file: it begins with the magic number of neither pcap nor pcapng");
	if (rc != RC_OK)
		return rc;
	return file_magic(c->window.at) ? file_begin(c, e) : ng_begin(c, e);
}

enum rc capture_next(struct capture *c, struct frame *out, struct err *e)
{
	if (c->refused != RC_OK) {
		*e = c->reason;
		return c->refused;
	}
	if (c->ended)
		return RC_END;
	if (!c->opened) {
		enum rc rc = begin(c, e);
		if (rc != RC_OK && rc != RC_END) {
			c->refused = rc;
			c->reason = *e;
			c->unclean = true;
		}
		c->ended = rc != RC_OK;
		if (c->ended)
			return rc;
		c->opened = true;
	}
	enum rc rc = c->next(c, out, e);
	if (rc == RC_OK) {
		c->counts.frames++;
		c->counts.cut_by_snaplen += out->captured < out->length;
	}
	return rc;
}

struct capture_damage *capture_damage(struct capture *c)
{
	return &c->damage;
}

bool capture_clean(const struct capture *c)
{
	return c->ended && !c->unclean;
}

const struct capture_counts *capture_counts(const struct capture *c)
{
	return &c->counts;
}
