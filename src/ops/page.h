/*
 * page: the one page of the endpoint, made at build time from page/: style and script inside it, so that its policy can name
 * them by their hashes and allow nothing else.
 */
#ifndef OPS_PAGE_H
#define OPS_PAGE_H

#include <stddef.h>

struct page {
	const unsigned char *html, *gzip; /* the same bytes twice, plain and compressed */
	size_t html_size, gzip_size;
	const char *policy; /* its Content-Security-Policy */
};
extern const struct page page;

#endif
