#!/usr/bin/env python3
"""`sluice rejects` and `sluice replay`: what is listed is what lies in the lake; a replay stores the rows that were missing, each once, whatever kills it, however often it
runs and whoever runs beside it; what it can't tell apart it leaves. All three datasets, embedded bus, local lake."""
import base64
import glob
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from lake import manifests  # noqa: E402
from points import Marks  # noqa: E402
from site_rows import HEAD, HOUR, START, Site  # noqa: E402
from spool import wait_for  # noqa: E402
from trio import DATASETS  # noqa: E402

FEW, HOURS, KILLS = 3, 8, int(os.environ.get('SLUICE_REPLAY_KILLS', '12'))
POINTS = ['worker.dissected', 'worker.staged', 'store.closed', 'worker.synced', 'store.temp_synced', 'store.temp_placed', 'worker.put', 'worker.checked', 'store.renamed',
          'worker.published', 'worker.noted', 'worker.cleaned']


def fill(s, files=2, rows=40, hours=HOURS):
    """Files of more hours than are allowed; some small, the last of each dataset large. Every line of a log twice: rows that are equal are rows."""
    for d in DATASETS:
        for i in range(files):
            content = s.fresh(d, [START + HOUR * (n % hours) for n in range(rows * (10 if i == files - 1 else 1))])
            if d == 'proxy':
                first = next(k for k, v in s.given[d].items() if v is content)
                lines = content.decode().split('\n')[5:-1]
                content = (HEAD + '\n'.join(line for line in lines for _ in range(2)) + '\n').encode()
                s.given[d][first] = content
                s.rows[d] += s.rows[d][-len(lines):]
            s.put(d, f'f{i}', content)
    return s.once()


def listed(s, *words):
    r = s.command('rejects', '--format', 'json', *words)
    return [json.loads(line) for line in r.stdout.splitlines()]


def in_lake(s):
    found = []
    for path in sorted(glob.glob(f'{s.lake}/*/rejects/**/*.jsonl', recursive=True)):
        with open(path, encoding='utf-8') as f:
            found += [json.loads(line) for line in f]
    return found


def replays(s):
    return glob.glob(f'{s.lake}/_sluice/commits/*.replay/0/*')


def site(place, **keys):
    s = Site(f'{place}/here', **{'partitions.max': FEW, 'event': '{ inline_max: 16KiB }', **keys})
    fill(s)
    return s


def widen(s):
    """The fix."""
    s.configure(**{'partitions.max': 100})


