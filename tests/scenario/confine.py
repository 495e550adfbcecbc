#!/usr/bin/env python3
"""Confinement through the program: on without a word, the same rows, what is in force, damaged files, children killed in the middle, kernels that lack parts of it, nothing left behind."""
import ctypes
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool, stop, wait_for  # noqa: E402


def descendants(pid):
    """{pid: name} of all processes below pid."""
    parent, name, found = {}, {}, {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as f:
                text = f.read()
        except OSError:
            continue
        name[int(entry)] = text[text.index('(') + 1:text.rindex(')')]
        parent[int(entry)] = int(text.rsplit(')', 1)[1].split()[1])
    for p in parent:
        up = p
        while up in parent and up != pid:
            up = parent[up]
        if up == pid and p != pid:
            found[p] = name[p]
    return found


def status(s):
    return json.loads(subprocess.run([s.sluice, 'status', '-c', s.config, '--json'], capture_output=True, text=True, check=False).stdout)


def once(place, name, **keys):
    """Small files, which the collector dissects, or large ones, which the worker does."""
    s = Spool(place, commit='{ max_age: 100ms }', collect='{ settle: 0 }', **keys)
    for i in range(20):
        s.make(f'nfcapd.2026011409{i:02}', 300 + i)
    for n in s.inputs:
        s.drop(n)
    bad = {'nfcapd.202601141000': b'this is no nfcapd file at all, and long enough to look at'}
    s.drop(*bad, *bad.values())
    done = subprocess.run([s.sluice, 'run', '-c', s.config, '--once', '--quiet'], capture_output=True, text=True, check=False)
    tap.check(f'{name}: one file is refused', done.returncode == 1, f'{done.returncode}\n{done.stderr[-1500:]}')
    tap.check(f'{name}: every row of the others is there', ids(s.lake) == s.expected(), done.stderr[-1500:])
    wrong = faults(s.lake, s.inputs | bad)
    tap.check(f'{name}: the lake is in order', not wrong, '\n'.join(wrong[:10]))
    now = status(s)['confinement']
    tap.check(f'{name}: processes were started, none did wrong, none is left', now['on'] and now['started'] > 0 and now['stopped'] == 0 and now['processes'] == 0, str(now))


def small_files(place):
    once(place, 'small files')


def large_files(place):
    once(place, 'large files', event='{ inline_max: 0 }')


def check_says(place):
    s = Spool(place)
    done = subprocess.run([s.sluice, 'check', '-c', s.config], capture_output=True, text=True, check=False)
    line = [text for text in done.stdout.splitlines() if 'confinement' in text]
    tap.check('check says what is in force', len(line) == 1 and line[0].startswith('ok') and 'seccomp' in line[0].lower() and 'rlimits' in line[0], done.stdout)


def killed(place):
    """Children and fork servers die by a stranger's hand while files come: every row once."""
    s = Spool(place, commit='{ max_age: 100ms }', collect='{ rescan: 1s, settle: 100ms }', event='{ inline_max: 20KiB }')
    run = s.start('run')
    for i in range(60):
        name = f'nfcapd.20260114{9 + i // 60:02}{i % 60:02}'
        s.make(name, 50 if i % 2 else 2000)
        s.drop(name)
        victims = [p for p, n in descendants(run.pid).items() if n == ('sluice-confine' if i % 20 == 10 else 'sluice-dissect')]
        for p in victims[:1 + i % 2]:
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    tap.check('killed: every row is there, once', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log()[-1500:])
    now = status(s)['confinement']
    tap.check('killed: status says what is in force', now['in_force'] and now['started'] > 2, str(now))
    mine = {p['name']: p for p in status(s)['processes']}
    tap.check('status counts the memory of those that dissect', all(mine[n]['memory_bytes'] > mine[n]['confined_memory_bytes'] > 0 for n in ('collector', 'worker')), str(mine))
    below = descendants(run.pid)
    tap.check('SIGTERM ends run with 0', stop(run) == 0, s.log()[-1500:])
    tap.check('no process is left', wait_for(lambda: not any(os.path.exists(f'/proc/{p}') for p in below), 10), str(below))
    wrong = faults(s.lake, s.inputs)
    tap.check('killed: the lake is in order', not wrong, '\n'.join(wrong[:10]))


def off(place):
    """Said, shown, and then no process more than the daemons."""
    s = Spool(place, confine='off', commit='{ max_age: 100ms }', collect='{ settle: 0 }')
    s.drop('nfcapd.202601140900', s.make('nfcapd.202601140900', 30))
    done = s.command('run', '--once')
    tap.check('off: rows are there', done.returncode == 0 and ids(s.lake) == s.expected(), done.stderr[-1500:])
    now = status(s)['confinement']
    tap.check('off: nothing was started', not now['on'] and now['started'] == 0, str(now))
    tap.check('off: status and check say so', 'not confined (confine: off)' in s.command('status').stdout and 'confinement' in s.command('check').stdout)


SECCOMP = {'x86_64': 317, 'aarch64': 277}.get(platform.machine())
LANDLOCK = 444


def without(*calls):
    """For preexec_fn: from now on these system calls are what they are to a kernel that does not know them."""
    def stmt(code, k, t=0, f=0):
        return struct.pack('HBBI', code, t, f, k)
    program = stmt(0x20, 0) + b''.join(stmt(0x15, n, 0, 1) + stmt(0x06, 0x00050000 | 38) for n in calls) + stmt(0x06, 0x7fff0000)
    code = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        word = ctypes.c_ulong
        if libc.prctl(38, word(1), word(0), word(0), word(0)) != 0 or libc.prctl(22, word(2), ctypes.byref(head), word(0), word(0)) != 0:
            raise OSError(ctypes.get_errno(), f'prctl with {len(code)} bytes')
    return enter


def lacking(place, name, calls, missing):
    """The rest is in force; a warning a daemon, and status says it."""
    s = Spool(place, commit='{ max_age: 100ms }', collect='{ settle: 0 }', event='{ inline_max: 20KiB }')
    for i in range(4):
        s.drop(f'nfcapd.20260114090{i}', s.make(f'nfcapd.20260114090{i}', 2000 if i % 2 else 50))
    enter = without(*calls)
    line = [text for text in s.command('check', preexec_fn=enter).stdout.splitlines() if 'confinement' in text]
    tap.check(f'{name}: check says what is missing', len(line) == 1 and 'in part' in line[0] and missing in line[0] and 'rlimits' in line[0], str(line))
    run = s.start('run', preexec_fn=enter)
    tap.check(f'{name}: rows are there', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log()[-1500:])
    warned = [text for text in s.log().splitlines() if 'confined in part' in text]
    tap.check(f'{name}: a warning of each daemon, one', len(warned) == 2 and all(missing in text for text in warned), str(warned))
    text = [row for row in s.command('status').stdout.splitlines() if row.startswith('dissectors')]
    tap.check(f'{name}: status says it', len(text) == 1 and 'confined in part' in text[0] and missing in text[0], str(text))
    tap.check(f'{name}: SIGTERM ends run with 0', stop(run) == 0, s.log()[-1500:])
    done = subprocess.run([s.sluice, 'dissect', '-t', 'nfcapd', os.path.join(s.watch, 'nfcapd.202601140901')], capture_output=True, text=True, check=False, preexec_fn=enter)
    tap.check(f'{name}: dissect gives its rows', done.returncode == 0 and len(done.stdout.splitlines()) == 2001, done.stderr)


def no_landlock(place):
    lacking(place, 'no landlock', [LANDLOCK], 'no landlock')


def no_seccomp(place):
    if SECCOMP is None:
        tap.skip('no seccomp', f'the number of its call on {platform.machine()}')
        return
    lacking(place, 'no seccomp', [LANDLOCK, SECCOMP], 'NO SECCOMP')


if __name__ == '__main__':
    for case in (small_files, large_files, check_says, killed, off, no_landlock, no_seccomp):
        with tempfile.TemporaryDirectory(prefix='sluice-confine-') as folder:
            case(folder)
    tap.done()
