#!/usr/bin/env python3
"""sluice dissect as a Unix filter."""
import hashlib
import json
import os
import pty
import resource
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from os_faults import Switch  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')
HOUR_MS = 1_768_381_200_000


def dissect(*words, **kw):
    return subprocess.run([SLUICE, 'dissect', *words], capture_output=True, timeout=60, check=False, **kw)


def pages(file):
    """All before the footer."""
    return file[:-8 - int.from_bytes(file[-8:-4], 'little')]


def flows(count, start=1):
    return [nfcapd.flow(HOUR_MS + i, bytes=start + i, src=f'10.0.{i // 250}.{i % 250}') for i in range(count)]


def peak_bytes(words, out):
    """Peak resident memory of a child that writes to out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run([SLUICE, 'dissect', *words], stdout=out, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(before, after) * 1024


def formats(place, one, two):
    both = dissect('-t', 'nfcapd', one, two)
    lines = both.stdout.decode().splitlines()
    tap.check('several inputs, one header line', len(lines) == 1 + 30 and lines[0].startswith('treceived,') and 'treceived' not in ''.join(lines[1:]), lines[:2])
    column = lines[0].split(',').index('ibyt')
    tap.check('rows in order', [int(row.split(',')[column]) for row in lines[1:]] == list(range(1, 31)))
    tap.check('clean inputs: exit 0, nothing on standard error', both.returncode == 0 and both.stderr == b'', both.stderr)
    with open(one, 'rb') as f:
        piped = dissect('-t', 'nfcapd', stdin=f)
    tap.check('standard input when there is no path', piped.stdout == dissect('-t', 'nfcapd', one).stdout and piped.returncode == 0, piped.stderr)
    with open(one, 'rb') as f:
        dash = dissect('-t', 'nfcapd', '-', two, stdin=f)
    tap.check('- is standard input, among others', dash.stdout == both.stdout, dash.stderr)
    rows = [json.loads(row) for row in dissect('-t', 'nfcapd', '-f', 'json', one, two).stdout.splitlines()]
    tap.check('json: one object a line, no header', [r['ibyt'] for r in rows] == list(range(1, 31)), rows[:1])
    tap.check('json: columns in schema order', list(rows[0]) == lines[0].split(','))
    out = os.path.join(place, 'out.csv')
    written = dissect('-t', 'nfcapd', '-o', out, one, two)
    with open(out, 'rb') as f:
        tap.check('-o FILE', f.read() == both.stdout and written.stdout == b'', written.stderr)
    same = dissect('-t', 'nfcapd', '-o', one, one)
    tap.check('an output that is an input is refused', same.returncode == 2 and os.path.getsize(one) > 0, same)
    avro = dissect('-t', 'nfcapd', '-f', 'avro', one)
    tap.check('avro: an object container file', avro.returncode == 0 and avro.stdout[:4] == b'Obj\x01', avro.stderr)
    tap.check('avro: the same bytes again', dissect('-t', 'nfcapd', '-f', 'avro', one).stdout == avro.stdout)


def parquet(one, two):
    r = dissect('-t', 'nfcapd', '-f', 'parquet', one, two)
    tap.check('parquet to a pipe', r.returncode == 0 and r.stdout[:4] == b'PAR1' and r.stdout[-4:] == b'PAR1', r.stderr)
    tap.check('parquet: the same bytes again', dissect('-t', 'nfcapd', '-f', 'parquet', one, two).stdout == r.stdout)
    digests = []
    for path in (one, two):
        with open(path, 'rb') as f:
            digests.append(hashlib.sha256(f.read()).hexdigest())
    sources = json.dumps([[digests[0], 0, 10], [digests[1], 10, 20]], separators=(',', ':')).encode()
    tap.check('parquet: sluice.sources names the originals and their rows', b'sluice.sources' in r.stdout and sources in r.stdout, sources)
    bare = dissect('-t', 'nfcapd', '-f', 'parquet', '--no-hash', one, two)
    tap.check('parquet --no-hash: the same pages, and no originals in the footer', bare.returncode == 0 and pages(bare.stdout) == pages(r.stdout) and
              b'sluice.sources' not in bare.stdout and b'sluice.dissector' in bare.stdout, bare.stderr)
    tap.check('parquet: sluice.dissector', b'sluice.dissector' in r.stdout and b'nfcapd/1' in r.stdout)
    for codec in ('none', 'zstd', 'gzip'):
        other = dissect('-t', 'nfcapd', '-f', 'parquet', '--codec', codec, '--row-group', '8', one, two)
        tap.check(f'parquet --codec {codec} --row-group 8', other.returncode == 0 and other.stdout[:4] == b'PAR1' and other.stdout != r.stdout, other.stderr)
    wrong = dissect('-t', 'nfcapd', '-f', 'parquet', '--codec', 'lz4', one)
    tap.check('an unknown codec', wrong.returncode == 2 and b'snappy' in wrong.stderr, wrong.stderr)
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(SLUICE, [SLUICE, 'dissect', '-t', 'nfcapd', '-f', 'parquet', one])
    shown = b''
    try:
        while part := os.read(fd, 4096):
            shown += part
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    tap.check('parquet does not go to a terminal', status == 2 and b'PAR1' not in shown and b'terminal' in shown, shown)


def rejects(place, one):
    with open(one, 'rb') as f:
        whole = f.read()
    cut = os.path.join(place, 'cut\nfile')
    with open(cut, 'wb') as f:
        f.write(whole[:-300])
    r = dissect('-t', 'nfcapd', cut)
    lines = r.stderr.decode().splitlines()
    shape = all(' lost)' in row and ': offset ' in row and ', length ' in row for row in lines)
    tap.check('a cut file: exit 1, rejects on standard error, one line each', r.returncode == 1 and lines and shape, r.stderr)
    tap.check('an odd name in a message is escaped', all('cut\\x0afile' in row for row in lines), lines)
    tap.check('its good rows still come', len(r.stdout.splitlines()) > 1, r.stdout[:200])
    junk = os.path.join(place, 'junk')
    with open(junk, 'wb') as f:
        f.write(b'this is no telemetry at all' * 100)
    r = dissect('-t', 'nfcapd', junk, one)
    tap.check('a wrong file is named, the next one still comes', r.returncode == 1 and junk.encode() in r.stderr and len(r.stdout.splitlines()) == 11, r.stderr)
    r = dissect('-t', 'nfcapd', os.path.join(place, 'none'), one)
    tap.check('a file that is not there', r.returncode == 1 and b'No such file' in r.stderr and len(r.stdout.splitlines()) == 11, r.stderr)
    r = dissect('-t', 'nfcapd', '-o', os.path.join(place, 'made'), os.path.join(place, 'none'))
    tap.check('nothing but that: no output is begun', r.returncode == 1 and b'No such file' in r.stderr and not r.stdout and not os.path.exists(os.path.join(place, 'made')), r)
    r = dissect('-t', 'nfcapd', os.path.join(place, 'none'))
    tap.check('and no header', r.returncode == 1 and not r.stdout, r)
    r = dissect('-t', 'nfcapd', place)
    tap.check('a folder', r.returncode == 1 and b'folder' in r.stderr, r.stderr)
    empty = os.path.join(place, 'empty')
    open(empty, 'wb').close()
    r = dissect('-t', 'nfcapd', empty)
    tap.check('an empty file is no nfcapd file', r.returncode == 1 and empty.encode() in r.stderr, r)


def not_given(place, one, two):
    """The disk gives the first bytes of a file, and then no more."""
    big = os.path.join(place, 'broken')
    with open(big, 'wb') as f:
        f.write(nfcapd.file_v2(flows(60_000, 1001)))
    with open(one, 'rb') as f, open(two, 'rb') as g:
        digests = [hashlib.sha256(h.read()).hexdigest() for h in (f, g)]
    for how in ([], ['--unconfined']):
        made, name = {}, ' '.join(['a file that the disk stops giving', *how])
        for form in ('json', 'parquet'):
            switch = Switch(place, 1)
            r = dissect('-t', 'nfcapd', '-f', form, *how, one, big, two, env={**os.environ, **switch.env(f'errno=EIO calls=read path={big} every=4')})
            tap.check(f'{name}, {form}: is named, exit 1', r.returncode == 1 and r.stderr.decode() == f'{big}: cannot read: Input/output error\n' and switch.happened() == 1, r.stderr)
            made[form] = r.stdout
        rows = [json.loads(row)['ibyt'] for row in made['json'].splitlines()]
        some = len(rows) - 30
        tap.check(f'{name}: what came of it, and the next one', 0 < some < 60_000 and rows == [*range(1, 11), *range(1001, 1001 + some), *range(11, 31)], some)
        sources = json.dumps([[digests[0], 0, 10], [digests[1], 10 + some, 20]], separators=(',', ':')).encode()
        tap.check(f'{name}: its rows name no original', sources in made['parquet'], sources)


def usage(place, one):
    for name, words, text in (('no type', [one], b'-t'), ('unknown type', ['-t', 'nfcap', one], b'"nfcapd"'), ('unknown format', ['-t', 'nfcapd', '-f', 'xml', one], b'csv'),
                              ('option without =', ['-t', 'nfcapd', '-O', 'x', one], b'key=value'), ('unknown option', ['-t', 'nfcapd', '-O', 'no_such=1', one], b'no_such'),
                              ('no such schema', ['-t', 'nfcapd', '--schema', os.path.join(place, 'x.avsc'), one], b'x.avsc')):
        r = dissect(*words)
        tap.check(f'{name}: exit 2, no output', r.returncode == 2 and text in r.stderr and r.stdout == b'', r)
    schema = os.path.join(place, 'mine.avsc')
    source = json.loads(subprocess.run([SLUICE, 'schema', '--source', 'flow'], capture_output=True, check=True).stdout)
    source['fields'] = [f for f in source['fields'] if f['name'] in ('sip', 'ibyt')]
    with open(schema, 'w', encoding='utf-8') as f:
        json.dump(source, f)
    r = dissect('-t', 'nfcapd', '--schema', schema, one)
    tap.check('columns of a schema of one\'s own', r.stdout.splitlines()[:2] == [b'sip,ibyt', b'10.0.0.0,1'], r)
    source['fields'][0]['from'] = 'src_adr'
    with open(schema, 'w', encoding='utf-8') as f:
        json.dump(source, f)
    r = dissect('-t', 'nfcapd', '--schema', schema, one)
    tap.check('a field that does not exist, with the nearest', r.returncode == 2 and b'src_addr' in r.stderr and b'mine.avsc' in r.stderr, r.stderr)


def streams(place):
    big = os.path.join(place, 'big')
    with open(big, 'wb') as f:
        f.write(nfcapd.file_v2(flows(60_000)))
    reader = subprocess.Popen([SLUICE, 'dissect', '-t', 'nfcapd', big], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = reader.stdout.readline()
    reader.stdout.close()
    said = reader.stderr.read()
    status = reader.wait(30)
    tap.check('a reader that leaves ends it quietly', first.startswith(b'treceived') and status == -13 and said == b'', (status, said))
    with open('/dev/full', 'wb') as full:
        r = subprocess.run([SLUICE, 'dissect', '-t', 'nfcapd', big], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    tap.check('a full disk is told', r.returncode == 1 and b'output' in r.stderr, r)
    with open('/dev/null', 'wb') as null:
        peak = peak_bytes(['-t', 'nfcapd', *[big] * 20], null)
    tap.check('memory does not grow with the input', peak < 96 << 20, f'{peak >> 20} MiB')


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-dissect-') as place:
        one, two = (os.path.join(place, n) for n in ('one', 'two'))
        with open(one, 'wb') as f:
            f.write(nfcapd.file_v2(flows(10)))
        with open(two, 'wb') as f:
            f.write(nfcapd.file_v1(flows(20, 11)))
        formats(place, one, two)
        parquet(one, two)
        rejects(place, one)
        not_given(place, one, two)
        usage(place, one)
        streams(place)
    tap.done()


if __name__ == '__main__':
    main()
