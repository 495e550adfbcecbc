#!/usr/bin/env python3
"""run --once, load, status and check, end to end on small inputs."""
import json
import os
import pty
import signal
import socket
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import HOUR_MS, Spool, stop, wait_for  # noqa: E402


def status(s):
    return json.loads(s.command('status', '--json').stdout)


def counts(s):
    return status(s)['pipelines'][0]


def once(place):
    s = Spool(place, collect='{ settle: 0 }')
    before = s.command('status')
    tap.check('status before anything ran: exit 1, there is no lake', before.returncode == 1 and 'not running' in before.stdout and f'there is no lake at file://{s.lake}' in before.stderr, before)
    before = s.command('audit')
    tap.check('audit is of the same opinion', before.returncode == 1 and f'there is no lake at file://{s.lake}' in before.stderr and 'in order' not in before.stdout, before)
    tap.check('and it made nothing', not os.path.exists(s.lake))
    r = s.command('run', '--once')
    tap.check('run --once over an empty folder', r.returncode == 0, r)
    for i in range(5):
        s.make(f'nfcapd.20260114090{i}', 40 + i, hours=1 + i % 2)
        s.drop(f'nfcapd.20260114090{i}')
    r = s.command('run', '--once')
    tap.check('run --once: exit 0 and a summary', r.returncode == 0 and '5 files' in r.stdout and '5 committed' in r.stdout, r)
    tap.check('every row is there', ids(s.lake) == s.expected(), len(ids(s.lake)))
    wrong = faults(s.lake, s.inputs)
    tap.check('the lake is in order', not wrong, wrong)
    r = s.command('run', '--once', '--json')
    again = json.loads(r.stdout)
    tap.check('run --once again: nothing new', r.returncode == 0 and again['committed'] == 0 and again['rows'] == 0 and ids(s.lake) == s.expected(), r)
    r = s.command('run', '--once', '--quiet')
    tap.check('--quiet says nothing', r.returncode == 0 and r.stdout == '' and r.stderr == '', r)
    now = counts(s)
    tap.check('status --json counts them', now['committed'] == 5 and now['originals'] == 5 and now['refused'] == 0, now)
    whole = status(s)
    tap.check('status --json: nothing waits', all(p['lag'] == 0 for p in whole['partitions']) and whole['newest_commit_ms'] > 0 and not whole['running'], whole)
    tap.check('status --json: rows', whole['figures']['rows_committed'] == len(s.expected()), whole['figures'])
    text = s.command('status').stdout
    tap.check('status for people', 'last commit' in text and 'flow' in text and '\x1b' not in text, text)
    tap.check('which lists no budget that has room', 'budgets: none is half used' in text and 'ledger.max_bytes' not in text, text)
    every = s.command('status', '--all').stdout
    budgets, _, thresholds = every.partition('\nthreshold')
    named = [b['key'] for b in whole['budgets'] if b['limit'] or b['reached']]
    tap.check('status --all lists each, thresholds apart', len(named) > 10 and all(k in every for k in named) and 'ledger.max_bytes' in budgets and 'event.inline_max' in thresholds
              and 'event.inline_max' not in budgets, every)
    path = os.path.join(s.watch, 'nfcapd.202601140900')
    r = s.command('status', path)
    tap.check('status of one file', r.returncode == 0 and 'committed' in r.stdout and 'flow/binary/' in r.stdout, r)
    one = json.loads(s.command('status', '--json', path).stdout)
    tap.check('status --json of one file', one['state'] == 'committed' and one['rows'] == 40 and one['pipeline'] == 'flow', one)
    r = s.command('status', os.path.join(place, 'sluice.yaml'))
    tap.check('status of a file nobody knows: exit 1', r.returncode == 1 and 'not known' in r.stdout, r)
    return s


def no_folder(place):
    """A watched folder that is mistyped is no success with nothing in it."""
    s = Spool(place, collect='{ settle: 0 }')
    os.rmdir(s.watch)
    r = s.command('run', '--once')
    tap.check('a watched folder that is not there: exit 1', r.returncode == 1 and f'{s.watch} is not there' in r.stderr and '1 watched folder is not there' in r.stdout, r)
    r = s.command('run', '--once', '--json')
    tap.check('and --json counts it', r.returncode == 1 and json.loads(r.stdout)['missing'] == 1, r)
    os.mkdir(s.watch)
    r = s.command('run', '--once')
    tap.check('an empty one is fine', r.returncode == 0, r)


