/* Follows record and element lengths, so that a block that was cut or changed is seen before its first row leaves. */
#include "dissect/nfcapd/records.h"

#include "dissect/nfcapd/wire.h"

enum { OLD_HEAD_0 = 28, OLD_HEAD = 32, OLD_IPV6 = 1, OLD_PACKETS64 = 2, OLD_BYTES64 = 4, MAP_LEAST = 8 };

size_t old_record_base(const uint8_t *record)
{
	unsigned flags = record[4];
	size_t head = load16(record) == RECORD_COMMON ? OLD_HEAD : OLD_HEAD_0;
	return head + (flags & OLD_IPV6 ? 32 : 8) + (flags & OLD_PACKETS64 ? 8 : 4) + (flags & OLD_BYTES64 ? 8 : 4);
}

static const char *flow_problem(const uint8_t *record, size_t size)
{
	if (size < FLOW_HEADER)
		return "a flow record shorter than its head";
	unsigned count = load16(record + 4);
	if (count > ELEMENTS_MAX)
		return "a flow record with too many elements";
	size_t at = FLOW_HEADER;
	for (; count > 0; count--) {
		if (size - at < ELEMENT_HEADER)
			return "an element past its record";
		size_t length = load16(record + at + 2);
		if (length < ELEMENT_HEADER || length > size - at)
			return "an element past its record";
		at += length;
	}
	return at == size ? NULL : "a flow record longer than its elements";
}

const char *record_problem(const uint8_t *record, size_t size)
{
	switch (load16(record)) {
	case RECORD_V3:
		return flow_problem(record, size);
	case RECORD_COMMON_0:
	case RECORD_COMMON:
		return size < OLD_HEAD_0 || size < old_record_base(record) ? "a flow record shorter than its head"
		                                                           : NULL;
	case RECORD_MAP:
		return size < MAP_LEAST ? "an extension map shorter than its head" : NULL;
	case RECORD_EXPORTER:
		return size < EXPORTER_BYTES ? "an exporter record too short" : NULL;
	default:
		return NULL;
	}
}

struct records_check records_check(const uint8_t *bytes, size_t size, uint32_t count)
{
	struct records_check c = {0};
	while (c.good < size) {
		const uint8_t *record = bytes + c.good;
		size_t left = size - c.good;
		size_t length = left < RECORD_HEADER ? 0 : load16(record + 2);
		if (c.records == count)
			c.reason = "more records than the block says";
		else if (length < RECORD_HEADER || length > left)
			c.reason = "a record past its block";
		else
			c.reason = record_problem(record, length);
		if (c.reason != NULL)
			return c;
		c.good += length;
		c.records++;
	}
	if (c.records < count)
		c.reason = "fewer records than the block says";
	return c;
}
