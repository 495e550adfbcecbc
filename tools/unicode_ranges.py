#!/usr/bin/env python3
"""Prints src/dissect/dns/unicode_table.h: what g_unichar_isprint of the GLib on this machine calls printable, from U+0080.

    tools/unicode_ranges.py >src/dissect/dns/unicode_table.h

tshark asks that function. Debian 12 has GLib 2.74, which knows Unicode 14.
"""
import ctypes

LAST = 0x10FFFF
PER_LINE = 5


def ranges(printable):
    first = None
    for c in range(0x80, LAST + 2):
        good = c <= LAST and printable(c)
        if good and first is None:
            first = c
        if not good and first is not None:
            yield first, c - 1
            first = None


def main():
    glib = ctypes.CDLL('libglib-2.0.so.0')
    glib.g_unichar_isprint.argtypes = [ctypes.c_uint32]
    version = '.'.join(str(ctypes.c_uint.in_dll(glib, f'glib_{part}_version').value) for part in ('major', 'minor'))
    found = [f'{{0x{a:x}, 0x{b:x}}},' for a, b in ranges(lambda c: glib.g_unichar_isprint(c) != 0)]
    print(f'/* Made by tools/unicode_ranges.py from GLib {version}; included by unicode.c only. */')
    print('/* clang-format off */')
    print('static const struct range printable[] = {')
    for i in range(0, len(found), PER_LINE):
        print('\t' + ' '.join(found[i:i + PER_LINE]))
    print('};')
    print('/* clang-format on */')


main()