def bad_input(place):
    s = Spool(place, collect='{ settle: 0 }')
    s.make('nfcapd.202601140900', 10)
    s.drop('nfcapd.202601140900')
    s.drop('nfcapd.202601140905', b'no telemetry' * 50)
    whole = s.make('nfcapd.202601140910', 30)
    s.drop('nfcapd.202601140910', whole[:-200])
    r = s.command('run', '--once')
    tap.check('something rejected: exit 1', r.returncode == 1, r)
    tap.check('and named on standard error', 'nfcapd.202601140905: ' in r.stderr and 'nfcapd.202601140910: ' in r.stderr and 'nfcapd.202601140900' not in r.stderr, r.stderr)
    tap.check('status counts the refused one', counts(s)['refused'] == 1, counts(s))
    r = s.command('status', os.path.join(s.watch, 'nfcapd.202601140905'))
    tap.check('status of a refused file says why: exit 1', r.returncode == 1 and 'refused' in r.stdout, r)
    r = s.command('run', '--once')
    tap.check('what was told is not told again', r.returncode == 0, r)


def load(place):
    s = Spool(place, collect='{ settle: 0 }')
    old = os.path.join(place, 'archive', 'deep')
    os.makedirs(old)
    for i in range(4):
        with open(os.path.join(old, f'nfcapd.20251231{i:04d}'), 'wb') as f:
            f.write(s.make(f'nfcapd.20251231{i:04d}', 20))
    archive = os.path.join(place, 'archive')
    r = s.command('load', '-p', 'flow', archive)
    tap.check('load a folder', r.returncode == 0 and '4 committed' in r.stdout, r)
    tap.check('its rows are there', ids(s.lake) == s.expected(), len(ids(s.lake)))
    r = s.command('load', '--json', '-p', 'flow', archive)
    tap.check('load it twice: nothing new', r.returncode == 0 and json.loads(r.stdout)['committed'] == 0 and ids(s.lake) == s.expected(), r)
    r = s.command('load', '--again', '-p', 'flow', os.path.join(old, 'nfcapd.202512310000'))
    tap.check('load --again: once more under a new identity', r.returncode == 0 and ids(s.lake) == sorted(s.expected() + list(range(1, 21))), r)
    r = s.command('load', os.path.join(old, 'nfcapd.202512310000'), cwd='/')
    tap.check('-p may be left out with one pipeline', r.returncode == 0, r)
    r = s.command('load', '-p', 'flwo', archive)
    tap.check('an unknown pipeline, with the nearest', r.returncode == 2 and '"flow"' in r.stderr, r)
    r = s.command('load', '-p', 'flow')
    tap.check('load without paths', r.returncode == 2, r)
    r = s.command('load', '-p', 'flow', os.path.join(place, 'none'))
    tap.check('load of a path that is not there', r.returncode == 1 and 'none' in r.stderr, r)
    on_terminal(s, archive)
    run = s.start('run')
    extra = os.path.join(place, 'extra')
    with open(extra, 'wb') as f:
        f.write(nfcapd.file_v2([nfcapd.flow(HOUR_MS, bytes=1_000_000 + i) for i in range(7)]))
    r = s.command('load', '-p', 'flow', extra)
    found = [i for i in ids(s.lake) if i >= 1_000_000]
    tap.check('load beside a running sluice', r.returncode == 0 and found == list(range(1_000_000, 1_000_007)), r)
    run.terminate()
    tap.check('which then stops with 0', run.wait(30) == 0, s.log()[-2000:])


def on_terminal(s, archive):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(s.sluice, [s.sluice, 'load', '-c', s.config, '--again', archive], {**os.environ, 'TERM': 'xterm'})
    out = b''
    try:
        while part := os.read(fd, 4096):
            out += part
    except OSError:
        pass
    status_now = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    tap.check('load on a terminal', status_now == 0 and b'4 committed' in out, out)


def check(place):
    s = Spool(place)
    r = s.command('check')
    tap.check('check of a good place', r.returncode == 0 and 'FAIL' not in r.stdout and 'warn' not in r.stdout and r.stdout.startswith('ok '), r)
    tap.check('check says that it made the lake', f'file://{s.lake}: made now, there was no lake; writable' in r.stdout, r.stdout)
    r = s.command('check')
    tap.check('and the next one that it is there', f'file://{s.lake}: writable' in r.stdout, r.stdout)
    tap.check('check leaves no probe', not os.listdir(os.path.join(s.lake, '_sluice', 'probe')) if os.path.isdir(os.path.join(s.lake, '_sluice', 'probe')) else True)
    r = s.command('check', '--quiet')
    tap.check('check --quiet', r.returncode == 0 and r.stdout == '', r)
    os.rename(s.watch, s.watch + '.away')
    r = s.command('check')
    tap.check('a watched folder that is not there: exit 1', r.returncode == 1 and 'FAIL' in r.stdout and 'No such file' in r.stdout, r)
    os.rename(s.watch + '.away', s.watch)
    blocked = Spool(os.path.join(place, 'b'), lake=os.path.join(place, 'file', 'lake'))
    open(os.path.join(place, 'file'), 'wb').close()
    r = blocked.command('check')
    tap.check('a lake that cannot be: exit 1', r.returncode == 1 and any(row.startswith('FAIL') and 'lake' in row for row in r.stdout.splitlines()), r)


