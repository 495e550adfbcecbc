#!/usr/bin/env python3
"""Faults of the operating system under commands that end by themselves: each says what it met, with the file, and by its exit status; run again without the fault it does
all of its work. A lake of all three datasets with one reject; the library is os_faults.c, as in system.py.

    commands.py [TEXT]     only cases whose name holds TEXT
"""
import concurrent.futures
import os
import shutil
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from os_faults import MANY, Switch  # noqa: E402
from trio import Trio, end, inputs  # noqa: E402

KEYS = {'compact': '{ quiet: 0, grace: 0 }', 'commit': '{ max_events: 1 }'}
STRAYS = {'an original that nobody names': 'flow/binary/20260114/09/stray', 'a table file that nobody names': 'flow/hive/y=2026/m=1/d=14/h=9/stray.parquet'}
SPACE, BROKEN = 'No space left on device', 'Input/output error'
# command, what happens to it, what the library does, exit status, what is told: part of the file's name, and the reason
CASES = [
    ('compact', 'disk full', 'errno=ENOSPC calls=write path=.parquet', 1, '.parquet: cannot write', SPACE),
    ('compact', 'table files cannot be read', 'errno=EIO calls=read path=.parquet', 1, '.parquet: cannot read', BROKEN),
    ('compact', 'a sync fails', 'errno=EIO calls=sync path=.parquet', 1, '.parquet: cannot sync', BROKEN),
    ('compact', 'a sync of its note fails', 'errno=EIO calls=sync path=/_sluice/tmp/', 1, '_sluice/compacting/', BROKEN),
    ('audit', 'originals cannot be read', 'errno=EIO calls=read path=/binary/', 3, 'original-damaged', BROKEN),
    ('audit', 'table files cannot be read', 'errno=EIO calls=read path=.parquet', 3, 'table-damaged', BROKEN),
    ('audit', 'rejects files cannot be read', 'errno=EIO calls=read path=/rejects/', 3, 'rejects-damaged', BROKEN),
    ('audit', 'an original that nobody names cannot be read', 'errno=EIO calls=read path=/stray', 3, 'original-unknown', BROKEN),
    ('audit', 'a table file that nobody names cannot be read', 'errno=EIO calls=read path=/stray', 3, 'table-orphan', 'what it holds cannot be read'),
    ('audit', 'manifests cannot be read', 'errno=EIO calls=read path=/_sluice/commits/', 1, '_sluice/commits/here.', BROKEN),
    ('rejects', 'rejects files cannot be read', 'errno=EIO calls=read path=/rejects/', 1, 'rejects/', BROKEN),
    ('trace proxy-0002.log', 'manifests cannot be read', 'errno=EIO calls=read path=/_sluice/commits/', 1, '_sluice/commits/here.', BROKEN),
    ('replay --all', 'the original cannot be read', 'errno=EIO calls=read path=/binary/', 1, 'proxy-0002.log: cannot read', BROKEN),
    ('replay --all --settle why', 'disk full', 'errno=ENOSPC calls=write path=/lake', 1, '_sluice/commits/here.proxy.replay/', SPACE),
    ('status', 'manifests cannot be read', 'errno=EIO calls=read path=/_sluice/commits/', 1, '_sluice/commits/here.', BROKEN),
]


class Case:
    def __init__(self, command, name, spec, status, told, reason, given, filled, wanted):
        self.command, self.name, self.spec, self.status, self.told = command, name, spec, status, (told, reason)
        self.given, self.filled, self.wanted, self.problems = given, filled, wanted, []

    def run(self):
        with tempfile.TemporaryDirectory(prefix='sluice-os-') as place:
            for folder in ('lake', 'state', 'in', 'gone'):
                shutil.copytree(os.path.join(self.filled, folder), os.path.join(place, folder))
            t = Trio(place, self.given, **KEYS)
            switch = Switch(place, MANY)
            stray = [os.path.join(t.lake, path) for name, path in STRAYS.items() if self.name.startswith(name)]
            for path in stray:
                with open(path, 'xb') as f:
                    f.write(b'nobody knows me')
                os.utime(path, (0, 0))
            self.call(t, self.status, switch.env(self.spec))
            for path in stray:
                os.remove(path)
            if switch.happened() == 0:
                self.problems.append('the fault did not happen')
            text = t.log()
            if not any(all(part in line for part in self.told) for line in text.splitlines()):
                self.problems.append(f'told is {text[-1000:]}')
            # what was settled before is known; a reject that stays is said by the exit status
            self.call(t, 1 if self.command == 'replay --all' else 0, {})
            if t.content() != self.wanted:
                self.problems.append(f'tables hold {t.content()}, {self.wanted} before')
            self.problems += t.wrong()
        return self

    def call(self, t, wanted, env):
        process = t.start(*self.command.split(), **env)
        try:
            status = process.wait(60)
        finally:
            end(process)
        if status != wanted:
            self.problems.append(f'exit status {status}, {wanted} expected: {t.log()[-500:]}')


def main():
    asked, given = sys.argv[1] if len(sys.argv) > 1 else '', inputs()
    with tempfile.TemporaryDirectory(prefix='sluice-os-') as filled:
        t = Trio(filled, given, **KEYS)
        t.fill()
        process = t.start('run', '--once')
        try:
            tap.check('filled', process.wait(60) == 1 and not t.wrong(), t.log())
        finally:
            end(process)
        wanted = t.content()
        cases = [Case(*case, given, filled, wanted) for case in CASES if asked in f'{case[0]}: {case[1]}']
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for c in pool.map(Case.run, cases):
                tap.check(f'{c.command}: {c.name}: told with the file, and mended by running it again', not c.problems, '\n'.join(c.problems))
    if not asked:
        matrix.check('Commands', [f'| `{c.command}` | {c.name} | {c.status} | {c.told[0]} … {c.told[1]} |' for c in cases])
    tap.done()


main()
