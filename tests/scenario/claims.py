#!/usr/bin/env python3
"""Two collectors of two instances on one folder and one lake (claim: shared): each original once, also when one is killed; what it strands is shown, taken up by its restart, or by a person; what is done goes when it is old."""
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool, below, stop, wait_for  # noqa: E402

FILES = 300


class Instance(Spool):
    """One of several on one folder: a state, a bus and topics of its own, the lake in common."""

    def __init__(self, base, name, **keys):
        place = os.path.join(base, name)
        os.mkdir(place)
        self.instance = name
        super().__init__(place, lake=os.path.join(base, 'lake'), instance=name, claim='shared', state=os.path.join(place, 'state'), **keys)
        self.watch = os.path.join(base, 'spool')
        os.makedirs(self.watch, exist_ok=True)
        with open(self.config, encoding='utf-8') as f:
            text = f.read().replace(os.path.join(place, 'spool'), self.watch)
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(text)

    def status(self):
        run = self.command('status', '--json')
        return json.loads(run.stdout) if run.stdout else {}


def claims(lake, kind):
    return [n for _, _, names in os.walk(f'{lake}/_sluice/claims/flow/{kind}') for n in names]


def claimed(lake):
    """Names of the files whose claims are open."""
    found = []
    for name in claims(lake, 'open'):
        with open(f'{lake}/_sluice/claims/flow/open/{name}', encoding='utf-8') as f:
            found.append(json.load(f)['name'])
    return found


def commits(s, name):
    """Those that hold the file; an original that the lake does not know is said to be none."""
    shown = s.command('trace', '--format', 'json', name).stdout
    return json.loads(shown)['commits'] if shown else []


def side_by_side(base):
    a, b = (Instance(base, n, collect='{ settle: 0 }', commit='{ max_age: 200ms }') for n in ('edge1', 'edge2'))
    runs = [s.start('run') for s in (a, b)]

    def shares():
        return [s.status()['pipelines'][0] for s in (a, b)]

    def dealt_with(files):
        return wait_for(lambda: sum(p['committed'] + p['doubled'] for p in shares()) == 2 * files, 90, 0.3)

    def drop(files):
        for i in files:
            a.make(f'nfcapd.{202601140000 + i}', 3 + i % 5)
            a.drop(f'nfcapd.{202601140000 + i}')
    drop(range(1))
    tap.check('both look', dealt_with(1), shares())
    # where chance would have it, one has all: each gets one that the other can't see in time
    for i, (one, other) in enumerate(((0, 1), (1, 0))):
        still = below(runs[other].pid)
        for pid in still:
            os.kill(pid, signal.SIGSTOP)
        before = shares()[one]['committed']
        drop(range(1 + i, 2 + i))
        tap.check(f'{(a, b)[one].instance} takes what comes while the other stands still', wait_for(lambda: shares()[one]['committed'] == before + 1, 30, 0.1), shares())
        for pid in reversed(still):
            os.kill(pid, signal.SIGCONT)
        dealt_with(2 + i)
    drop(range(3, FILES))
    tap.check(f'{FILES} files, each committed once by one of two', wait_for(lambda: ids(a.lake) == a.expected(), 90, 0.5), f'{len(ids(a.lake))} rows of {len(a.expected())}')
    tap.check('the lake is in order', not faults(a.lake, a.inputs), faults(a.lake, a.inputs)[:3])
    tap.check('all claims are done in the end', wait_for(lambda: len(claims(a.lake, 'done')) == FILES and not claims(a.lake, 'open'), 20, 0.2), claims(a.lake, 'open')[:3])
    dealt_with(FILES)
    sides = shares()
    tap.check('both took some, and left the other\'s', all(p['committed'] > 0 for p in sides) and all(p['committed'] + p['doubled'] == FILES for p in sides) and sum(p['committed'] for p in sides) == FILES, sides)
    tap.check('both end in order', [stop(r) for r in runs] == [0, 0])
    left = next(s for s in (a, b) if s.status()['pipelines'][0]['doubled'])
    other = a if left is b else b
    named = [left.command('status', f'{left.watch}/{n}') for n in a.inputs]
    foreign = [r for r in named if f'foreign: left to {other.instance}' in r.stdout]
    tap.check('status of a file says who has it', len(foreign) == left.status()['pipelines'][0]['doubled'] and foreign[0].returncode == 0, named[0])


