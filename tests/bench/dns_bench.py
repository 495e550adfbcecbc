"""The dns section: a capture of mixed traffic, against a bare libpcap loop and against tshark's command of Apache Spot.

The captures are made by dns_capture, which says how many responses it wrote; sluice must find as many, and tshark one row a frame that completes some.
"""
import glob
import os
import shutil
import statistics
import subprocess
import sys

from measure import CACHE, SLUICE, cpu_of, drop, place_for, pq_rows, record, warm, work_peak

PROGRAMS = os.path.join(os.path.dirname(SLUICE), 'tests', 'bench')
PACKETS, CUT = 2_000_000, 100_000
SPOT = ['-E', 'separator=,', '-E', 'header=y', '-E', 'occurrence=f', '-T', 'fields']
for _name in ('frame.time', 'frame.time_epoch', 'frame.len', 'ip.src', 'ip.dst', 'dns.resp.name', 'dns.resp.type', 'dns.resp.class', 'dns.flags.rcode', 'dns.a'):
    SPOT += ['-e', _name]
SPOT += ['-Y', 'dns.flags.response == 1']


def capture(name, *options):
    """A capture in the cache, and what is in it."""
    os.makedirs(CACHE, exist_ok=True)
    path = os.path.join(CACHE, name)
    done = subprocess.run([os.path.join(PROGRAMS, 'dns_capture'), *options, path + '.part'], capture_output=True, text=True, check=True)
    os.rename(path + '.part', path)
    return path, {k: int(v) for k, v in (line.split('\t') for line in done.stdout.splitlines())}


def collected(path):
    """A place whose only original is the capture, in the lake and in the page cache, and waiting for a worker."""
    s = place_for('dns', dissector='pcap-dns', workers=1)
    drop(path, s, 'bench.pcap')
    cpu_of([SLUICE, 'collect', '-c', s.config, '--once'])
    for original in glob.glob(s.lake + '/dns/binary/*/*/*'):
        warm(original)
    return s


def rows_of(s):
    return sum(pq_rows(p) for p in glob.glob(s.lake + '/dns/hive/**/*.parquet', recursive=True))


def same(what, have, least, most):
    if not least <= have <= most:
        sys.exit(f'bench: {what}: {have} rows, not {least}' + (f' to {most}' if most != least else ''))


def tshark_rows(path):
    out = subprocess.run(['tshark', '-r', path, *SPOT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=dict(os.environ, TZ='UTC')).stdout
    return out.count(b'\n') - 1


def bench_speed(runs):
    path, count = capture('dns-2m.pcap', '-n', str(PACKETS))
    print(f"  {count['packets']:,} packets, {count['bytes'] / 1e6:,.0f} MB, {count['responses']:,} responses, {count['names']:,} names, {count['addresses']:,} addresses")
    warm(path)
    loop, work = [], []
    for _ in range(runs):
        loop.append(cpu_of([os.path.join(PROGRAMS, 'pcap_loop'), path], one_cpu=True)[0])
        s = collected(path)
        work.append(cpu_of([SLUICE, 'work', '-c', s.config, '--once'], one_cpu=True)[0])
        same('the capture', rows_of(s), count['responses'], count['responses'])
        shutil.rmtree(s.lake + '/dns/binary')
    loop, work = statistics.median(loop), statistics.median(work)
    record('libpcap loop', loop, 's CPU')
    record('sluice work: event -> committed', work, 's CPU', '', f'{work / PACKETS * 1e9:.0f} ns a packet')
    record('ratio sluice work / libpcap loop', work / loop, 'x', 'floor 3.5 aim 2')
    return PACKETS / work


def bench_tshark(runs, rate):
    path, count = capture('dns-100k.pcap', '-n', str(CUT))
    warm(path)
    times = [cpu_of(['tshark', '-r', path, *SPOT], one_cpu=True)[0] for _ in range(min(runs, 3))]
    same('tshark on the cut', tshark_rows(path), count['response_frames'], count['response_frames'])
    s = collected(path)
    cpu_of([SLUICE, 'work', '-c', s.config, '--once'], one_cpu=True)
    same('the cut', rows_of(s), count['responses'], count['responses'])
    theirs = CUT / statistics.median(times)
    record('tshark, the command of Spot', theirs, 'packets/s')
    record('sluice work', rate, 'packets/s')
    record('ratio sluice / tshark', rate / theirs, 'x', 'floor 80')


def bench_floods():
    for name, options in (('mixed', []), ('floods', ['-f'])):
        path, count = capture(f'dns-memory-{name}.pcap', '-n', str(PACKETS // 2), *options)
        s = collected(path)
        peak, status, seconds = work_peak(s)
        # What a flood pushes out is lost by design; what lies whole in one packet never is.
        same(name, rows_of(s), count['responses_udp'] if options else count['responses'], count['responses'])
        record(f'memory, {name}, {count["bytes"] / 1e9:.1f} GB', peak / 2**20, 'MiB', 'below 64', f'{seconds:.1f} s, exit {status}')
        shutil.rmtree(s.lake + '/dns/binary')
        os.remove(path)


def bench_dns(runs):
    print('dns: 2 M packets, three in ten DNS, one CPU, user + system seconds')
    if not os.path.exists(os.path.join(PROGRAMS, 'pcap_loop')):
        print('  left out: tests/bench/pcap_loop was not built (libpcap-dev)')
        return
    bench_tshark(runs, bench_speed(runs))
    bench_floods()
