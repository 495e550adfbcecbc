#!/usr/bin/env python3
"""Which files are taken, when, and what becomes of odd ones: through the program, with a real folder."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from lake import faults, ids, staging_left  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

ODD = [b'nfcapd.20260114 with blanks', b"nfcapd.20260114'quo\"tes'", b'nfcapd.20260114\nnewline', b'nfcapd.20260114\xff\xfebytes', b'nfcapd.20260114 \xe2\x82\xac',
       b'nfcapd.20260114;$(touch x)`y`', b'nfcapd.20260114%2e%2e', b'nfcapd.20260114\\back']


def arrive(place):
    """What lay there, what arrives by rename and by close, in new sub-folders, while sluice is down."""
    s = Spool(place, commit='{ max_age: 100ms }', collect='{ rescan: 1s, settle: 200ms }')
    for i in range(6):
        s.make(f'nfcapd.20260114090{i}', 50 + i)
    names = list(s.inputs)
    s.drop(names[0])
    run = s.start('run')
    tap.check('a file that lay there before is taken', wait_for(lambda: len(ids(s.lake)) == 50), s.log()[-1500:])
    s.drop(names[1])
    tap.check('a file renamed in is taken', wait_for(lambda: len(ids(s.lake)) == 101), s.log()[-1500:])
    half = s.inputs[names[2]]
    with open(os.path.join(s.watch, names[2]), 'wb') as f:
        f.write(half[:1000])
        f.flush()
        time.sleep(1.5)
        growing = len(ids(s.lake))
        f.write(half[1000:])
    tap.check('a file is not taken while its writer holds it', growing == 101, f'{growing} rows')
    tap.check('a file written in place is taken once it is closed', wait_for(lambda: len(ids(s.lake)) == 153), s.log()[-1500:])
    deep = os.path.join(s.watch, 'new', 'deep')
    os.makedirs(deep)
    with open(os.path.join(deep, names[3]), 'wb') as f:
        f.write(s.inputs[names[3]])
    tap.check('a file in a new sub-folder is taken', wait_for(lambda: len(ids(s.lake)) == 206), s.log()[-1500:])
    current = os.path.join(s.watch, 'nfcapd.current.4711')
    with open(current, 'wb') as f:
        f.write(s.inputs[names[4]])
    time.sleep(1.5)
    tap.check('nfcapd.current.* is left alone', len(ids(s.lake)) == 206, s.log()[-800:])
    os.rename(current, os.path.join(s.watch, names[4]))
    tap.check('and taken when it gets its name', wait_for(lambda: len(ids(s.lake)) == 260), s.log()[-1500:])
    tap.check('SIGTERM ends run with 0', stop(run) == 0, s.log()[-1500:])
    s.drop(names[5])
    run = s.start('run')
    tap.check('what arrived while it was down is taken', wait_for(lambda: ids(s.lake) == s.expected()), s.log()[-1500:])
    stop(run)
    wrong = faults(s.lake, s.inputs)
    tap.check('the lake is in order', not wrong, '\n'.join(wrong[:10]))


def twice(place):
    """The same content again, new content under an old name, and run --once twice."""
    s = Spool(place)
    content = s.make('nfcapd.202601140900', 100)
    s.drop('nfcapd.202601140900')
    s.drop('nfcapd.202601140905', content)
    first = s.command('run', '--once')
    tap.check('run --once exits 0', first.returncode == 0, first.stderr[-1500:])
    tap.check('the same content under two names is stored once', ids(s.lake) == s.expected(), f'{len(ids(s.lake))} rows')
    again = s.command('run', '--once')
    tap.check('run --once again takes nothing', again.returncode == 0 and ids(s.lake) == s.expected(), again.stderr[-1500:])
    os.unlink(os.path.join(s.watch, 'nfcapd.202601140905'))
    s.inputs['old'] = content
    s.drop('nfcapd.202601140900', s.make('nfcapd.202601140900', 30))
    s.command('run', '--once')
    tap.check('new content under an old name is a new original', ids(s.lake) == s.expected(), f'{len(ids(s.lake))} rows, {len(s.expected())} wanted')
    wrong = faults(s.lake, s.inputs)
    tap.check('both originals are kept', not wrong, '\n'.join(wrong[:10]))


def odd_names(place):
    s = Spool(place)
    for i, raw in enumerate(ODD):
        name = os.fsdecode(raw)
        s.make(name, 10 + i)
        s.drop(name)
    done = s.command('run', '--once')
    tap.check('odd names are taken', done.returncode == 0 and ids(s.lake) == s.expected(), done.stderr[-1500:])
    kept = {os.fsencode(n) for _, _, files in os.walk(os.path.join(s.lake, 'flow', 'binary')) for n in files}
    tap.check('and kept byte for byte in the lake', kept == set(ODD), str(kept ^ set(ODD)))
    state = s.command('status', ODD[0].decode())
    tap.check('status finds one of them by name', state.returncode == 0 and 'committed' in state.stdout, state.stdout + state.stderr)


def odd_files(place):
    """Everything that is no readable regular file has a defined outcome and stops nothing."""
    s = Spool(place, collect='{ rescan: 1s, settle: 100ms }', commit='{ max_age: 100ms }')
    outside = os.path.join(place, 'outside')
    with open(outside, 'wb') as f:
        f.write(b'secret')
    os.symlink(outside, os.path.join(s.watch, 'nfcapd.link'))
    os.mkfifo(os.path.join(s.watch, 'nfcapd.fifo'))
    os.mkdir(os.path.join(s.watch, 'nfcapd.folder'))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(os.path.join(s.watch, 'nfcapd.socket'))
    open(os.path.join(s.watch, 'nfcapd.empty'), 'wb').close()
    with open(os.path.join(s.watch, 'nfcapd.text'), 'wb') as f:
        f.write(b'this is no nfcapd file\n' * 10)
    s.make('nfcapd.202601140900', 25)
    s.drop('nfcapd.202601140900')
    done = s.command('run', '--once')
    unix.close()
    tap.check('run --once exits 1 and names the refused file', done.returncode == 1 and 'nfcapd.text' in done.stderr, f'{done.returncode}\n{done.stderr[-1500:]}')
    tap.check('the good file is in', ids(s.lake) == s.expected(), f'{len(ids(s.lake))} rows')
    stored = [n for _, _, files in os.walk(s.lake) for n in files]
    tap.check('nothing of the link, pipe, socket or folder was archived', not {'nfcapd.link', 'nfcapd.fifo', 'nfcapd.socket', 'outside'} & set(stored), str(stored))
    text = s.command('status', 'nfcapd.text')
    tap.check('status says why a file was refused', 'refused' in text.stdout, text.stdout + text.stderr)


def permission(place):
    """A file that we may not read waits and is taken when we may. Needs another user than root: skipped where there is none."""
    if os.geteuid() != 0 or subprocess.run(['id', 'nobody'], capture_output=True, check=False).returncode != 0:
        tap.skip('permission denied', 'needs root and the user nobody')
        return
    os.chmod(place, 0o755)
    s = Spool(place, collect='{ rescan: 500ms, settle: 100ms }', commit='{ max_age: 100ms }')
    s.make('nfcapd.202601140900', 25)
    s.make('nfcapd.202601140905', 25)
    denied = s.drop('nfcapd.202601140900')
    s.drop('nfcapd.202601140905')
    os.chmod(denied, 0o000)
    for folder in (s.place, s.watch):
        os.chown(folder, 65534, -1)
    log = open(os.path.join(place, 'log'), 'a', encoding='utf-8')
    run = subprocess.Popen(['setpriv', '--reuid=65534', '--clear-groups', '--', os.path.abspath(s.sluice), 'run', '-c', s.config], stdout=log, stderr=log)
    taken = wait_for(lambda: len(ids(s.lake)) == 25, 20)
    tap.check('a file that we may not read does not stop the others', taken, s.log()[-1500:])
    tap.check('it is named in the log', wait_for(lambda: 'no permission' in s.log(), 10), s.log()[-1500:])
    os.chmod(denied, 0o644)
    tap.check('and it is taken once we may', wait_for(lambda: ids(s.lake) == s.expected(), 20), s.log()[-1500:])
    tap.check('run exits 0', stop(run) == 0, s.log()[-800:])


def overflow(place):
    """More files at once than the kernel's event queue holds, while the collector is stopped: the rescan finds them all."""
    s = Spool(place, commit='{ max_age: 200ms }', collect='{ rescan: 2s, settle: 100ms }')
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) >= 2)
    limit = int(open('/proc/sys/fs/inotify/max_queued_events', encoding='ascii').read())
    count = min(limit + 2000, 20_000)
    for pid in children(run.pid):
        os.kill(pid, 19)
    touched = os.path.join(s.watch, 'ignored')
    for i in range(count):  # events that cost no file: enough to overflow the queue
        open(touched + str(i % 50), 'wb').close()
    for i in range(30):
        s.drop(f'nfcapd.2026011409{i:02d}', s.make(f'nfcapd.2026011409{i:02d}', 20))
    for pid in children(run.pid):
        os.kill(pid, 18)
    tap.check('after an overflow of the event queue every file is taken', wait_for(lambda: ids(s.lake) == s.expected(), 40), f'{len(ids(s.lake))} rows\n{s.log()[-1500:]}')
    tap.check('run exits 0', stop(run) == 0, s.log()[-800:])


