/* A call is a message there and a message back; the rest of this file is what the message back may mean. */
#include "catalog/hive/call.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "format/thrift_binary.h"

enum {
	REQUEST_MAX = 64 << 20,
	SLOW = 30, /* an alter that goes through all partitions takes as long as it takes */
	SHOWN = 200,
	UNKNOWN_METHOD = 1, /* TApplicationException type */
};

/* Field numbers of the exceptions that a result may hold; 0 none. */
struct method_info {
	const char *name;
	int16_t exists, missing, refused, trouble;
	bool slow;
};

static const struct method_info info[METHODS] = {
    [SET_UGI] = {.name = "set_ugi", .trouble = 1},
    [GET_DATABASE] = {.name = "get_database", .missing = 1, .trouble = 2},
    [CREATE_DATABASE] = {.name = "create_database", .exists = 1, .refused = 2, .trouble = 3},
    [GET_TABLE] = {.name = "get_table", .trouble = 1, .missing = 2},
    [GET_TABLE_REQ] = {.name = "get_table_req", .trouble = 1, .missing = 2},
    [CREATE_TABLE] = {.name = "create_table", .exists = 1, .refused = 2, .trouble = 3, .missing = 4},
    [ALTER_TABLE] = {.name = "alter_table_with_environment_context", .refused = 1, .trouble = 2, .slow = true},
    /* 2.3: 1 is MetaException; later 1 is NoSuchObjectException, 2 MetaException. */
    [GET_PARTITION_NAMES] = {.name = "get_partition_names", .trouble = 1, .slow = true},
    [GET_PARTITION] = {.name = "get_partition", .trouble = 1, .missing = 2},
    [ALTER_PARTITION] = {.name = "alter_partition_with_environment_context", .refused = 1, .trouble = 2},
    [DROP_PARTITION] = {.name = "drop_partition", .missing = 1, .trouble = 2},
    [ADD_PARTITION] = {.name = "add_partition_with_environment_context", .refused = 1, .exists = 2, .trouble = 3},
};

void session_init(struct session *s, const struct hosts *place, int64_t timeout_ms, const atomic_bool *halt)
{
	*s = (struct session){.timeout_ms = timeout_ms};
	link_init(&s->link, place, halt);
}

void session_fini(struct session *s)
{
	link_close(&s->link);
}

/* What a server says is one line of ours: the first line of it, odd bytes escaped. */
static void show(const char *what, const char *text, struct err *e)
{
	char shown[4 * SHOWN + 1] = "no reason given";
	if (text != NULL && text[0] != '\0') {
		size_t len = strcspn(text, "\r\n");
		str_escape(text, len < SHOWN ? len : SHOWN, shown);
	}
	err_set(RC_AGAIN, e, "%s: %.*s", what, 2 * SHOWN, shown);
}

static enum reply judge(const struct method_info *m, const struct tree *body, struct err *e)
{
	const struct tree *first = body->first;
	if (first == NULL || first->id == 0)
		return REPLY_DONE;
	show(m->name, first->type == T_STRUCT ? tree_text(first, 1) : NULL, e);
	return first->id == m->exists    ? REPLY_EXISTS
	       : first->id == m->missing ? REPLY_MISSING
	       : first->id == m->refused ? REPLY_REFUSED
	                                 : REPLY_TROUBLE;
}

/* One message there, one back. */
static enum rc exchange(struct session *s, const struct method_info *m, const struct tree *args, enum reply *reply,
    struct tree **result, struct err *e)
{
	struct binary_message answer = {.body = NULL};
	struct writer out;
	writer_init(&out, REQUEST_MAX);
	s->seq = s->seq == INT32_MAX ? 1 : s->seq + 1;
	binary_message(&out, m->name, BINARY_CALL, s->seq, args);
	enum rc rc = out.failed ? err_set(RC_BAD, e, "%s: a call of more than %d bytes", m->name, REQUEST_MAX) : RC_OK;
	link_limit(&s->link, m->slow ? s->timeout_ms * SLOW : s->timeout_ms);
	if (rc == RC_OK)
		rc = link_send(&s->link, out.bytes, out.len, e);
	writer_fini(&out);
	if (rc == RC_OK)
		rc = binary_read(s->link.in, &answer, e);
	if (rc == RC_OK && (answer.seq != s->seq || strcmp(answer.name, m->name) != 0)) {
		tree_free(&answer.body);
		rc = err_set(RC_BAD, e, "the answer is to another call");
	}
	if (rc == RC_END)
		err_set(RC_AGAIN, e, "the server closed the connection");
	if (rc != RC_OK) {
		char name[256];
		err_wrap(RC_AGAIN, e, "%s: %s", link_name(&s->link, name, sizeof name), m->name);
		link_failed(&s->link);
		return RC_AGAIN; /* whatever it was: another server, or this one later, may do better */
	}
	*reply = REPLY_TROUBLE;
	if (answer.kind == BINARY_EXCEPTION) {
		const struct tree *type = tree_field(answer.body, 2, T_I32);
		show(m->name, tree_text(answer.body, 1), e);
		if (type != NULL && type->number == UNKNOWN_METHOD)
			*reply = REPLY_UNKNOWN;
	} else {
		*reply = judge(m, answer.body, e);
	}
	if (*reply == REPLY_DONE && result != NULL)
		*result = answer.body;
	else
		tree_free(&answer.body);
	return RC_OK;
}

/* A server that does not want to know who asks answers with an exception, and goes on. */
static enum rc open_session(struct session *s, struct err *e)
{
	enum reply ignored;
	enum rc rc = link_open(&s->link, s->timeout_ms, e);
	if (rc != RC_OK)
		return rc;
	s->opened++;
	struct tree *args = tree_new(T_STRUCT);
	tree_add_text(args, 1, s->user);
	tree_add_list(args, 2, T_STRING);
	rc = exchange(s, &info[SET_UGI], args, &ignored, NULL, e);
	tree_free(&args);
	return rc;
}

enum rc session_call(
    struct session *s, enum method m, struct tree *args, enum reply *reply, struct tree **result, struct err *e)
{
	enum rc rc;
	bool idle;
	do {
		idle = s->link.fd >= 0;
		rc = idle ? RC_OK : open_session(s, e);
		if (rc == RC_OK)
			rc = exchange(s, &info[m], args, reply, result, e);
	} while (rc == RC_AGAIN && idle && !s->link.timed_out);
	tree_free(&args);
	return rc;
}
