#!/usr/bin/env python3
"""The lake in HDFS against a real one, on good days and bad: what a store owes, every byte in a name, bounded memory, lost answers, dying nodes, TLS, secrets."""
import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster.faulty import Faulty  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.store_client import Client, plain  # noqa: E402
from cluster.webhdfs import room  # noqa: E402
from spool import wait_for  # noqa: E402

MIB = 1 << 20
MARK = f'lake-{os.getpid()}-{time.time_ns()}'


def sha(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def random_file(folder, name, size):
    path = os.path.join(folder, name)
    block = os.urandom(MIB)
    with open(path, 'wb') as f:
        for i in range(0, size, MIB):
            f.write((i.to_bytes(8, 'big') + block[8:])[:size - i])
    return path


class World:
    def __init__(self, cluster, hdfs, folder):
        self.cluster, self.hdfs, self.folder = cluster, hdfs, folder
        self.http, self.https = (a.split('://')[1] for a in (cluster.hdfs.http, cluster.hdfs.https))
        self.user = cluster.hdfs.user
        self.small = random_file(folder, 'small', 20_000)
        self.large = random_file(folder, 'large', 20 * MIB + 7)
        self.huge = random_file(folder, 'huge', 200 * MIB)
        self.empty = random_file(folder, 'empty', 0)
        self.back = os.path.join(folder, 'back')

    def client(self, *part, scheme='webhdfs', host=None, **options):
        place = '/'.join((MARK, *part))
        return Client(scheme, f'{host or self.http}/{place}', user=self.user, **options)

    def read(self, path):
        return self.hdfs.read(f'/{MARK}/{path}')

    def holds(self, path, file):
        with open(file, 'rb') as f:
            return self.read(path) == f.read()


def names_of_all_bytes():
    """Each byte alone within a name, and all of them together."""
    single = [b'x%c' % b for b in range(1, 256) if b != 0x2f]
    every = bytes(b for b in range(1, 256) if b != 0x2f)
    return single + [every[i:i + 40] for i in range(0, len(every), 40)] + ['grüße 😀'.encode(), b'.snapshot', b'%3A', b'%253A']


def names(w):
    with w.client('names') as c:
        at, wrong = b'start', []
        c('stage', at, w.small)
        for name in names_of_all_bytes():
            if c('move', at, b'd/' + name) != ('ok', '') or c.rc('stat', b'd/' + name) != 'ok':
                wrong.append(name)
            else:
                at = b'd/' + name
                listed = [plain(n) for n in c('ls', 'd', '', 10)[1].split('\t')]
                wrong += [] if listed == [name] else [name]
        tap.check('every byte in a name comes back, and the file is found by it', not wrong, wrong)
        tap.check('its content too', c('get', at, w.back)[0] == 'ok' and sha(w.back) == sha(w.small))
        kept = sorted(names_of_all_bytes()[::9] + [b'plain'])
        for name in kept:
            c('put', b'kept/' + name, name)
        tap.check('a listing is in order of bytes, not of HDFS', [plain(n) for n in c('ls', 'kept', '', 100)[1].split('\t')] == kept)
        rc, text = c('put', b'long/' + b'\xff' * 100, 'x')
        tap.check('a name that has no room in HDFS is refused', rc == 'bad', (rc, text))
    return kept


def sizes(w):
    with w.client('sizes') as c:
        for name, file in (('empty', w.empty), ('small', w.small), ('large', w.large), ('huge', w.huge)):
            staged = c('stage', f's/{name}', file)
            got = c('get', f's/{name}', w.back)
            tap.check(f'{os.path.getsize(file):,} bytes go in and out', staged[0] == 'ok' and got == ('ok', str(os.path.getsize(file))) and sha(w.back) == sha(file), (staged, got))
        peak = int(c('memory')[1])
        tap.check(f'in bounded memory: {peak / MIB:.1f} MiB', peak < 16 * MIB)
        tap.check('a range beyond the end is empty', c('range', 's/small', 20_000, 10) == ('ok', '') and c('range', 's/empty', 0, 1) == ('ok', ''))
        began = time.monotonic()
        tap.check('a group of 250 files', c('group', 'g', 250, 5000)[0] == 'ok' and len(c('ls', 'g', '', 1000)[1].split('\t')) == 250)
        print(f'# {250 / (time.monotonic() - began):.0f} files of 5 kB a second')


def passing_faults(w, f):
    """Once each: what passes by itself is not the caller's business."""
    host = f'127.0.0.1:{f.port}'
    calls = [('CREATE', 'name', lambda c, n: c.rc('stage', f'p/{n}', w.small)), ('CREATE', 'data', lambda c, n: c.rc('stage', f'p/{n}', w.small)),
             ('OPEN', 'name', lambda c, n: c.rc('get', 'here', w.back)), ('OPEN', 'data', lambda c, n: c.rc('get', 'here', w.back)),
             ('GETFILESTATUS', 'name', lambda c, n: c.rc('stat', 'here')), ('LISTSTATUS_BATCH', 'name', lambda c, n: c.rc('ls', '', '', 10)),
             ('RENAME', 'name', lambda c, n: c.rc('put', f'q/{n}', 'x')), ('DELETE', 'name', lambda c, n: c.rc('rm', f'gone{n}')),
             ('MKDIRS', 'name', lambda c, n: c.rc('put', f'new{n}/x', 'x'))]
    faults = [{'exception': 'StandbyException'}, {'exception': 'RetriableException'}, {'exception': 'SafeModeException'}, {'exception': 'IOException'},
              {'status': 503}, {'before': True}, {'exception': 'EOFException', 'status': 500}]
    with w.client('passing', host=host) as c:
        c('put', 'here', 'content')
        wrong = []
        for i, fault in enumerate(faults):
            for op, at, call in calls:
                if 'exception' in fault and fault['exception'] == 'StandbyException' and at == 'data':
                    continue
                f.set({'op': op, 'at': at, **fault})
                rc = call(c, f'{i}-{op}-{at}')
                if rc != 'ok' or f.left():
                    wrong.append((op, at, fault, rc))
        tap.check(f'{len(faults)} passing faults in each of {len(calls)} calls pass', not wrong, wrong)


def lasting_faults(w, f):
    with w.client('lasting', host=f'127.0.0.1:{f.port}') as c:
        c('put', 'here', 'content')
        for exception, want in (('AccessControlException', 'fail'), ('DSQuotaExceededException', 'again'), ('InvalidPathException', 'bad')):
            f.set({'op': 'CREATE', 'exception': exception, 'times': 99})
            began = time.monotonic()
            rc, text = c('stage', exception, w.small)
            tap.check(f'{exception}: {want}, at once and by name', rc == want and exception in text and time.monotonic() - began < 2, (rc, text))
        f.set({'op': 'GETFILESTATUS', 'exception': 'SafeModeException', 'times': 9999})
        began = time.monotonic()
        rc, text = c('stat', 'here')
        took = time.monotonic() - began
        tap.check(f'a safe mode that lasts: the caller hears of it after {took:.1f} s', rc == 'again' and 'SafeMode' in text and 4 < took < 15, (rc, text))
        f.set()
        tap.check('and all is well when it ends', c.rc('stat', 'here') == 'ok')


def lost_answers(w, f):
    """Done or not done, and nobody said which."""
    with w.client('lost', host=f'127.0.0.1:{f.port}') as c:
        f.set({'op': 'RENAME', 'after': True})
        tap.check('put if absent, done, answer lost: it is ours', c('put', 'a', 'one')[0] == 'ok' and w.read('lost/a') == b'one' and not f.left())
        f.set({'op': 'RENAME', 'after': True})
        tap.check('put if absent, refused, answer lost: it is not', c('put', 'a', 'two')[0] == 'end' and w.read('lost/a') == b'one' and not f.left())
        tap.check('and nothing stays behind', c('ls', '_sluice/tmp', '', 10) == ('ok', ''))
        c('stage', 's/1', w.small)
        f.set({'op': 'RENAME', 'after': True})
        tap.check('publish, done, answer lost', c.rc('move', 's/1', 't/deep/1') == 'ok' and w.holds('lost/t/deep/1', w.small) and not f.left())
        tap.check('publish again: done already', c.rc('move', 's/1', 't/deep/1') == 'ok')
        c('stage', 's/2', w.large)
        rc, text = c('move', 's/2', 't/deep/1')
        tap.check('publish never replaces', rc == 'end' and 't/deep/1' in text and w.holds('lost/t/deep/1', w.small), (rc, text))
        f.set({'op': 'MKDIRS', 'after': True})
        tap.check('directory made, answer lost', c.rc('move', 's/2', 'u/deep/2') == 'ok' and w.holds('lost/u/deep/2', w.large) and not f.left())
        f.set({'op': 'DELETE', 'after': True})
        tap.check('removed, answer lost', c.rc('rm', 'u/deep/2') == 'ok' and c.rc('stat', 'u/deep/2') == 'end' and not f.left())


def gone(c, name, seconds=10):
    """It is not there. A data node may take up what it was sent after its client has gone, and make the name once more (doc/store.md)."""
    deadline = time.monotonic() + seconds
    while c.rc('stat', name) != 'end':
        if time.monotonic() > deadline or c.rc('rm', name) != 'ok':
            return False
        time.sleep(0.3)
    return True


def broken_bodies(w, f):
    with w.client('broken', host=f'127.0.0.1:{f.port}', timeout_ms=1500) as c:
        f.set({'op': 'CREATE', 'at': 'data', 'cut': 7000})
        tap.check('a small upload that is reset is made again', c.rc('stage', 'cut', w.small) == 'ok' and w.holds('broken/cut', w.small) and not f.left())
        f.set({'op': 'CREATE', 'at': 'data', 'lie': 7000})
        tap.check('one that looks complete but is not, too', c.rc('stage', 'lie', w.small) == 'ok' and w.holds('broken/lie', w.small) and not f.left())
        f.set({'op': 'CREATE', 'at': 'data', 'after': True})
        tap.check('one whose answer is lost, too', c.rc('stage', 'lost', w.small) == 'ok' and w.holds('broken/lost', w.small) and not f.left())
        f.set({'op': 'CREATE', 'at': 'data', 'cut': 7000, 'times': 999})
        rc, text = c('stage', 'never', w.small)
        tap.check('one that never succeeds is said to be lost, in bounded time', rc == 'again', (rc, text))
        f.set()
        tap.check('and leaves nothing', gone(c, 'never'))
        f.set({'op': 'CREATE', 'at': 'data', 'late': 1, 'lie': 7000, 'times': 2})
        f.late.clear()
        rc, text = c('stage', 'late', w.small)
        wait_for(lambda: len(f.late) >= 2, 20, 0.05)
        tap.check('attempts that come late do not replace the one that was made', rc == 'ok' and len(f.late) == 2 and w.holds('broken/late', w.small), (rc, text, f.late))
        for fault in ('cut', 'lie'):
            f.set({'op': 'CREATE', 'at': 'data', fault: 5 * MIB})
            rc, text = c('stage', f'large-{fault}', w.large)
            tap.check(f'a large upload, {fault}: its owner hears of it, nothing stays', rc == 'again' and gone(c, f'large-{fault}'), (rc, text))
            tap.check('and its name is free', c.rc('stage', f'large-{fault}', w.large) == 'ok' and w.holds(f'broken/large-{fault}', w.large))
        f.set({'op': 'OPEN', 'at': 'data', 'cut': 3 * MIB + 1, 'times': 4})
        tap.check('a read that breaks off four times goes on where it was', c('get', 'large-cut', w.back)[0] == 'ok' and sha(w.back) == sha(w.large) and not f.left())
        f.set({'op': 'OPEN', 'at': 'data', 'cut': 0, 'times': 999})
        rc, text = c('get', 'large-cut', w.back)
        tap.check('one that never goes on ends', rc == 'again', (rc, text))
        f.set({'op': 'OPEN', 'at': 'data', 'silent': True})
        tap.check('a silent data node is left', c('get', 'cut', w.back)[0] == 'ok' and sha(w.back) == sha(w.small))
        f.set({'op': 'GETFILESTATUS', 'silent': True})
        began = time.monotonic()
        tap.check('a silent name node is asked again', c.rc('stat', 'cut') == 'ok' and 1 < time.monotonic() - began < 6)
        f.set({'op': 'CREATE', 'delay': 1}, {'op': 'CREATE', 'at': 'data', 'delay': 1})
        tap.check('a slow one is waited for', c.rc('stage', 'slow', w.small) == 'ok')


def fail_over(w, f):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        dead = f'127.0.0.1:{s.getsockname()[1]}'
    with w.client('over', host=f'{dead},{w.http}') as c:
        tap.check('the second name node answers when the first is dead', c.opened[0] == 'ok' and c.rc('put', 'a', 'x') == 'ok', c.opened)
        began = time.monotonic()
        ok = all(c.rc('stat', 'a') == 'ok' for _ in range(50))
        tap.check('and is remembered', ok and time.monotonic() - began < 5)
    f.set({'op': 'MKDIRS', 'exception': 'StandbyException', 'times': 1})
    with w.client('over', host=f'127.0.0.1:{f.port},{w.http}') as c:
        tap.check('a standby sends us on', c.rc('stat', 'a') == 'ok' and [s for s, _ in f.seen] == ['MKDIRS'], f.seen)
    f.set()
    with w.client('over', host=dead) as c:
        tap.check('no name node at all: RC_AGAIN, with its name', c.opened[0] == 'again' and dead in c.opened[1], c.opened)


def race(w):
    wins = [[], []]

    def play(n):
        with w.client('race') as c:
            for i in range(200):
                wins[n].append(c('put', f'c/{i}', f'player {n}')[0])
    threads = [threading.Thread(target=play, args=(n,)) for n in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    pairs = list(zip(*wins))
    tap.check('200 races for a name have one winner each', len(pairs) == 200 and all(sorted(p) == ['end', 'ok'] for p in pairs), [p for p in pairs if sorted(p) != ['end', 'ok']])
    contents = {w.read(f'race/c/{i}') for i in (0, 99, 199)}
    tap.check('and the winner\'s content', contents <= {b'player 0', b'player 1'} and all(w.read(f'race/c/{i}') == (b'player 0' if pairs[i][0] == 'ok' else b'player 1') for i in (0, 50, 199)))


def trickle(fifo, source, pause, at):
    """Feeds source into a FIFO, and calls pause once at that byte."""
    sent = 0
    with contextlib.suppress(BrokenPipeError), open(source, 'rb') as f, open(fifo, 'wb', buffering=0) as out:
        while block := f.read(MIB):
            out.write(block)
            sent += len(block)
            if pause and sent >= at:
                pause()
                pause = None


def killed_writer(w):
    fifo = os.path.join(w.folder, 'fifo')
    os.mkfifo(fifo)
    with w.client('killed') as c:
        c.begin('stage', 's/x', fifo)
        trickle(fifo, w.large, c.process.kill, 10 * MIB)
    os.unlink(fifo)
    with w.client('killed') as c:
        tap.check('what a killed writer left open does not block its name', c.rc('rm', 's/x') == 'ok' and c.rc('stage', 's/x', w.large) == 'ok' and w.holds('killed/s/x', w.large))


def writing_node(w):
    """The data node that our upload is connected to: the one with a connection that carries it."""
    for name, address in w.cluster.hdfs.nodes.items():
        port = int(address.rsplit(':', 1)[1])
        with open('/proc/net/tcp', encoding='ascii') as f:
            if any(line.split()[3] == '01' and int(line.split()[2].split(':')[1], 16) == port for line in f.read().splitlines()[1:]):
                return name
    return next(iter(w.cluster.hdfs.nodes))


def dead_data_node(w):
    fifo = os.path.join(w.folder, 'fifo2')
    os.mkfifo(fifo)
    down = []

    def kill():
        down.append(writing_node(w))
        w.cluster.server(down[0]).kill()
    with w.client('dead') as c:
        c('stage', 's/read', w.huge)
        c.begin('stage', 's/x', fifo)
        trickle(fifo, w.huge, kill, 40 * MIB)
        rc, text = c.reply()
        tap.check(f'{down[0]} killed in mid-upload: the owner hears of it, or the rest of the pipeline had it', rc == 'again' or (rc == 'ok' and w.holds('dead/s/x', w.huge)), (rc, text))
        if rc != 'ok':
            tap.check('nothing stays of it', gone(c, 's/x'))
        began = time.monotonic()
        ok = c.rc('stage', 's/y', w.small) == 'ok' and w.holds('dead/s/y', w.small)
        tap.check(f'the other one takes small files, {time.monotonic() - began:.1f} s after', ok)
        w.cluster.server(down[0]).start().wait()
        out = os.path.join(w.folder, 'fifo3')
        os.mkfifo(out)
        c.begin('get', 's/read', out)
        digest, got, node = hashlib.sha256(), 0, None
        with open(out, 'rb') as f:
            while block := f.read(MIB):
                digest.update(block)
                got += len(block)
                if node is None and got >= 20 * MIB:
                    node = writing_node(w)
                    w.cluster.server(node).kill()
        rc, text = c.reply()
        tap.check(f'{node} killed in mid-read: the other one has the rest', rc == 'ok' and digest.hexdigest() == sha(w.huge), (rc, text, got))
        w.cluster.server(node).start().wait()


def restarted_name_node(w, kept):
    stop, results = threading.Event(), []

    def load():
        with w.client('restart') as c:
            for i in range(10_000):
                if stop.is_set():
                    return
                while (rc := c('put', f'n/{i}', str(i)))[0] != 'ok' and not stop.is_set():
                    results.append(rc)
                    if rc[0] == 'end':  # an answer that did not come within the bounds: look, as the contract says
                        break
                results.append(i)
    t = threading.Thread(target=load)
    t.start()
    time.sleep(1.5)
    w.cluster.server('namenode').kill()
    time.sleep(1)
    w.cluster.server('namenode').start().wait()
    time.sleep(2)
    stop.set()
    t.join()
    done = [r for r in results if isinstance(r, int)]
    refused = [r for r in results if not isinstance(r, int)]
    with w.client('restart') as c:
        listed = sorted(int(n) for n in c('ls', 'n', '', 100_000)[1].split('\t'))
        right = all(w.read(f'restart/n/{i}') == str(i).encode() for i in done[::7])
        tap.check(f'name node killed and started under {len(done)} writes: all are there once, whole', set(done) <= set(listed) and right and len(done) > 3, refused[:3])
        tap.check('nothing but "again" was heard meanwhile', all(r[0] in ('again', 'end') for r in refused), refused[:3])
    with w.client('names') as c:
        tap.check('odd names survive it', [plain(n) for n in c('ls', 'kept', '', 100)[1].split('\t')] == kept)


def security(w, f):
    wrong = os.path.join(w.folder, 'wrong.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=somebody else', '-keyout', wrong + '.key', '-out', wrong],
                   check=True, capture_output=True)
    with w.client('tls', scheme='webhdfs+ssl', host=w.https, ca_file=w.cluster.hdfs.ca) as c:
        tap.check('HTTPS by our own authority, both steps', c.opened[0] == 'ok' and c.rc('stage', 'x', w.large) == 'ok' and c.rc('get', 'x', w.back) == 'ok' and sha(w.back) == sha(w.large), c.opened)
    with w.client('tls', scheme='webhdfs+ssl', host=w.https, ca_file=wrong) as c:
        tap.check('a wrong authority: RC_FAIL, and why', c.opened[0] == 'fail' and 'certificate' in c.opened[1], c.opened)
    with w.client('tls', scheme='webhdfs+ssl', host=w.https) as c:
        tap.check('no authority of ours: refused too', c.opened[0] == 'fail', c.opened)
    secret = 'c2VjcmV0LXRva2VuLW9mLWEtdGVzdA'
    token = os.path.join(w.folder, 'token')
    with open(token, 'w', encoding='utf-8') as out:
        out.write(secret + '\n')
    f.set({'op': 'MKDIRS', 'exception': 'InvalidToken', 'message': f'token {secret} is expired', 'times': 9})
    with w.client('token', host=f'127.0.0.1:{f.port}', token_file=token) as c:
        tap.check('a token that is refused is named, but not told', c.opened[0] == 'again' and 'secret' in c.opened[1] and secret not in c.opened[1], c.opened)
    f.set()
    with w.client('token', token_file=token) as c:
        with open(f'/proc/{c.process.pid}/cmdline', 'rb') as words:
            tap.check('nor in the list of processes', secret not in words.read().decode() and secret not in c.opened[1], c.opened)


def main():
    reason = why_not()
    if reason:
        tap.skip('the lake in HDFS', reason)
        tap.done()
        return
    with session('hdfs') as cluster, tempfile.TemporaryDirectory() as folder:
        f = Faulty(cluster.hdfs.http)
        with contextlib.closing(f), room(cluster, f'/{MARK}') as hdfs:
            w = World(cluster, hdfs, folder)
            only = sys.argv[1:]
            kept = []
            for part in (names, sizes, passing_faults, lasting_faults, lost_answers, broken_bodies, fail_over, race, killed_writer, security, dead_data_node, restarted_name_node):
                if only and part.__name__ not in only:
                    continue
                began = time.monotonic()
                extra = [f] if part in (passing_faults, lasting_faults, lost_answers, broken_bodies, fail_over, security) else [kept] if part is restarted_name_node else []
                kept = part(w, *extra) or kept
                print(f'# {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


main()
