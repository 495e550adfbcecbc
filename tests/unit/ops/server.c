/* server: what comes back over a socket: guards, methods, compression, a connection that goes on. */
#include "ops/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { ANSWER = 1 << 20, SILENCE_MS = 10000 };

static void say(void *context, const struct server_query *q, struct server_reply *r)
{
	const char *times = server_argument(q, "times");
	for (int i = 0; i < (times != NULL ? atoi(times) : 1); i++)
		writer_text(&r->body, "hello ");
}

static void wrote(void *context, const struct server_query *q, struct server_reply *r)
{
	++*(int *)context;
	writer_text(&r->body, "written");
}

static void too_much(void *context, const struct server_query *q, struct server_reply *r)
{
	static const char piece[1 << 16];
	for (int i = 0; i < SERVER_BODY_MAX / (1 << 16) + 1; i++)
		writer_put(&r->body, piece, sizeof piece);
}

static int writes;
static const struct server_route route[] = {
    {"/say", false, say, NULL},
    {"/write", true, wrote, &writes},
    {"/much", false, too_much, NULL},
    {NULL},
};
static struct server_options options = {.names = "ops.example", .route = route};

static int setup(void **state)
{
	struct err e;
	struct server *s = NULL;
	if (address_parse("0", &options.address, &e) != RC_OK || server_open(&options, &s, &e) != RC_OK)
		return -1;
	*state = s;
	return 0;
}

static int setup_with_token(void **state)
{
	options.token = "0123456789abcdef";
	return setup(state);
}

static int teardown(void **state)
{
	struct server *s = *state;
	server_close(&s);
	options.token = NULL;
	return 0;
}

static int connected(const struct server *s)
{
	char where[ADDRESS_TEXT];
	struct address a;
	struct err e;
	assert_int_equal(address_parse(server_where(s, where), &a, &e), RC_OK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a.at, a.len), 0);
	return fd;
}

/* What comes until the other side closes. */
static char *ask(const struct server *s, const char *request)
{
	int fd = connected(s);
	char *answer = mem_zero(ANSWER, 1);
	size_t len = 0;
	ssize_t n = 1;
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	while (n > 0 && len < ANSWER - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, SILENCE_MS), 1);
		n = read(fd, answer + len, ANSWER - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return answer;
}

static void answers(const struct server *s, const char *request, const char *status, const char *holds)
{
	char *answer = ask(s, request);
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, 3) != 0 ||
	    strstr(answer, holds) == NULL)
		fail_msg("%s gave %s", request, answer);
	mem_free(&answer);
}

#define HEAD(method, path, more) method " " path " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" more "\r\n"

static void routes_by_path_and_method(void **state)
{
	answers(*state, HEAD("GET", "/say", ""), "200", "\r\n\r\nhello ");
	answers(*state, HEAD("HEAD", "/say", ""), "200", "Content-Length: 6");
	answers(*state, HEAD("GET", "/say?times=2", ""), "200", "\r\n\r\nhello hello ");
	answers(*state, HEAD("GET", "/nothing", ""), "404", "there is nothing here");
	answers(*state, HEAD("GET", "/say/../write", ""), "404", "there is nothing here");
	answers(*state, HEAD("POST", "/say", "Content-Length: 0\r\n"), "405", "Allow: GET, HEAD");
	answers(*state, HEAD("DELETE", "/say", ""), "405", "Allow: GET, HEAD");
	answers(*state, HEAD("GET", "/write", ""), "405", "Allow: POST");
	answers(*state, HEAD("GET", "/much", ""), "500", "too large");
}

static void browsers_are_told_what_they_may_do(void **state)
{
	static const char *const said[] = {"Content-Security-Policy: default-src 'none'",
	    "X-Content-Type-Options: nosniff", "Cross-Origin-Resource-Policy: same-origin", "Cache-Control: no-store",
	    "X-Frame-Options: DENY"};
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		answers(*state, HEAD("GET", "/say", ""), "200", said[i]);
		answers(*state, HEAD("GET", "/nothing", ""), "404", said[i]);
	}
}

static void a_name_that_is_not_ours_is_refused(void **state)
{
	answers(*state, "GET /say HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421", "not ours");
	answers(*state, "GET /say HTTP/1.1\r\nHost: ops.example:80\r\nConnection: close\r\n\r\n", "200", "hello");
	answers(*state, "GET /say HTTP/1.0\r\n\r\n", "421", "not ours");
	answers(*state, "GET /say HTTP/1.1\r\nConnection: close\r\n\r\n", "400", "");
}