def once_more(place):
    """The way from a reject to its rows."""
    s = site(place)
    before, lake = listed(s), in_lake(s)
    bare = [{k: v for k, v in one.items() if k not in ('dataset', 'file', 'open')} for one in before]
    tap.check('rejects lists what lies in the lake, with reason and bytes', sorted(bare, key=str) == sorted(lake, key=str) and len(lake) >= 6 and all(one['open'] and one['reason'] == 'too_many_hours' for one in before), before[:2])
    text = s.command('rejects')
    lost = sum(one['rows'] for one in lake)
    tap.check('and for people, with a sum by reason', text.returncode == 0 and f'in 6 originals, at least {lost:,} rows lost' in text.stdout and f'{len(lake)}  too_many_hours' in text.stdout, text)
    tap.check('of one original only, by its name and by its sha256', len(listed(s, 'f0', '-p', 'dns')) == 1 and listed(s, lake[0]['original']) == [b for b in before if b['original'] == lake[0]['original']])
    r = s.command('replay', '--all')
    tap.check('a replay before the fix changes nothing, and says so', r.returncode == 1 and '6 as before' in r.stdout and not replays(s), r)
    widen(s)
    r = s.command('replay', '--all', '--dry-run')
    tap.check('a dry run says what it would store, and stores nothing', r.returncode == 0 and f'{lost:,} rows would be stored' in r.stdout and not replays(s), r)
    r = s.command('replay', '-p', 'flow', 'f1')
    tap.check('one original alone', r.returncode == 0 and '1 original replayed' in r.stdout and len(replays(s)) == 1, r)
    r = s.command('replay', '--all')
    tap.check('after the fix every row is there, once', r.returncode == 0 and '5 originals replayed' in r.stdout and not s.wrong(), (r, s.wrong()[:3]))
    tap.check('its rejects are past, and told with --all', not listed(s) and [one['open'] for one in listed(s, '--all')] == [False] * len(lake) and 'no rejects' in s.command('rejects').stdout)
    path = f'{s.watch("dns")}/f0'
    text, one = s.command('status', path).stdout, json.loads(s.command('status', '--json', path).stdout)
    tap.check('status of a file shows its replay', re.search(r'^  replayed  20.*: \d+ rows?, 0 rejects left$', text, re.M) and one['rejects_left'] == 0 and one['replayed_rows'] > 0 and one['replayed_ms'] > 0, text)
    audit = s.command('audit').stdout
    tap.check('and audit counts neither it as an original nor what it settled as rejects', '6 originals' in audit and ' 0 rejects\n' in audit and '6 replays' in audit, audit)
    done, figures = len(replays(s)), s.status()['figures']
    r = s.command('replay', '--all')
    tap.check('a second replay finds nothing to do', r.returncode == 0 and 'nothing to replay' in r.stdout and len(replays(s)) == done and not s.wrong(), r)
    tap.check('it is counted', figures['files_replayed'] == 6 and figures['rejects'] == len(lake), figures)
    r = s.command('trace', '--format', 'json', lake[0]['original'])
    found = [json.loads(line) for line in r.stdout.splitlines()]
    tap.check('trace shows both commits', len(found) == 2 and sum(c['rows'] for one in found for c in one['commits']) == sum(o['rows'] for o in manifests(s.lake)[1] if o['original'] == lake[0]['original']), r)
    shutil.rmtree(f'{s.place}/state')
    s.once()
    tap.check('a rebuilt ledger changes nothing', not s.wrong() and 'nothing to replay' in s.command('replay', '--all').stdout, s.wrong()[:3])


def refused(place):
    """Lines that nobody could read, and a whole file."""
    s = Site(f'{place}/here')
    lines = [f'2026-01-14 09:00:{n:02} 10.0.0.1 u{n}\n'.encode() for n in range(5)]
    s.given['proxy'] = {'bare': b''.join(lines)}
    s.put('proxy', 'bare', b''.join(lines))
    r, found = s.once(), listed(s)
    tap.check('each line that could not be read is kept with its place and its bytes', r.returncode == 1 and [base64.b64decode(one['raw']) + b'\n' for one in found] == lines and
              [s.given['proxy']['bare'][one['offset']:][:one['length']] + b'\n' for one in found] == lines and not s.wrong(), found)
    for inline in ('1MiB', 0):  # by the collector, by the worker
        s.configure(event=f'{{ inline_max: {inline} }}')
        whole = f'u{inline} 10.0.0.1 09:00:00 2026-01-14\n'.encode() * 100
        s.given['proxy'][f'whole{inline}'] = whole
        s.put('proxy', f'whole{inline}', whole)
        r, found = s.once(), listed(s, f'whole{inline}')
        tap.check(f'a refused file is one reject over its whole length, inline_max {inline}', r.returncode == 1 and len(found) == 1 and found[0]['length'] == len(whole) and
                  base64.b64decode(found[0]['raw']) == whole[:1024] and not s.wrong(), (found, s.wrong()))
    s.rows['proxy'] += ['u1MiB'] * 100 + ['u0'] * 100
    s.rows['proxy'] += [f'u{n}' for n in range(5)]
    s.configure({'proxy': ', options: { fields: "date time c-ip cs-username" }'})
    r = s.command('replay', 'bare')
    tap.check('lines have their rows once their fields are known', r.returncode == 0 and '5 rows stored' in r.stdout, r)
    s.configure({'proxy': ', options: { format: elff, fields: "cs-username c-ip time date" }'})
    r = s.command('replay', '-p', 'proxy', '--all')
    tap.check('and so do files', r.returncode == 0 and not s.wrong(), (r, s.wrong()[:3]))