def endpoint(place):
    """The endpoint of a configuration: token, address, and that it is ours."""
    s = Spool(place, ops='{ listen: 0, token_file: token }')

    def line():
        r = s.command('check')
        rows = [row for row in r.stdout.splitlines() if row.split()[1] == 'ops']
        return r.returncode, rows[0] if len(rows) == 1 else r.stdout
    token = os.path.join(place, 'token')
    tap.check('check: no token file', line()[0] == 1 and f'{s.config}:2: ops.token_file: {token}: No such file' in line()[1], line())
    for text, mode, wanted in (('short', 0o600, '16 .. 1024 characters'), ('long-enough-a-token', 0o644, 'chmod 600'), ('long-enough-a-token', 0o600, 'the token is read')):
        with open(token, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(token, mode)
        code, row = line()
        good = wanted == 'the token is read'
        tap.check(f'check: token {text}, mode {mode:o}', (code == 0) == good and wanted in row and text not in row and row.startswith('ok' if good else 'FAIL'), row)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with open(s.config, encoding='utf-8') as f:
            text = f.read().replace('listen: 0', f'listen: {port}')
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(text)
        code, row = line()
        tap.check('check: an address that somebody else has', code == 1 and f'{s.config}:2: ops.listen: cannot listen at 127.0.0.1:{port}: Address already in use' in row, row)
        run = s.start('run')
        tap.check('run leaves an endpoint alone that cannot serve', wait_for(lambda: 'ops: exit 1, 3 times in a row: left alone for 60 s; everything else goes on' in s.log(), 30), s.log()[-2000:])
        starts = s.log().count('ops started')
        s.make('nfcapd.202601140900', 20)
        s.drop('nfcapd.202601140900')
        tap.check('and everything else goes on', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log()[-2000:])
        tap.check('without another line about it', s.log().count('ops started') == starts == 3 and s.log().count('cannot listen') == 3, s.log()[-2000:])
    run.send_signal(signal.SIGHUP)
    tap.check('SIGHUP starts it again, and the others are replaced', wait_for(lambda: f'listening at http://127.0.0.1:{port}/' in s.log() and 'every process runs with the new configuration' in s.log(), 60), s.log()[-2000:])
    code, row = line()
    tap.check('check beside it: the address is ours', code == 0 and 'the endpoint of this state folder listens there' in row, row)
    tap.check('run stops with 0', stop(run) == 0, s.log()[-1000:])


def overlaps(place):
    """Two pipelines that take the same files: a warning, and only then."""
    s = Spool(place)
    spool = s.watch
    for folder in ('in', 'other'):
        os.makedirs(os.path.join(spool, folder))
    for a, b, told in (
            ('{ watch: spool, dissector: nfcapd }', '{ watch: spool, dissector: pcap-dns }', 'nfcapd.x'),
            ('{ watch: spool, dissector: nfcapd }', '{ watch: spool, dissector: pcap-dns, pattern: "*.pcap" }', None),
            ('{ watch: spool, dissector: nfcapd }', '{ watch: spool/in, dissector: pcap-dns }', 'nfcapd.x'),
            ('{ watch: spool, dissector: nfcapd, recursive: no }', '{ watch: spool/in, dissector: pcap-dns }', None),
            ('{ watch: spool/in, dissector: nfcapd }', '{ watch: spool/other, dissector: pcap-dns }', None),
            ('{ watch: spool/in, dissector: nfcapd }', '{ watch: spool, dissector: pcap-dns, pattern: "dns.[0-9]*" }', None),
            ('{ watch: spool/in, dissector: nfcapd }', '{ watch: spool, dissector: pcap-dns, pattern: "nf[!c]apd.[0-9]?" }', None),
            ('{ watch: spool/in, dissector: nfcapd, pattern: "nf*" }', '{ watch: spool, dissector: pcap-dns, pattern: "[n]f\\\\cap[!q].?" }', 'nfcapx.x'),
            ('{ watch: spool, dissector: elff, pattern: "@(*.log|*.elff)" }', '{ watch: spool, dissector: pcap-dns, pattern: "*.log" }', 'x.log')):
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(f'lake: lake\npipelines:\n  one: {a}\n  two: {b}\n')
        r = s.command('check', '--quiet')
        rows = r.stdout.splitlines()
        good = r.returncode == 0 and (rows == [] if told is None else len(rows) == 1 and rows[0].startswith('warn') and f'pipeline one takes the same files, such as {told}: ' in rows[0])
        tap.check(f'check: {a} and {b}', good, r)
    r = s.command('run', '--once')
    tap.check('run warns of it too', r.returncode == 0 and 'pipelines one and two take the same files, such as x.log: each of them goes to both' in r.stderr, r)


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-once-') as place:
        for part in (once, no_folder, bad_input, load, check, endpoint, overlaps):
            inner = os.path.join(place, part.__name__)
            os.mkdir(inner)
            part(inner)
    tap.done()


if __name__ == '__main__':
    main()