static void without_a_token_nothing_is_written(void **state)
{
	writes = 0;
	answers(*state, HEAD("POST", "/write", "Content-Length: 0\r\nAuthorization: Bearer 0123456789abcdef\r\n"),
	    "403", "token_file");
	assert_int_equal(writes, 0);
}

static void a_write_needs_the_token_and_our_own_page(void **state)
{
	writes = 0;
	answers(*state, HEAD("POST", "/write", "Content-Length: 0\r\n"), "401", "token");
	answers(*state, HEAD("POST", "/write", "Content-Length: 0\r\nAuthorization: Bearer wrong\r\n"), "401", "token");
	answers(*state,
	    HEAD("POST", "/write",
	        "Content-Length: 0\r\nOrigin: http://evil.example\r\nAuthorization: Bearer 0123456789abcdef\r\n"),
	    "403", "another site");
	assert_int_equal(writes, 0);
	answers(*state,
	    HEAD("POST", "/write",
	        "Content-Length: 3\r\nOrigin: http://127.0.0.1\r\nAuthorization: Bearer 0123456789abcdef\r\n") "abc",
	    "200", "written");
	assert_int_equal(writes, 1);
}

static void gzip_for_those_who_take_it(void **state)
{
	answers(
	    *state, HEAD("GET", "/say?times=1000", "Accept-Encoding: br, gzip\r\n"), "200", "Content-Encoding: gzip");
	answers(
	    *state, HEAD("GET", "/say?times=1000", "Accept-Encoding: gzip;q=0.5\r\n"), "200", "Content-Encoding: gzip");
	answers(*state, HEAD("GET", "/say?times=1000", "Accept-Encoding: gzip;q=0\r\n"), "200", "hello hello");
	answers(*state, HEAD("GET", "/say?times=1000", "Accept-Encoding: gzip;q=0.000, br\r\n"), "200", "hello hello");
	answers(*state, HEAD("GET", "/say", "Accept-Encoding: gzip\r\n"), "200", "\r\n\r\nhello ");
	answers(*state, HEAD("GET", "/say?times=1000", ""), "200", "hello hello");
}

static void a_connection_serves_more_than_one_request(void **state)
{
	char *answer = ask(*state, "GET /say HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" HEAD("GET", "/say", ""));
	const char *first = strstr(answer, "hello");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "HTTP/1.1 200"));
	mem_free(&answer);
}

/* Its memory for a request is bounded: the answer is a refusal, or the connection's end. */
static void long_requests_are_refused(void **state)
{
	char *request = mem_zero(3 * SERVER_REQUEST, 1);
	memset(request, 'a', 2 * SERVER_REQUEST);
	memcpy(request, "GET /", 5);
	strcpy(request + 2 * SERVER_REQUEST, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
	int fd = connected(*state);
	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, SILENCE_MS), 1);
	char answer[16] = "";
	ssize_t n = read(fd, answer, sizeof answer - 1);
	assert_true(n <= 0 || strncmp(answer, "HTTP/1.1 4", 10) == 0);
	close(fd);
	mem_free(&request);
	answers(*state, HEAD("GET", "/say", ""), "200", "hello");
}

static void a_taken_address_is_an_error(void **state)
{
	struct server_options second = options;
	struct server *s = NULL;
	struct err e;
	char where[ADDRESS_TEXT];
	assert_int_equal(address_parse(server_where(*state, where), &second.address, &e), RC_OK);
	assert_int_equal(server_try(&second.address, &e), RC_FAIL);
	assert_int_equal(e.sys, EADDRINUSE);
	assert_int_equal(server_open(&second, &s, &e), RC_FAIL);
	assert_non_null(strstr(e.text, where));
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(routes_by_path_and_method, setup, teardown),
	    cmocka_unit_test_setup_teardown(browsers_are_told_what_they_may_do, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_name_that_is_not_ours_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_token_nothing_is_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_write_needs_the_token_and_our_own_page, setup_with_token, teardown),
	    cmocka_unit_test_setup_teardown(gzip_for_those_who_take_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_connection_serves_more_than_one_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(long_requests_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_taken_address_is_an_error, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
