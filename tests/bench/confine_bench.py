"""The confine section: the same work with dissectors in processes without rights and with `confine: off`, in turns, so that whatever else the machine does falls on both. CPU of the whole process
tree, children of children too."""
import os
import statistics
import sys

from measure import SLUICE, cpu_of, drop, place_for, record, warm

from lake import ids


def write_all(folder, contents):
    for i, content in enumerate(contents):
        with open(f'{folder}/nfcapd.{202601140000 + i}', 'wb') as f:
            f.write(content)


def large(path, confine):
    """One large file, collected before: event -> committed."""
    s = place_for('confine', workers=1, confine=confine)
    drop(path, s, 'nfcapd.202601140905')
    cpu_of([SLUICE, 'collect', '-c', s.config, '--once'])
    return cpu_of([SLUICE, 'work', '-c', s.config, '--once'])[0]


def small(contents, confine):
    """Many small files that lie there -> committed."""
    s = place_for('confine', workers=2, commit='{ max_age: 1s }', confine=confine)
    write_all(s.watch, contents)
    os.sync()
    seconds = cpu_of([SLUICE, 'run', '-c', s.config, '--once', '--quiet'])[0]
    rows = len(ids(s.lake))
    if rows == 0:
        sys.exit('bench: no rows')
    return seconds


def pairs(runs, measure):
    on, off = [], []
    for i in range(runs):
        for confine in ('on', 'off') if i % 2 == 0 else ('off', 'on'):
            (on if confine == 'on' else off).append(measure(confine))
    return on, off


def report(name, on, off, of, unit):
    ratio = statistics.median(a / b for a, b in zip(on, off))
    record(f'{name}: CPU, confined', statistics.median(on) / of * 1e6, unit)
    record(f'{name}: CPU, confine: off', statistics.median(off) / of * 1e6, unit)
    record(f'{name}: confined / off, median of pairs', ratio, 'x', 'at most 1.10', f'of {min(a / b for a, b in zip(on, off)):.3f} to {max(a / b for a, b in zip(on, off)):.3f}, {len(on)} pairs')


def bench_confine(runs, path, flows, contents):
    print(f'confine: a file of {flows:,} flows, and {len(contents):,} files of 20 KB; dissectors confined and not, in turns')
    warm(path)
    on, off = pairs(2 * runs + 1, lambda confine: large(path, confine))
    report('large file', on, off, flows, 'us a flow')
    on, off = pairs(runs, lambda confine: small(contents, confine))
    report('small files', on, off, len(contents), 'us a file')