def after(place):
    """after: delete and move act only once the rows are committed."""
    s = Spool(place)
    text = open(s.config, encoding='utf-8').read()
    moved = os.path.join(place, 'done')
    open(s.config, 'w', encoding='utf-8').write(text.replace('dissector: nfcapd }', f'dissector: nfcapd, after: "move:{moved}" }}'))
    s.make('nfcapd.202601140900', 20)
    s.drop('nfcapd.202601140900')
    s.command('run', '--once')
    tap.check('after: move puts the source there', os.listdir(moved) == ['nfcapd.202601140900'] and ids(s.lake) == s.expected(), str(os.listdir(s.watch)))
    open(s.config, 'w', encoding='utf-8').write(text.replace('dissector: nfcapd }', 'dissector: nfcapd, after: delete }'))
    s.make('nfcapd.202601140905', 20)
    s.drop('nfcapd.202601140905')
    s.command('run', '--once')
    tap.check('after: delete removes it', not os.path.exists(os.path.join(s.watch, 'nfcapd.202601140905')) and ids(s.lake) == s.expected(), str(os.listdir(s.watch)))
    tap.check('nothing is left in staging', not staging_left(s.lake), str(staging_left(s.lake)))


def statistics(place):
    """A file whose flows are not what its own statistics record says: taken, and counted where an expert looks first."""
    s = Spool(place)
    s.make('nfcapd.202601140900', 20)
    content = bytearray(s.inputs['nfcapd.202601140900'])
    at = content.rindex(nfcapd.APPENDIX_STAT.to_bytes(2, 'little') + (148).to_bytes(2, 'little')) + 4
    content[at] += 1  # one flow more than there is
    s.inputs['nfcapd.202601140900'] = bytes(content)
    s.drop('nfcapd.202601140900')
    s.command('run', '--once')
    figures = json.loads(s.command('status', '--json').stdout)['figures']
    tap.check('rows that differ from the statistics record are counted', ids(s.lake) == s.expected() and figures['stat_mismatches'] == 1, str(figures))
    tap.check('and an original is counted as committed once', figures['files_committed'] == 1, str(figures))


if __name__ == '__main__':
    for case in (arrive, twice, odd_names, odd_files, permission, overflow, after, statistics):
        with tempfile.TemporaryDirectory(prefix='sluice-files-') as folder:
            case(folder)
    tap.done()