def settled(place):
    """What nobody will mend, and what does not become of it."""
    s, why = site(place), 'came again whole, as "f9"; see ticket 7 (é)'
    lake, held = in_lake(s), s.held('dns')
    for bad in ('', 'a\nb', 'x' * 1001, '\x1b[2J'):
        r = s.command('replay', '--settle', bad, 'f0')
        tap.check(f'a reason is one line of text: {bad[:4]!r}', r.returncode == 2 and '--settle: why' in r.stderr and not replays(s), r)
    r = s.command('replay', '-p', 'dns', '--settle', why, '--dry-run', 'f0')
    tap.check('a dry run settles nothing', r.returncode == 0 and '1 original would be settled' in r.stdout and '1 reject would be settled' in r.stdout and not replays(s), r)
    r = s.command('replay', '-p', 'dns', '--settle', why, 'f0')
    tap.check('the rejects of one original are settled', r.returncode == 0 and '1 original settled' in r.stdout and len(replays(s)) == 1, r)
    tap.check('they are listed no more', s.command('rejects', '-p', 'dns', 'f0').returncode == 0 and not listed(s, '-p', 'dns', 'f0') and len(listed(s)) == len(lake) - 1)
    past = listed(s, '-p', 'dns', '--all', 'f0')
    tap.check('but with --all, and why', [one['settled'] for one in past] == [why] and f'(settled: {why})' in s.command('rejects', '--all', '-p', 'dns', 'f0').stdout, past)
    path = f'{s.watch("dns")}/f0'
    text, one = s.command('status', path).stdout, json.loads(s.command('status', '--json', path).stdout)
    tap.check('status of the file says so too', re.search(r'^  settled   20.*: came again whole', text, re.M) and one['settled'] == why and one['rejects_left'] == 0, text)
    r = s.command('audit')
    tap.check('audit finds the lake in order, and counts them as dealt with', r.returncode == 0 and f' {len(lake) - 1} rejects' in r.stdout and '1 replay' in r.stdout, r)
    tap.check('rows and original stay', s.held('dns') == held and s.command('trace', past[0]['original']).returncode == 0)
    r = s.command('replay', '-p', 'dns', '--settle', why, 'f0')
    tap.check('a second time there is nothing to settle', r.returncode == 0 and 'nothing to settle' in r.stdout and len(replays(s)) == 1, r)
    widen(s)
    r = s.command('replay', '--all')
    tap.check('a replay leaves it alone, and takes the others', r.returncode == 0 and '5 originals replayed' in r.stdout and len(s.held('dns')) > len(held) and not listed(s), r)


def other_rows(place):
    """A fix that changes rows which are stored, content taken twice, an original that is gone: left, with the reason, and nothing is stored."""
    s = site(place)
    held = {d: s.held(d) for d in DATASETS}
    s.configure({'proxy': ', options: { compat: spot }'}, **{'partitions.max': 100})
    r = s.command('replay', '--all', '-p', 'proxy')
    tap.check('rows that would look different now are not stored beside the old ones', r.returncode == 1 and r.stderr.count('are not among those it gives now') == 2 and s.held('proxy') == held['proxy'] and not replays(s), r)
    s.configure()
    s.command('load', '--again', '--quiet', '-p', 'dns', f'{s.watch("dns")}/f0')
    r = s.command('replay', '-p', 'dns', 'f0')
    tap.check('content that was taken twice is left', r.returncode == 1 and 'taken 2 times' in r.stderr and not replays(s), r)
    original = glob.glob(f'{s.lake}/flow/binary/*/*/f0')[0]
    os.rename(original, f'{place}/aside')
    r = s.command('replay', '-p', 'flow', '--all')
    tap.check('an original that is gone is left, the others are not', r.returncode == 1 and 'is not in the lake' in r.stderr and '1 original replayed' in r.stdout, r)
    os.rename(f'{place}/aside', original)
    with open(original, 'r+b') as f:
        f.seek(-1, 2)
        f.write(b'x')
    r = s.command('replay', '-p', 'flow', '--all')
    tap.check('one that was changed as well', r.returncode == 1 and 'sha256 differs' in r.stderr, r)


def compacted(place):
    """Rows that a compaction has moved are found where they are."""
    s = site(place, **{'compact.quiet': '0', 'compact.grace': '0'})
    r = s.command('compact')
    widen(s)
    r = s.command('replay', '--all')
    tap.check('after a compaction', r.returncode == 0 and not s.wrong(), (r, s.wrong()[:3]))
    s.command('compact')
    s.command('compact')
    tap.check('and before the next', not s.wrong(), s.wrong()[:3])


