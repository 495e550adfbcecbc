"""The confine section: the same work with dissectors in processes without rights and with `confine: off`, in turns, so that whatever else the machine does falls on both. CPU of the whole process
tree, children of children too. One run differs from the next by more than confinement costs (pages that the machine has to find first, caches that others use), so many pairs are run, and what
disturbs a run only adds: beside the median of the pairs stands the ratio of the lower quartiles. Then what confinement adds to dissecting alone, without files, tables and syncs around it."""
import os
import re
import statistics
import subprocess
import sys
import tempfile

from measure import ROOT, SLUICE, cpu_of, drop, place_for, record, warm

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
    """The first pair of all is not counted."""
    on, off = [], []
    for i in range(runs + 1):
        for confine in ('on', 'off') if i % 2 == 0 else ('off', 'on'):
            (on if confine == 'on' else off).append(measure(confine))
    return on[1:], off[1:]


def lower_quartile(values):
    return sorted(values)[len(values) // 4]


def report(name, on, off, of, unit):
    ratios = sorted(a / b for a, b in zip(on, off))
    record(f'{name}: CPU, confined', statistics.median(on) / of * 1e6, unit)
    record(f'{name}: CPU, confine: off', statistics.median(off) / of * 1e6, unit)
    n = len(ratios)
    record(f'{name}: confined / off, median of pairs', statistics.median(ratios), 'x', 'at most 1.10',
           f'{n} pairs, quartiles {ratios[n // 4]:.3f} and {ratios[3 * n // 4]:.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}')
    record(f'{name}: confined / off, lower quartiles', lower_quartile(on) / lower_quartile(off), 'x', 'at most 1.10')


def alone(name, path, times, of, unit):
    """What confinement adds to one input, by the lower quartiles of many."""
    program = os.path.join(os.path.dirname(SLUICE), 'tests', 'bench', 'confine_loop')
    said = subprocess.run([program, f'{ROOT}/schema/flow.avsc', path, str(times)], capture_output=True, text=True, check=True).stdout
    took = {mode: float(us) for mode, us in re.findall(r'^(\w+) .*quartile ([0-9.]+)', said, re.MULTILINE)}
    record(f'{name}: dissecting alone', took['unconfined'] / of, unit)
    record(f'{name}: what confinement adds to it', (took['confined'] - took['unconfined']) / of, unit)


def bench_confine(runs, path, flows, contents):
    print(f'confine: a file of {flows:,} flows, and {len(contents):,} files of 20 KB; dissectors confined and not, in turns')
    warm(path)
    on, off = pairs(7 * runs, lambda confine: large(path, confine))
    report('large file', on, off, flows, 'us a flow')
    on, off = pairs(3 * runs, lambda confine: small(contents, confine))
    report('small files', on, off, len(contents), 'us a file')
    alone('large file', path, 7 * runs, flows, 'us a flow')
    with tempfile.NamedTemporaryFile(prefix='sluice-bench-') as f:
        f.write(contents[0])
        f.flush()
        alone('small files', f.name, 20_000, 1, 'us a file')
