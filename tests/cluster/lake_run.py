#!/usr/bin/env python3
"""A whole `sluice run --once` with its lake in HDFS, all three datasets, small and large files, odd names: the rows and originals that a lake in a folder has."""
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import duckdb  # noqa: E402
import proxy  # noqa: E402
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import room  # noqa: E402
from lake import faults, ids, manifests, staging_left, table  # noqa: E402
from spool import HOUR_MS, PIPELINES, Spool  # noqa: E402

SOURCE = os.environ.get('SLUICE_SOURCE', '.')
CAPTURE = os.path.join(SOURCE, 'build', 'tests', 'bench', 'dns_capture')
MARK = f'run-{os.getpid()}-{time.time_ns()}'
ODD = ['nfcapd.2026-01-14T09:00', os.fsdecode(b'nfcapd.\xff\xfe\n'), 'nfcapd.%3A', os.fsdecode(b'nfcapd.' + b'\xe9' * 200), 'nfcapd.grün']


def mirror(hdfs, root, folder):
    """The lake as a folder, with the names that sluice gave."""
    for path, _ in hdfs.walk(root).items():
        raw = re.sub(rb'%([0-9A-F]{2})', lambda m: bytes([int(m.group(1), 16)]), os.path.relpath(path, root).encode())
        target = os.path.join(os.fsencode(folder), raw)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, 'wb') as f:
            f.write(hdfs.read(path))


def inputs(dissector, folder, s):
    if dissector == 'nfcapd':
        for i, name in enumerate([*ODD, *(f'nfcapd.{202601140900 + i}' for i in range(40))]):
            s.make(name, 20 + i, hours=3)
        s.make('nfcapd.202601141200', 40_000, hours=2)  # a file event
        return s.inputs
    start = HOUR_MS // 1000 + 1800
    if dissector == 'elff':
        return {f'proxy-{i}.log': proxy.log(300 if i else 10_000, start + 3600 * i, 3600, seed=i).encode() for i in range(3)}
    made = {}
    for seed, packets in ((1, 2000), (2, 30_000)):
        path = os.path.join(folder, f'{seed}.pcap')
        subprocess.run([CAPTURE, '-n', str(packets), '-s', str(seed), path], check=True, capture_output=True)
        with open(path, 'rb') as f:
            made[f'resolver-{seed}.pcap'] = f.read()
    return made


def rows(lake, dataset):
    source = table(lake, dataset)
    return sorted(map(repr, duckdb.sql(f'select * from {source}').fetchall())) if source else []


def originals(lake, dataset):
    found = {}
    for place, _, names in os.walk(f'{lake}/{dataset}/binary'):
        for name in names:
            with open(os.path.join(place, name), 'rb') as f:
                found[hashlib.sha256(f.read()).hexdigest()] = name
    return found


def dataset_in_hdfs(cluster, hdfs, folder, dissector):
    dataset = PIPELINES[dissector]
    root = f'/{MARK}/{dataset}'
    places = {}
    for kind in ('hdfs', 'local'):
        place = os.path.join(folder, f'{dissector}-{kind}')
        os.mkdir(place)
        keys = {'url': f'{cluster.hdfs.http.replace("http", "webhdfs")}{root}', 'webhdfs': f'{{ user: {cluster.hdfs.user} }}'} if kind == 'hdfs' else {}
        places[kind] = Spool(place, dissector, state=os.path.join(place, 'state'), collect='{ settle: 0 }', workers=2, **keys)
    made = inputs(dissector, folder, places['hdfs'])
    for kind, s in places.items():
        s.inputs = made
        for name in made:
            s.drop(name)
        r = s.command('run', '--once')
        tap.check(f'{dissector}: run --once into {kind}', r.returncode == 0, r)
    s, copy = places['hdfs'], os.path.join(folder, f'{dissector}-mirror')
    mirror(hdfs, root, copy)
    want, got = rows(places['local'].lake, dataset), rows(copy, dataset)
    tap.check(f'{dissector}: {len(want):,} rows, the same as in a folder', got == want and len(want) > 1000, f'{len(got)} of {len(want)}')
    held = originals(copy, dataset)
    tap.check(f'{dissector}: {len(made)} originals, byte for byte', set(held) == {hashlib.sha256(b).hexdigest() for b in made.values()}, held)
    wrong = faults(copy, made, dataset)
    tap.check(f'{dissector}: the lake is in order', not wrong and not staging_left(copy), wrong or staging_left(copy))
    if dissector == 'nfcapd':
        names = set(held.values())
        long = max(ODD, key=lambda n: len(os.fsencode(n)))
        tap.check('odd names are names; one too long is cut and marked', set(ODD) - {long} <= names and any(n.startswith('nfcapd.') and n[-13:-12] == '~' for n in names), names)
        told = {o['name'] for o in manifests(copy)[1]}
        tap.check('its manifest has the whole name', 'nfcapd.' + '\\xe9' * 200 in told, sorted(told)[:3])
    before = hdfs.walk(f'{root}/{dataset}')
    again = s.command('run', '--once')
    tap.check(f'{dissector}: a second run finds nothing to do', again.returncode == 0 and hdfs.walk(f'{root}/{dataset}') == before, again)
    status = s.command('status')
    tap.check(f'{dissector}: status reads it', status.returncode == 0 and root in status.stdout and 'never' not in status.stdout.split('partition', 1)[1].split('\n')[1:][-1], status)
    check = s.command('check')
    tap.check(f'{dissector}: check reaches it, as whom, and what room is left', check.returncode == 0 and f'user {cluster.hdfs.user}' in check.stdout and ' left' in check.stdout, check)


