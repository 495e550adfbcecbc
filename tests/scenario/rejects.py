#!/usr/bin/env python3
"""`sluice rejects` and `sluice replay`: what is listed is what lies in the lake; a replay stores the rows that were missing, each once, whatever kills it, however often it
runs and whoever runs beside it; what it can't tell apart it leaves. All three datasets, embedded bus, local lake."""
import base64
import glob
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
    for _ in range(KILLS):
        pair = [subprocess.Popen([s.sluice, 'replay', '-c', s.config, '--all', '--quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        time.sleep(rng.uniform(0, 0.25))
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


def told(place):
    """What is said of a cut file and of a bad line: in the log, by rejects, trace, status and audit, before and after a replay."""
    s = Site(f'{place}/here')
    cut = nfcapd.file_v2([nfcapd.flow(START * 1000 + i) for i in range(100)], per_block=50)
    s.put('flow', 'cut', cut[:len(cut) * 3 // 5])
    s.put('proxy', 'bad', (HEAD + 'one\ntwo\n').encode())
    r = s.once()
    tap.check('a file that is not whole is a line in the log', 'not whole name=' in r.stderr and 'at least' in r.stderr, r)
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
    for part in (told, once_more, refused, settled, other_rows, compacted, killed, at_random):
        with tempfile.TemporaryDirectory(prefix='sluice-rejects-') as place:
            began = time.monotonic()
            part(place)
            print(f'# {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


main()
