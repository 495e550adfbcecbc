/* session: servers that are silent, gone, closing, or no metastores at all. Each is a thread that plays one part. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/writer.h"
#include "catalog/catalog.h"
#include "catalog/hive/call.h"
#include "format/thrift_binary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct err e;

struct peer {
	int listener;
	int port;
	pthread_t thread;
	void (*play)(struct peer *p, int fd, int connection);
	int connections; /* so many are served */
	int served;
};

static void listen_on(struct peer *p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &size), 0);
	p->port = ntohs(a.sin_port);
}

static void *serve(void *context)
{
	struct peer *p = context;
	while (p->served < p->connections) {
		int fd = accept(p->listener, NULL, NULL);
		if (fd < 0)
			break;
		p->play(p, fd, p->served++);
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *p, void (*play)(struct peer *p, int fd, int connection), int connections)
{
	*p = (struct peer){.play = play, .connections = connections};
	listen_on(p);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_end(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static struct catalog *open_at(const char *place, const char *timeout_ms, const atomic_bool *halt)
{
	const struct catalog_option option = {"timeout_ms", timeout_ms};
	const struct catalog_params p = {.place = place, .option = &option, .options = 1, .halt = halt};
	struct catalog *c = NULL;
	assert_int_equal(catalog_open(&catalog_hive, &p, &c, &e), RC_OK);
	return c;
}

static enum rc reach_at(int port, const char *timeout_ms)
{
	char place[64];
	bool there;
	snprintf(place, sizeof place, "127.0.0.1:%d/spot", port);
	struct catalog *c = open_at(place, timeout_ms, NULL);
	enum rc rc = catalog_reach(c, &there, &e);
	catalog_close(&c);
	return rc;
}

/* ---- parts ---- */

/* Reads a call, answers it: RC_OK while there are any. */
static bool answer_one(int fd)
{
	struct source *s = source_fd(dup(fd), true, "peer");
	struct binary_message m;
	struct err ignored;
	struct writer out;
	bool done = binary_read(s, &m, &ignored) == RC_OK;
	source_close(&s);
	if (!done)
		return false;
	struct tree *result = tree_new(T_STRUCT);
	tree_add_struct(result, 0);
	writer_init(&out, 1 << 20);
	binary_message(&out, m.name, BINARY_REPLY, m.seq, result);
	done = write(fd, out.bytes, out.len) == (ssize_t)out.len;
	writer_fini(&out);
	tree_free(&result);
	tree_free(&m.body);
	return done;
}

static void well(struct peer *p, int fd, int connection)
{
	while (answer_one(fd))
		;
}

/* Until the other side gives up. */
static void silent(struct peer *p, int fd, int connection)
{
	char bytes[256];
	while (read(fd, bytes, sizeof bytes) > 0)
		;
}

/* Says who it is, and then nothing. */
static void silent_after_ugi(struct peer *p, int fd, int connection)
{
	answer_one(fd);
	silent(p, fd, connection);
}

/* The first connection is closed after one call, as a server that restarts does. */
static void closes_once(struct peer *p, int fd, int connection)
{
	if (connection > 0) {
		well(p, fd, connection);
		return;
	}
	answer_one(fd);
	answer_one(fd);
}

static void web_server(struct peer *p, int fd, int connection)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	(void)!write(fd, text, sizeof text - 1);
	silent(p, fd, connection);
}

static void endless(struct peer *p, int fd, int connection)
{
	static const char head[] = "\x80\x01\x00\x02\x00\x00\x00\x07set_ugi\x00\x00\x00\x01";
	static const char deeper[] = "\x0c\x00\x01\x0c\x00\x01\x0c\x00\x01\x0c\x00\x01";
	(void)!write(fd, head, sizeof head - 1);
	while (send(fd, deeper, sizeof deeper - 1, MSG_NOSIGNAL) > 0)
		;
}

static void other_call(struct peer *p, int fd, int connection)
{
	static const char text[] = "\x80\x01\x00\x02\x00\x00\x00\x07set_ugi\x00\x00\x03\xe7\x00";
	(void)!write(fd, text, sizeof text - 1);
	silent(p, fd, connection);
}

static void half_an_answer(struct peer *p, int fd, int connection)
{
	static const char text[] = "\x80\x01\x00\x02\x00\x00\x00\x07set_";
	(void)!write(fd, text, sizeof text - 1);
	shutdown(fd, SHUT_WR);
	silent(p, fd, connection);
}

/* An exception whose text is a page of Java, with an escape sequence in it. */
static void stack_trace(struct peer *p, int fd, int connection)
{
	struct source *s = source_fd(dup(fd), true, "peer");
	struct binary_message m;
	struct err ignored;
	struct writer out;
	while (binary_read(s, &m, &ignored) == RC_OK) {
		struct tree *result = tree_new(T_STRUCT);
		struct tree *exception = tree_add_struct(result, 2);
		char *text = mem_zero(100000, 1);
		memset(text, 'x', 99998);
		memcpy(text, "out of \x1b[31mroom\n\tat java.lang", 27);
		tree_add_text(exception, 1, text);
		mem_free(&text);
		writer_init(&out, 1 << 20);
		binary_message(&out, m.name, BINARY_REPLY, m.seq, result);
		(void)!write(fd, out.bytes, out.len);
		writer_fini(&out);
		tree_free(&result);
		tree_free(&m.body);
	}
	source_close(&s);
}

/* ---- tests ---- */

static void a_good_server_is_reached(void **state)
{
	struct peer p;
	peer_start(&p, well, 1);
	assert_int_equal(reach_at(p.port, "5000"), RC_OK);
	peer_end(&p);
}

static void silence_has_an_end(void **state)
{
	void (*const part[])(struct peer *, int, int) = {silent, silent_after_ugi};
	for (int i = 0; i < 2; i++) {
		struct peer p;
		peer_start(&p, part[i], 1);
		struct mono began = clock_mono();
		assert_int_equal(reach_at(p.port, "300"), RC_AGAIN);
		assert_in_range(mono_since(began), 250, 3000);
		assert_non_null(strstr(e.text, "no answer in time"));
		peer_end(&p);
	}
}

static void a_stop_ends_the_wait(void **state)
{
	struct peer p;
	atomic_bool halt = true;
	char place[64];
	bool there;
	peer_start(&p, silent, 1);
	snprintf(place, sizeof place, "127.0.0.1:%d", p.port);
	struct catalog *c = open_at(place, "60000", &halt);
	struct mono began = clock_mono();
	assert_int_equal(catalog_reach(c, &there, &e), RC_AGAIN);
	assert_in_range(mono_since(began), 0, 2000);
	catalog_close(&c);
	peer_end(&p);
}

static void nobody_listens(void **state)
{
	struct peer p = {.connections = 0};
	listen_on(&p);
	close(p.listener);
	assert_int_equal(reach_at(p.port, "1000"), RC_AGAIN);
	assert_non_null(strstr(e.text, "127.0.0.1:"));
}

static void the_next_host_is_tried(void **state)
{
	struct peer dead = {.connections = 0}, mute, good;
	char place[128];
	bool there;
	listen_on(&dead);
	close(dead.listener);
	peer_start(&mute, silent, 1);
	peer_start(&good, well, 1);
	snprintf(place, sizeof place, "127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", dead.port, mute.port, good.port);
	struct catalog *c = open_at(place, "300", NULL);
	/* The dead one is passed at once, the mute one after its time. */
	assert_int_equal(catalog_reach(c, &there, &e), RC_AGAIN);
	assert_int_equal(catalog_reach(c, &there, &e), RC_OK);
	catalog_close(&c);
	peer_end(&mute);
	peer_end(&good);
}

static void an_idle_connection_that_died_is_replaced(void **state)
{
	struct peer p;
	char place[64];
	bool there;
	peer_start(&p, closes_once, 2);
	snprintf(place, sizeof place, "127.0.0.1:%d", p.port);
	struct catalog *c = open_at(place, "5000", NULL);
	assert_int_equal(catalog_reach(c, &there, &e), RC_OK);
	assert_int_equal(catalog_reach(c, &there, &e), RC_OK);
	assert_int_equal(catalog_reach(c, &there, &e), RC_OK);
	catalog_close(&c);
	peer_end(&p);
	assert_int_equal(p.served, 2);
}

static void lies_are_said_to_be(void **state)
{
	static const struct {
		void (*part)(struct peer *p, int fd, int connection);
		const char *says;
	} lie[] = {
	    {web_server, "no strict binary thrift"},
	    {endless, "deep"},
	    {other_call, "another call"},
	    {half_an_answer, "ends in its middle"},
	};
	for (size_t i = 0; i < sizeof lie / sizeof lie[0]; i++) {
		struct peer p;
		peer_start(&p, lie[i].part, 1);
		assert_int_equal(reach_at(p.port, "5000"), RC_AGAIN);
		if (strstr(e.text, lie[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", e.text, lie[i].says);
		peer_end(&p);
	}
}

static void exceptions_become_one_line(void **state)
{
	struct peer p;
	peer_start(&p, stack_trace, 1);
	assert_int_equal(reach_at(p.port, "5000"), RC_AGAIN);
	assert_non_null(strstr(e.text, "get_database: out of \\x1b[31mroom"));
	assert_null(strchr(e.text, '\n'));
	assert_null(strstr(e.text, "java"));
	peer_end(&p);
}

static void wrong_options_are_refused(void **state)
{
	static const struct catalog_option wrong[] = {{"timeout_ms", "0"}, {"timeout_ms", "x"}, {"colour", "red"},
	    {"user", "a234567890123456789012345678901234567890123456789012345678901234567890"}};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const struct catalog_params p = {.place = "127.0.0.1", .option = &wrong[i], .options = 1};
		struct catalog *c = NULL;
		assert_int_equal(catalog_open(&catalog_hive, &p, &c, &e), RC_BAD);
		assert_null(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_server_is_reached),
	    cmocka_unit_test(silence_has_an_end),
	    cmocka_unit_test(a_stop_ends_the_wait),
	    cmocka_unit_test(nobody_listens),
	    cmocka_unit_test(the_next_host_is_tried),
	    cmocka_unit_test(an_idle_connection_that_died_is_replaced),
	    cmocka_unit_test(lies_are_said_to_be),
	    cmocka_unit_test(exceptions_become_one_line),
	    cmocka_unit_test(wrong_options_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
