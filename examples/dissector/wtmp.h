/*
 * wtmp: the login records of a Linux host, /var/log/wtmp and btmp: who came from where, and when. The worked example of
 * doc/dissector.md.
 *
 * Source  utmp(5), and <bits/utmp.h> of glibc on x86-64: records of 384 bytes, nothing before or between them
 */
#ifndef EXAMPLE_WTMP_H
#define EXAMPLE_WTMP_H

#include "dissect/dissect.h"

extern const struct dissect_ops dissect_wtmp;

#endif