def came_whole(cluster, hdfs, folder):
    """A file that came cut, and its whole copy: by a replay, and then by itself."""
    root, place = f'/{MARK}/whole', os.path.join(folder, 'whole')
    os.mkdir(place)
    s = Spool(place, state=os.path.join(place, 'state'), collect='{ settle: 0 }', url=f'{cluster.hdfs.http.replace("http", "webhdfs")}{root}', webhdfs=f'{{ user: {cluster.hdfs.user} }}')
    name, copy = 'nfcapd.202601140900', os.path.join(place, 'copy')
    whole = s.make(name, 5000)
    cut = whole[:len(whole) * 3 // 5]
    s.drop(name, cut)
    with open(copy, 'wb') as f:
        f.write(whole)
    s.command('run', '--once')
    dry = s.command('replay', '--dry-run', '--with', copy, name)
    done = s.command('replay', '--with', copy, name)
    for how in ('by a replay', 'by itself later'):
        seen = os.path.join(place, f'mirror {how}')
        mirror(hdfs, root, seen)
        wrong, audit = faults(seen, {'cut': cut, 'whole': whole}) + staging_left(seen), s.command('audit')
        tap.check(f'a whole copy of a cut file, {how}: each row once, the copy kept', dry.returncode == done.returncode == 0 and not wrong and ids(seen) == s.expected() and audit.returncode == 0, (dry, done, wrong, audit))
        s.drop('nfcapd.202601141000', whole)
        s.command('run', '--once')


def two_instances(cluster, hdfs, folder):
    """claim: shared, over HDFS: both at once on one folder."""
    root, both = f'/{MARK}/shared', []
    for name in ('edge1', 'edge2'):
        place = os.path.join(folder, name)
        os.mkdir(place)
        os.makedirs(os.path.join(folder, 'shared'), exist_ok=True)
        os.symlink(os.path.join(folder, 'shared'), os.path.join(place, 'spool'))
        both.append(Spool(place, instance=name, claim='shared', state=os.path.join(place, 'state'), collect='{ settle: 0 }', url=f'{cluster.hdfs.http.replace("http", "webhdfs")}{root}',
                          webhdfs=f'{{ user: {cluster.hdfs.user} }}'))
    for i in range(40):
        both[0].make(f'nfcapd.{202601140900 + i}', 5)
        both[0].drop(f'nfcapd.{202601140900 + i}')
    runs = [s.start('run', '--once') for s in both]
    ended = [r.wait(120) for r in runs]
    copy = os.path.join(folder, 'shared-mirror')
    mirror(hdfs, root, copy)
    wrong = faults(copy, both[0].inputs)
    claims = [os.path.basename(os.path.dirname(os.path.dirname(p))) for p in hdfs.walk(f'{root}/_sluice/claims')]
    tap.check('two instances on one folder, claims in HDFS: each original and row once', ended == [0, 0] and not wrong and ids(copy) == both[0].expected(), (ended, wrong, both[0].log()[-800:]))
    tap.check('all claims are done', claims == ['done'] * 40, claims)


def main():
    reason = why_not()
    if reason:
        tap.skip('a run with its lake in HDFS', reason)
        tap.done()
        return
    with session('hdfs') as cluster, tempfile.TemporaryDirectory() as folder, room(cluster, f'/{MARK}') as hdfs:
        for dissector in PIPELINES:
            dataset_in_hdfs(cluster, hdfs, folder, dissector)
        two_instances(cluster, hdfs, folder)
        came_whole(cluster, hdfs, folder)
    tap.done()


main()