def killed(base):
    """One is killed while it takes files; the other goes on; what the dead one claimed waits for it."""
    a, b = (Instance(base, n, collect='{ settle: 0, group: 20 }', commit='{ max_age: 200ms }', workers=1) for n in ('edge1', 'edge2'))
    for i in range(FILES):
        a.make(f'nfcapd.{202601140000 + i}', 4)
        a.drop(f'nfcapd.{202601140000 + i}')
    dead = subprocess.Popen([a.sluice, 'collect', '-c', a.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(claims(a.lake, 'open')) >= random.randrange(10, 60), 30, 0.001)
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    mine = len(claims(a.lake, 'open'))
    tap.check(f'killed with {mine} claims', 0 < mine <= FILES)
    r = b.command('run', '--once')
    tap.check('the other takes what is free, and only that', r.returncode == 0 and len(claims(a.lake, 'done')) == FILES - mine, r)
    tap.check('what the dead one claimed is not shown while it is young', b.status()['stale_claims'] == [])
    for name in claims(a.lake, 'open'):
        path = f'{a.lake}/_sluice/claims/flow/open/{name}'
        with open(path, encoding='utf-8') as f:
            claim = json.load(f)
        claim['time_ms'] -= 7_200_000
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(claim, f)
    stale = b.status()['stale_claims']
    tap.check('but when it is old, with the name of who has it', len(stale) == min(mine, 20) and all('claimed by edge1' in s['reason'] and s['age_ms'] > 7_000_000 for s in stale), stale[:2])
    # what it had published is its own still: a person waits until its bus is drained, and takes what no commit holds
    drained = a.command('work', '--once')
    free = [name for name in claimed(a.lake) if not commits(b, name)]
    tap.check('what it had published is committed without its collector', drained.returncode == 0 and len(claims(a.lake, 'open')) == mine, drained)
    if free:
        one = free[0]
        r = b.command('load', '-p', 'flow', '--again', f'{b.watch}/{one}')
        run = b.command('run', '--once')
        tap.check('a person can take one over', r.returncode == 0 and run.returncode == 0 and len(claims(a.lake, 'open')) == mine - 1, (r, run))
    r = a.command('run', '--once')
    tap.check('its restart goes on with its own, and says so if one was taken over', r.returncode == (1 if 'taken over by edge2' in r.stderr else 0), r)
    tap.check('every row once', ids(a.lake) == a.expected(), f'{len(ids(a.lake))} of {len(a.expected())}')
    tap.check('no claim is open', not claims(a.lake, 'open') and len(claims(a.lake, 'done')) == FILES, claims(a.lake, 'open')[:3])
    tap.check('the lake is in order', not faults(a.lake, a.inputs), faults(a.lake, a.inputs)[:3])


def spent(base):
    """Old claims go with their files; those of files that still lie there stay, so that an instance that has seen nothing takes nothing."""
    a, b = (Instance(base, n, collect='{ settle: 0 }', **{'claim.keep': '1s'}) for n in ('edge1', 'edge2'))
    for i in range(FILES):
        a.make(f'nfcapd.{202601140000 + i}', 2)
        a.drop(f'nfcapd.{202601140000 + i}')
    r = a.command('run', '--once')
    tap.check(f'{FILES} claims are done', r.returncode == 0 and len(claims(a.lake, 'done')) == FILES, r)
    stays = {hashlib.sha256(a.inputs[n]).hexdigest() for n in sorted(a.inputs)[:100]}
    for name in sorted(a.inputs)[100:]:
        os.unlink(f'{a.watch}/{name}')
    time.sleep(1.1)
    for _ in range(40):  # one folder of 256 in each run
        r = a.command('run', '--once')
        if r.returncode != 0 or len(claims(a.lake, 'done')) < FILES:
            break
    left = set(claims(a.lake, 'done'))
    tap.check('claims of files that are gone go by and by', r.returncode == 0 and len(left) < FILES, r)
    tap.check('those of files that lie there stay', stays <= left, len(stays - left))
    r = b.command('run', '--once')
    tap.check('an instance that has seen nothing takes nothing', r.returncode == 0 and ids(a.lake) == a.expected() and not faults(a.lake, a.inputs), (r, faults(a.lake, a.inputs)[:3]))


def main():
    for part in (side_by_side, killed, spent):
        with tempfile.TemporaryDirectory() as base:
            began = time.monotonic()
            part(base)
            print(f'# {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


main()