def killed(place):
    """kill -9 between any two steps, one after the other on the same lake: each leaves something to the next."""
    s, missed = Site(f'{place}/here', **{'partitions.max': FEW, 'event': '{ inline_max: 4KiB }'}), []
    fill(s, files=len(POINTS), rows=12)
    widen(s)
    s.sluice = os.environ['SLUICE_FAULTS']
    for i, point in enumerate(POINTS):
        with tempfile.TemporaryDirectory() as folder:
            marks = Marks(folder)
            died = s.command('replay', '-p', list(DATASETS)[i % 3], f'f{i}', env={**os.environ, **marks.env(f'{point}:kill')})
            if died.returncode != -9 or marks.pid(f'{point}:kill') is None:
                missed.append((point, died))
    again = s.command('replay', '--all')
    tap.check(f'killed at each of {len(POINTS)} points: in the end every row once', not missed and again.returncode == 0 and not s.wrong(), (missed, again, s.wrong()[:3]))


def at_random(place):
    """Small commits, and kills where they come; two more run beside it the whole time, and the workers too."""
    s = Site(f'{place}/here', **{'partitions.max': FEW, 'commit.max_bytes': '64KiB'})
    fill(s, files=40, rows=12)
    widen(s)
    rng, died = random.Random(), 0
    run = s.start()
    for i in range(KILLS):  # the first at once and the next ones soon, because there is little to do
        pair = [subprocess.Popen([s.sluice, 'replay', '-c', s.config, '--all', '--quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        time.sleep(rng.uniform(0, 0.25) * i / KILLS)
        pair[0].kill()
        died += pair[0].wait() == -9
        pair[1].kill()
        died += pair[1].wait() == -9
    run.terminate()
    run.wait(30)
    both = [subprocess.Popen([s.sluice, 'replay', '-c', s.config, '--all', '--quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    ends = [p.communicate()[1].decode() for p in both]
    last = s.command('replay', '--all')
    tap.check(f'{died} kills of replays that ran two at a time: every row once', died > 0 and last.returncode == 0 and not s.wrong(), (ends, last, s.wrong()[:3]))


def damage(dataset, content):
    """Most of a file: cut, or for a log a line that nobody can read."""
    if dataset != 'proxy':
        return content[:len(content) * 3 // 5]
    lines = content.split(b'\n')
    lines[len(lines) // 2] = b'torn'
    return b'\n'.join(lines)


def break_files(s, place, names, rows=60):
    """Broken files into the watched folders, the last of each dataset too large for an event; {(dataset, name): its whole copy elsewhere}."""
    copies = {}
    for d in DATASETS:
        for i, name in enumerate(names):
            content = s.fresh(d, [START + 1800 * (n % 5) for n in range(rows * (10 if i == len(names) - 1 else 1))])
            s.given[d][name] = damage(d, content)
            s.put(d, name, s.given[d][name])
            copies[d, name] = f'{place}/{d}/{name}'
            os.makedirs(f'{place}/{d}', exist_ok=True)
            with open(copies[d, name], 'wb') as f:
                f.write(content)
    s.once()
    return copies


def below(s):
    return sorted(path for path in glob.glob(f'{s.lake}/**', recursive=True) if os.path.isfile(path))


def came_whole(place):
    """A file that came broken, and a whole copy of it in its place."""
    s = Site(f'{place}/here', **{'event': '{ inline_max: 16KiB }', 'compact.quiet': '0', 'compact.grace': '0'})
    slot = 'nfcapd.202601140900'
    copies = break_files(s, place, ['b0', slot])
    before, short = below(s), {d: len(s.rows[d]) - len(s.held(d)) for d in DATASETS}
    tap.check('of each broken file some rows are missing', all(short.values()) and len(listed(s)) == 6, (short, listed(s)))
    for words, code, said in ((['--with', f'{place}/nothere', 'b0'], 1, 'nothere: No such file'), (['--with', place, 'b0'], 1, 'not a regular file'), (['--with', place, '--all'], 2, '--with: one name'),
                              (['--with', place, '--settle', 'x', 'b0'], 2, 'not both'), (['--with', f'{s.watch("dns")}/b0', '-p', 'dns', 'b0'], 1, 'that is the same file'),
                              (['--with', copies['dns', slot], '-p', 'dns', 'b0'], 1, 'it is no whole copy of it')):
        r = s.command('replay', *words)
        tap.check(f'{said}: nothing is stored, nothing is left', r.returncode == code and said in r.stderr and below(s) == before and not replays(s), (words, r))
    for (d, name), copy in copies.items():
        r = s.command('replay', '-p', d, '--dry-run', '--with', copy, name)
        tap.check(f'{d} {name}: a dry run says what is missing, and leaves nothing', r.returncode == 0 and 'would be stored, 0 rejects left of 1' in r.stdout and below(s) == before and
                  not glob.glob(f'{s.lake}/_sluice/staging/*'), r)
    s.command('compact')
    said = 0
    for (d, name), copy in copies.items():
        r = s.command('replay', '-p', d, '--with', copy, name)
        said += int(re.search(r'replayed, ([\d,]+) row', r.stdout)[1].replace(',', '')) if r.returncode == 0 else 0
    tap.check('the rows that were missing are stored, each once, and each copy is kept', said == sum(short.values()) and not s.wrong(), (said, short, s.wrong()[:3]))
    with open(copies['flow', slot], 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    past = [one for one in listed(s, '--all', '-p', 'flow', slot)]
    tap.check('the broken ones are settled, and say by what', not listed(s) and [one['settled'] for one in past] == [f'came again whole: {digest}'] and digest in s.command('status', f'{s.watch("flow")}/{slot}').stdout, past)
    r = s.command('trace', hashlib.sha256(s.given['flow'][slot]).hexdigest())
    tap.check('trace says so of the broken one', f'settled: came again whole: {digest}' in r.stdout, r)
    found = [json.loads(line) for line in s.command('trace', '--format', 'json', digest).stdout.splitlines()]
    tap.check('and finds the copy with its rows', len(found) == 1 and len(found[0]['commits']) == 1 and f'{slot}~{digest[:12]}' in found[0]['path'] and 0 < found[0]['commits'][0]['rows'] < 600, found)
    r = s.command('replay', '-p', 'flow', '--with', copies['flow', slot], slot)
    tap.check('a second time there is nothing to do', r.returncode == 0 and 'nothing to replay' in r.stdout and not s.wrong(), r)
    for i, (d, name) in enumerate(copies):
        if i % 2:
            shutil.copy(copies[d, name], f'{s.watch(d)}/late{i}')
    r = s.once()
    tap.check('copies that come by themselves later are known', r.returncode == 0 and not s.wrong() and 'its content came earlier' not in r.stderr, (r, s.wrong()[:3]))
    s.command('compact')
    tap.check('a compaction changes nothing', not s.wrong(), s.wrong()[:3])
    shutil.rmtree(f'{s.place}/state')
    for i, (d, name) in enumerate(copies):
        if not i % 2:
            shutil.copy(copies[d, name], f'{s.watch(d)}/late{i}')
    s.once()
    tap.check('nor does a rebuilt ledger, which knows them, too', not s.wrong(), s.wrong()[:3])
    text = s.command('status', f'{s.watch("dns")}/late3').stdout
    tap.check('status of such a copy', 'committed: as a whole copy' in text and '~' in text and ' 1970-' not in text, text)
    rows, beside = len(s.held('dns')), next(o['rows'] for o in manifests(s.lake)[1] if o['path'].startswith('dns/') and '/b0~' in o['path'])
    for times in (1, 2):
        r = s.command('load', '--again', '--quiet', '-p', 'dns', copies['dns', 'b0'])
        tap.check(f'load --again takes it like any other, {times}', f'taken again name=b0: 60 rows stored beside {beside + times * 60 - 60} of' in r.stderr and
                  len(s.held('dns')) == rows + times * 60 and s.command('audit').returncode == 0, (r, rows, len(s.held('dns'))))
    copy = glob.glob(f'{s.lake}/flow/binary/20260114/09/{slot}~*')[0]
    os.rename(copy, f'{place}/aside')
    r = s.command('audit')
    tap.check('audit misses the copy when it is gone', r.returncode == 3 and f'original-missing {os.path.relpath(copy, s.lake)}' in re.sub(' +', ' ', r.stdout), r)
    os.rename(f'{place}/aside', copy)
    s.configure(expire='{ originals: 1h }')
    r = s.command('expire', '--yes')
    tap.check('it goes for its age with the broken one, and audit knows', r.returncode == 0 and not glob.glob(f'{s.lake}/flow/binary/20260114/09/*') and s.command('audit').returncode == 0, (r, s.command('audit')))


def not_whole(place):
    """Copies that can't be taken: one that is in the tables, one that is broken as well, names that mean two."""
    s = Site(f'{place}/here')
    copies = break_files(s, place, ['b0'])
    with open(copies['flow', 'b0'], 'rb') as f:
        content = f.read()
    s.put('flow', 'itself', content)
    s.once()
    r = s.command('replay', '-p', 'flow', '--with', copies['flow', 'b0'], 'b0')
    tap.check('a copy that was taken by itself', r.returncode == 1 and 'is in the lake already, with 600 rows' in r.stderr and not replays(s), r)
    with open(copies['proxy', 'b0'], 'rb') as f:
        content = f.read()
    with open(copies['proxy', 'b0'], 'wb') as f:
        f.write(content + b'torn too\n')
    r = s.command('replay', '-p', 'proxy', '--with', copies['proxy', 'b0'], 'b0')
    tap.check('one with another reject is taken for the rows it has', r.returncode == 1 and '1 row stored, 1 reject left of 1' in r.stdout and s.held('proxy') == sorted(s.rows['proxy']), r)
    tap.check('which is listed as its own', [os.path.basename(one['path'])[:3] for one in listed(s, '-p', 'proxy')] == ['b0~'], listed(s, '-p', 'proxy'))
    r = s.command('replay', '-p', 'proxy', '--all')
    tap.check('and can only be settled', r.returncode == 1 and 'it came whole in place of another' in r.stderr and s.command('replay', '-p', 'proxy', '--settle', 'torn', '--all').returncode == 0 and not listed(s, '-p', 'proxy'), r)
    broken = damage('dns', s.fresh('dns', [START] * 50, counts=False))
    s.put('dns', 'b0', broken)
    s.once()
    r = s.command('replay', '-p', 'dns', '--with', copies['dns', 'b0'], 'b0')
    tap.check('a name that two have', r.returncode == 1 and r.stderr.count('say which by its sha256') == 2 and not [p for p in replays(s) if 'dns' in p], r)
    r = s.command('replay', '-p', 'dns', '--with', copies['dns', 'b0'], hashlib.sha256(s.given['dns']['b0']).hexdigest())
    tap.check('a sha256 is of one', r.returncode == 0 and '0 rejects left of 1' in r.stdout and set(s.rows['dns']) <= set(s.held('dns')), r)


def whole_killed(place):
    """kill -9 between any two steps of a replay with a whole copy, and twice at a time."""
    points = POINTS + ['collector.named', 'store.created', 'store.file_synced']
    s, missed = Site(f'{place}/here', **{'event': '{ inline_max: 4KiB }'}), []
    copies = break_files(s, place, [f'b{i}' for i in range(len(points) // 3)], rows=20)
    s.sluice = os.environ['SLUICE_FAULTS']
    for i, point in enumerate(points):
        d, name = list(DATASETS)[i % 3], f'b{i // 3}'
        with tempfile.TemporaryDirectory() as folder:
            marks = Marks(folder)
            died = s.command('replay', '-p', d, '--with', copies[d, name], name, env={**os.environ, **marks.env(f'{point}:kill')})
            if died.returncode != -9 or marks.pid(f'{point}:kill') is None:
                missed.append((point, died))
    ends = []
    for (d, name), copy in copies.items():
        pair = [subprocess.Popen([s.sluice, 'replay', '-c', s.config, '-p', d, '--with', copy, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
        ends += [(d, name, p.communicate()[0], p.returncode) for p in pair]
    bad = [end for end in ends if end[3] != 0]
    tap.check(f'killed at each of {len(points)} points, then two at a time: in the end every row once', not missed and not bad and not listed(s) and not s.wrong(), (missed, bad[:3], s.wrong()[:3]))


def log_of_daemon(place, content):
    """What a run that goes on says of a file that is not whole."""
    s = Site(place)
    s.put('flow', 'cut', content)
    with open(f'{place}/log', 'w+', encoding='utf-8') as log:
        p = subprocess.Popen([s.sluice, 'run', '-c', s.config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        try:
            wait_for(lambda: 'not whole' in open(log.name, encoding='utf-8').read(), 30)
        finally:
            p.terminate()
            p.wait()
        log.seek(0)
        return [line.rstrip('\n') for line in log if 'not whole' in line]


def told(place):
    """What is said of a cut file and of a bad line: in the log, by rejects, trace, status and audit, before and after a replay."""
    s = Site(f'{place}/here')
    cut = nfcapd.file_v2([nfcapd.flow(START * 1000 + i) for i in range(100)], per_block=50)
    s.put('flow', 'cut', cut[:len(cut) * 3 // 5])
    s.put('proxy', 'bad', (HEAD + 'one\ntwo\n').encode())
    r = s.once()
    lines = r.stderr.splitlines()
    tap.check('a run --once names each file that is not whole, once', [sum(f'/{n}: committed with' in line for line in lines) for n in ('cut', 'bad')] == [1, 1] and len(lines) == 2, r)
    lost = log_of_daemon(f'{place}/daemon', cut[:len(cut) * 3 // 5])
    tap.check('one that goes on says so in its log', len(lost) == 1 and re.search(r' warn collector: not whole name=cut: 1 reject, at least \d+ rows? lost$', lost[0]), lost)
    text, trace = s.command('rejects').stdout, s.command('trace', 'cut')
    tap.check('where the input ends early, so many rows at least', 'at least' in next(line for line in text.splitlines() if 'ends inside' in line), text)
    tap.check('and trace says the same', 'at least' in next(line for line in trace.stdout.splitlines() if 'ends inside' in line) and '1 rows' not in trace.stdout, trace)
    s.put('flow', 'cut', cut)
    r = s.once()
    tap.check('a cut file that is whole now is set aside as grown', r.returncode == 1 and 'grown: its first' in r.stderr and not len(s.held('flow')) > 60, r)
    r = s.command('load', '-p', 'flow', '--again', '--quiet', f'{s.watch("flow")}/cut')
    tap.check('loaded again it is stored whole, and the log says beside how many rows', 'stored beside name=cut: 100 rows; other content' in r.stderr and 'whose 60 rows stay' in r.stderr, r)
    r = s.command('load', '-p', 'flow', '--again', '--quiet', f'{s.watch("flow")}/cut')
    tap.check('and so it says of the same content', 'taken again name=cut: 100 rows stored beside 100 of the same content' in r.stderr, r)
    broken = bytearray(nfcapd.file_v2([nfcapd.flow(START * 1000 + 500 + i) for i in range(100)], per_block=50))
    good = bytes(broken)
    broken[len(broken) * 3 // 5:len(broken) * 3 // 5 + 60] = bytes(60)
    s.put('flow', 'nfcapd.202601140900', bytes(broken))
    s.once()
    s.put('flow', 'nfcapd.202601140900', good)
    r = s.once()
    tap.check('a good copy of a broken file is stored beside it, and the log says so', 'stored beside name=nfcapd.202601140900: 100 rows' in r.stderr, r)
    tap.check('under a name of its own in the lake', len(glob.glob(f'{s.lake}/flow/binary/20260114/09/nfcapd.202601140900~*')) == 1, os.listdir(f'{s.lake}/flow/binary/20260114/09'))
    tap.check('reasons are summed without the line', re.search(r'^  2  line …: ', text, re.M), text)
    for words in (['rejects'], ['replay']):
        r = s.command(*words, 'nothere')
        tap.check(f'{words[0]} of a name that nobody knows', r.returncode == 1 and 'nothere: not known' in r.stderr and not r.stdout, r)


def main():
    for part in (told, once_more, refused, settled, other_rows, compacted, killed, at_random, came_whole, not_whole, whole_killed):
        with tempfile.TemporaryDirectory(prefix='sluice-rejects-') as place:
            began = time.monotonic()
            part(place)
            print(f'# {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


main()
