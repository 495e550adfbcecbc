#!/usr/bin/env python3
"""The durable order, from a trace of system calls: bytes before their name, a name before what counts on it, the acknowledgement last. doc/faults.md lists the rules.

The judge itself is tested: a trace from which one sync is taken out must be refused.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from trio import Trio, inputs  # noqa: E402

CALLS = 'openat,openat2,mkdirat,mkdir,write,pwrite64,pwritev,writev,fsync,fdatasync,syncfs,rename,renameat,renameat2,linkat,unlink,unlinkat,ftruncate'
LINE = re.compile(r'^(\d+)\s+(?:(\w+)\((.*?)(?: <unfinished \.\.\.>$|\)\s+= (-?\d+)(.*)$)|<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+)(.*)$)')
FD = re.compile(r'^-?\w+<([^>]*)>')


class Call:
    def __init__(self, pid, name, args, begin):
        self.pid, self.name, self.args, self.begin, self.end, self.result, self.tail = pid, name, args, begin, None, -1, ''

    def paths(self):
        """Absolute paths that the call names, in order."""
        out, base = [], None
        for word in re.findall(r'-?\w+<[^>]*>|"(?:[^"\\]|\\.)*"', self.args):
            if word.startswith('"'):
                out.append(os.path.normpath(os.path.join(base or '/', word[1:-1])))
            else:
                base = FD.match(word)[1]
        return out

    def on(self):
        """The file behind the descriptor that is the first argument."""
        m = FD.match(self.args)
        return m[1] if m else ''


def parse(lines):
    """Calls that succeeded, in the order of their ends."""
    calls, open_calls = [], {}
    for n, line in enumerate(lines):
        m = LINE.match(line)
        if not m:
            continue
        pid, name, args, result, tail, resumed, rest, result2, tail2 = m.groups()
        if resumed:
            c = open_calls.pop((pid, resumed), None)
            if c is None:
                continue
            c.args += rest
            result, tail = result2, tail2
        else:
            c = Call(pid, name, args, n)
            if result is None:
                open_calls[pid, name] = c
                continue
        c.end, c.result, c.tail = n, int(result), tail
        if c.result >= 0:
            calls.append(c)
    return calls


class Judge:
    """What is not durable yet, as the trace goes by; a rule looks whether something counts on it."""

    def __init__(self, lake, state, source):
        self.lake, self.state, self.source = lake, state, source
        self.dirty, self.names = {}, {}  # file: end of its last write; (folder, name): end of the call that made it
        self.known, self.synced_fds = set(), set()  # the second: (descriptor, path) opened with O_DSYNC
        self.wrong, self.passed = [], set()
        self.ledger_ends, self.manifest, self.published = [], None, None

    def say(self, rule, what):
        self.wrong.append(f'{rule}: {what}')

    def pending(self, under):
        """Names in a folder and below it, and its own and those above it, that a power cut could take back."""
        above = {under}
        while os.path.dirname(under) != under:
            under = os.path.dirname(under)
            above.add(under)
        folder = max(above, key=len)
        return [p for p in (os.path.join(d, n) for d, n in self.names) if p in above or p.startswith(folder + '/')]

    def rule(self, name, bad):
        self.passed.add(name)
        for b in bad:
            self.say(name, b)

    def made(self, path, end):
        self.names[os.path.dirname(path), os.path.basename(path)] = end

    def take(self, c):
        getattr(self, {'fdatasync': 'fsync', 'openat2': 'openat', 'mkdirat': 'mkdir', 'renameat2': 'rename', 'renameat': 'rename', 'pwrite64': 'write', 'pwritev': 'write',
                       'writev': 'write', 'ftruncate': 'write', 'unlinkat': 'unlink'}.get(c.name, c.name))(c)

    def openat(self, c):
        path = FD.match(f'{c.result}{c.tail}')
        if not path:
            return
        if 'O_CREAT' in c.args and path[1] not in self.known:
            self.known.add(path[1])
            self.dirty[path[1]] = c.end
            self.made(path[1], c.end)
        if 'O_DSYNC' in c.args:
            self.synced_fds.add((c.result, path[1]))

    def mkdir(self, c):
        self.made(c.paths()[-1], c.end)

    def syncfs(self, c):
        self.dirty = {f: e for f, e in self.dirty.items() if e >= c.begin}
        self.names = {n: e for n, e in self.names.items() if e >= c.begin}

    def fsync(self, c):
        path = c.on()
        if self.dirty.get(path, c.begin) < c.begin:
            del self.dirty[path]
        self.names = {(d, n): e for (d, n), e in self.names.items() if d != path or e >= c.begin}

    def write(self, c):
        path = c.on()
        is_meta = (int(c.args.split('<')[0]), path) in self.synced_fds
        if not is_meta:
            self.dirty[path] = c.end
        if path == f'{self.state}/bus/data.mdb':
            self.bus(c, is_meta)
        if path == f'{self.state}/ledger/data.mdb':
            self.ledger(c, is_meta)

    def ledger(self, c, is_meta):
        if not is_meta:
            return
        self.rule('a ledger transaction is whole before it counts', [c.on()] if c.on() in self.dirty else [])
        self.rule('an original and its name are durable before the ledger knows it', [p for p in self.pending(self.lake) if '/binary' in p])
        self.rule('the ledger itself has a durable name', self.pending(c.on()))
        self.ledger_ends.append(c.end)

    def bus(self, c, is_meta):
        if is_meta:
            self.rule('events are whole before they count', [c.on()] if c.on() in self.dirty else [])
            self.rule('the bus itself has a durable name', self.pending(c.on()))
            return
        if self.archived and not self.manifest:
            self.rule('the ledger has an original before the bus', [] if any(e > self.archived for e in self.ledger_ends) else [c.on()])
        if self.published:
            self.rule('rows have durable names before the bus forgets their event', [p for p in self.pending(self.lake) if '/hive' in p])

    archived = None

    def rename(self, c):
        old, new = c.paths()
        self.names.pop((os.path.dirname(old), os.path.basename(old)), None)
        if old == self.source:
            self.rule('a source goes only after its manifest is durable', [] if self.manifest and not self.pending(os.path.join(self.lake, '_sluice/commits')) else [old])
        if not old.startswith(self.lake):
            return
        self.rule('bytes are durable before they have their name', [new] if old in self.dirty else [])
        self.dirty.pop(old, None)
        if '/binary/' in new:
            self.archived = c.end
        if '/_sluice/commits/' in new:
            self.rule('staged files have durable names before the manifest', [p for p in self.pending(os.path.join(self.lake, '_sluice/staging')) if '.claim' not in p])
            self.manifest = new
        if '/hive/' in new or '/rejects/' in new:
            self.rule('the manifest is durable before rows are visible', self.pending(os.path.join(self.lake, '_sluice/commits')) if self.manifest else [new])
            self.published = new
        self.made(new, c.end)

    def linkat(self, c):
        self.made(c.paths()[-1], c.end)

    def unlink(self, c):
        path = c.paths()[-1]
        self.names.pop((os.path.dirname(path), os.path.basename(path)), None)
        self.dirty.pop(path, None)
        if path == self.source:
            self.rule('a source goes only after its manifest is durable', [] if self.manifest and not self.pending(os.path.join(self.lake, '_sluice/commits')) else [path])


def judge(calls, t, source):
    j = Judge(t.lake, os.path.join(t.place, 'state'), source)
    for c in calls:
        j.take(c)
    return j


def trace(place, inline):
    """One log with one line that is a reject, as a rows event or as a file event; its source goes at the end."""
    name, content = next(iter(inputs(1)['proxy'].items()))
    t = Trio(place, {'flow': {}, 'dns': {}, 'proxy': {name: content + b'one two three\n'}}, workers=1, event=f'{{ inline_max: {inline} }}')
    t.fill()
    out = os.path.join(place, 'trace')
    subprocess.run(['strace', '-f', '-y', '-qq', '-s', '0', '-e', 'signal=none', '-e', f'trace={CALLS}', '-o', out, t.sluice, 'run', '-c', t.config, '--once'],
                   stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)
    with open(out, encoding='utf-8', errors='replace') as f:
        return t, os.path.join(t.watch('proxy'), name), parse(f.read().splitlines())


def judge_is_one(calls, t, source):
    """Each rule is broken when what it asks for is taken out of the trace: all syncs of one file or folder, or the ledger's writes."""
    broken = set()
    places = {c.on() for c in calls if c.name in ('fsync', 'fdatasync')}
    for place in sorted(places):
        broken |= {w.split(':')[0] for w in judge([c for c in calls if c.name not in ('fsync', 'fdatasync') or c.on() != place], t, source).wrong}
    ledger = os.path.join(t.place, 'state', 'ledger', 'data.mdb')
    return broken | {w.split(':')[0] for w in judge([c for c in calls if c.name not in ('pwrite64', 'writev', 'pwritev') or c.on() != ledger], t, source).wrong}


def main():
    for what, inline in (('rows event', '1MiB'), ('file event', '0')):
        with tempfile.TemporaryDirectory(prefix='sluice-durable-') as place:
            place = os.path.realpath(place)
            t, source, calls = trace(place, inline)
            j = judge(calls, t, source)
            tap.check(f'{what}: the run stored its rows and was seen whole', t.content()['proxy'][0] == 400 and len(j.passed) == 11, f'{t.content()} {sorted(j.passed)}')
            for rule in sorted(j.passed):
                bad = [w for w in j.wrong if w.startswith(rule)]
                tap.check(f'{what}: {rule}', not bad, '\n'.join(bad[:5]))
            broken = judge_is_one(calls, t, source)
            tap.check(f'{what}: the judge refuses a trace without the syncs of one place, by each rule', j.passed <= broken, sorted(j.passed - broken))
    matrix.check('Durable order', [f'| {rule} |' for rule in sorted(j.passed)])
    tap.done()


if __name__ == '__main__':
    main()
