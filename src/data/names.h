/*
 * names: numbers that nfdump prints as names, so that our text equals its text.
 *
 * Thread  immutable tables
 */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* nfdump's name of an IP protocol; NULL from 138 on, where it prints the number. Number 0 is "0". */
const char *proto_name(uint64_t number);

/* The lowest number of that name, or -1. */
int proto_number(const char *name);

#endif
