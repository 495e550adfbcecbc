#!/usr/bin/env python3
"""Configuration files: what they come to, and that an error names file, line, key and the nearest valid key."""
import os
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')]
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')
SOURCE = os.environ.get('SLUICE_SOURCE', '.')
FLOW = 'pipelines:\n  flow: { watch: spool, dissector: nfcapd }\n'

# file, line, and what the message must hold
WRONG = [
    ('lake: l\n', None, ['"pipelines" must name at least one']),
    (FLOW, None, ['"lake" must be given']),
    ('lake: l\ncomit: { max_age: 1s }\n' + FLOW, 2, ['comit', 'unknown key', '"commit"']),
    ('lake: l\ncommit: { maxage: 1s }\n' + FLOW, 2, ['commit.maxage', '"commit.max_age"']),
    ('lake: l\n\n# a comment\nmax_age: 1s\n' + FLOW, 4, ['max_age', '"commit.max_age"']),
    ('lake: l\nwatch: spool\n' + FLOW, 2, ['watch', 'belongs under pipelines']),
    ('lake: l\npipelines:\n  flow:\n    watch: spool\n    disector: nfcapd\n', 5, ['disector', '"dissector"']),
    ('lake: l\npipelines:\n  flow:\n    watch: spool\n', 3, ['flow', '"dissector" must be given']),
    ('lake: l\npipelines:\n  flow: { watch: spool, dissector: nfcap }\n', 3, ['dissector', '"nfcapd"', 'there are: nfcapd']),
    ('lake: l\npipelines:\n  flow: { watch: s, dissector: nfcapd, dataset: flows }\n', 3, ['dataset', '"flow"']),
    ('lake: l\npipelines:\n  flow: { watch: s, dissector: nfcapd, after: remove }\n', 3, ['after', 'move:FOLDER']),
    ('lake: l\npipelines:\n  flow: { watch: s, dissector: nfcapd, rows_worker: flink }\n', 3, ['rows_worker', 'native, spark']),
    ('lake: l\npipelines:\n  flow:\n    watch: s\n    dissector: nfcapd\n    rows_worker: spark\n', 6, ['rows_worker', 'kafka://']),
    ('lake: l\npipelines:\n  a b: { watch: s, dissector: nfcapd }\n', 3, ['letters, digits']),
    ('lake: l\npipelines:\n  flow: { watch: s, dissector: nfcapd, options: { nonsense: 1 } }\n', 3, ['options', 'nonsense']),
    ('lake: l\npipelines:\n  flow:\n    watch: s\n    dissector: nfcapd\n    options:\n' + ''.join(f'      k{i}: 1\n' for i in range(1025)), 1031,
     ['k1024', 'at most 1024']),
    ('lake: s4://bucket/user\nstate: s\n' + FLOW, 1, ['lake', 's4', 'there are: file, webhdfs']),
    ('lake: l\ncatalog: hive://meta\n' + FLOW, 2, ['catalog', 'hive', 'there are: none, thrift']),
    ('lake: l\ncatalog: thrift://:9083/spot\n' + FLOW, 2, ['catalog', 'a host is missing']),
    ('lake: l\ncatalog: thrift://meta:90830/spot\n' + FLOW, 2, ['catalog', '1 to 65535']),
    ('lake: l\ncatalog: thrift://meta:9083/my-spot\n' + FLOW, 2, ['catalog', 'letters, digits and _', 'my-spot']),
    ('lake: l\ncatalog.location: /user/spot\n' + FLOW, 2, ['catalog.location', 'hdfs://']),
    ('lake: l\ncatalog: none\ncatalog.timeout: 1ms\n' + FLOW, 3, ['catalog.timeout', '100ms']),
    ('lake: l\ncatalogue: none\n' + FLOW, 2, ['catalogue', '"catalog"']),
    ('lake: l\nbus: rabbit://broker\n' + FLOW, 2, ['bus', 'rabbit', 'there are: embedded, kafka']),
    # one slash too few is no folder of that name
    ('lake: l\nbus: kafka:/localhost:9092\n' + FLOW, 2, ['bus: no bus provider for "kafka:/localhost:9092" (did you mean "kafka://localhost:9092"?)', 'there are: embedded, kafka']),
    ('lake: l\nbus: kafka:broker:9092\n' + FLOW, 2, ['bus', '"kafka://broker:9092"']),
    ('lake: l\nbus: kafka\n' + FLOW, 2, ['bus', '"kafka://…"']),
    ('lake: l\nbus: broker:9092\n' + FLOW, 2, ['bus', '"broker:9092"', 'there are: embedded, kafka']),
    ('lake: l\nbus: kafak://broker\n' + FLOW, 2, ['bus', 'did you mean "kafka"?']),
    ('lake: file:/var/lake\n' + FLOW, 1, ['lake', '"file:///var/lake"']),
    ('lake: webhdfs:/nn:9870/spot\nstate: s\n' + FLOW, 1, ['lake', '"webhdfs://nn:9870/spot"']),
    ('lake: hdfs:/nn/spot\nstate: s\n' + FLOW, 1, ['lake', '"hdfs:/nn/spot"', 'there are: file, webhdfs']),
    ('lake: l\ncatalog: thrift:/meta:9083/spot\n' + FLOW, 2, ['catalog', '"thrift://meta:9083/spot"']),
    ('lake: l\nkafka:\n  sasl.usrname: x\n' + FLOW, 3, ['kafka', 'sasl.usrname', '"sasl.username"']),
    ('lake: l\nkafka: { linger.ms: soon }\n' + FLOW, 2, ['kafka', 'linger.ms']),
    ('lake: l\nkafka: { acks: 1 }\n' + FLOW, 2, ['kafka', 'acks', 'set by sluice']),
    ('lake: l\nkafka:\n  sasl.password: secret\n' + FLOW, 3, ['sasl.password', '{ file: PATH }']),
    ('lake: l\nkafka: { sasl.password: { path: x } }\n' + FLOW, 2, ['sasl.password', '{ file: PATH }']),
    ('lake: l\nkafka: { topic: { replication.factor: none } }\n' + FLOW, 2, ['replication.factor']),
    ('lake: l\npartitions: [0, x]\n' + FLOW, 2, ['partitions']),
    ('lake: l\npartitions: { mox: 3 }\n' + FLOW, 2, ['partitions.mox', 'partitions.max']),
    ('lake: file://relative\n' + FLOW, 1, ['absolute', 'file:///relative']),
    ('lake: l\nworkers: 0\n' + FLOW, 2, ['workers: "0" is out of range (1 .. 256)']),
    ('lake: l\nworkers: 99999999999999999999\n' + FLOW, 2, ['workers: "99999999999999999999" is out of range (1 .. 256)']),
    ('lake: l\nworkers: many\n' + FLOW, 2, ['workers: "many" is not a whole number']),
    ('lake: l\npartitions: [0, 70000]\n' + FLOW, 2, ['partitions: "70000" is out of range (0 .. 65535)']),
    ('lake: l\ncommit: { max_age: 5 }\n' + FLOW, 2, ['commit.max_age: "5" has no unit of time: ms, s, m, h, d']),
    ('lake: l\ncommit: { max_age: 10 seconds }\n' + FLOW, 2, ['commit.max_age: "10 seconds": unknown unit "seconds" (did you mean "10s"?)']),
    ('lake: l\ncommit: { max_age: 2d }\n' + FLOW, 2, ['commit.max_age: "2d" is out of range (10ms .. 1d)']),
    ('lake: l\nfile: { max_bytes: 1G }\n' + FLOW, 2, ['file.max_bytes: "1G": unknown unit "G" (did you mean "1GiB"?)']),
    ('lake: l\ncommit:\n\tmax_age: 1s\n' + FLOW, 3, ['a tab; YAML indents with blanks']),
    ('lake: l\nwebhdfs: { block_size: 1000 }\n' + FLOW, 2, ['webhdfs.block_size: 1000 is no multiple of 512; the nearest below is 512']),
    ('lake: l\nparquet: { codec: snapy }\n' + FLOW, 2, ['"snapy" is none of: none, snappy, zstd, gzip (did you mean "snappy"?)']),
    ('lake: l\ncommit: { max_events: 5000 }\n' + FLOW, 2, ['commit.max_events', '1 .. 4096']),
    ('lake: l\nparquet: { codec: lz4 }\n' + FLOW, 2, ['parquet.codec', 'snappy']),
    ('lake: l\nevent: { inline_max: 1XiB }\n' + FLOW, 2, ['event.inline_max']),
    ('lake: l\ncommit: 5s\n' + FLOW, 2, ['commit', 'group of keys']),
    ('lake: [ a, b ]\n' + FLOW, 1, ['lake', 'one value']),
    ('lake: l\nlake: m\n' + FLOW, 2, ['lake']),
    ('lake: l\ncommit.max_age: 1s\ncommit: { max_age: 2s }\n' + FLOW, 3, ['commit.max_age', 'line 2']),
    ('lake: spool/lake\n' + FLOW, 3, ['watch', 'the lake lies inside it']),
    ('lake: l\npipelines:\n  flow: { watch: l/spool, dissector: nfcapd }\n', 3, ['watch', 'inside the lake']),
    ('lake: l\npipelines: flow\n', None, ['"pipelines" must name at least one']),
    ('lake: l\npipelines:\n  flow: nfcapd\n', 3, ['flow', 'watch: FOLDER']),
    ('instance: "a.b"\nlake: l\n' + FLOW, 1, ['instance', 'letters, digits']),
    # names that become parts of paths
    *((f'instance: "{name}"\nlake: l\n' + FLOW, 1, ['instance', 'letters, digits']) for name in ('..', '../up', 'a/b', '/', 'a\\nb')),
    ('instance: "a\\0b"\nlake: l\n' + FLOW, 1, ['NUL']),
    ('instance: ""\nlake: l\n' + FLOW, 1, ['instance', 'is empty']),
    *((f'lake: l\npipelines:\n  "{name}": {{ watch: s, dissector: nfcapd }}\n', 3, ['letters, digits']) for name in ('..', '../up', 'a/b', '/', 'a\\nb')),
    *((f'lake: l\nschemas: .\npipelines:\n  flow: {{ watch: s, dissector: nfcapd, dataset: "{name}" }}\n', 4, ['dataset']) for name in ('..', '../flow', 'a/b', '/etc/flow', 'a\\nb')),
    ('a: b: c\n', 1, []),
    ('lake: &x l\nstate: *x\n' + FLOW, None, []),
    ('- lake\n', 1, []),
]


def sluice(*words):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=30, check=False)


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-config-') as place:
        path = os.path.join(place, 'sluice.yaml')
        for text, line, words in WRONG:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
            r = sluice('config', '-c', path)
            where = f'{path}:{line}:' if line else path
            good = r.returncode == 2 and where in r.stderr and all(w in r.stderr for w in words) and r.stdout == ''
            tap.check('wrong: ' + ' '.join(text.split())[:70], good, f'exit {r.returncode}: {r.stderr}')
        for command in ('run', 'collect', 'work', 'status', 'check', 'load'):
            r = sluice(command, '-c', path, *(['x'] if command == 'load' else []))
            tap.check(f'{command} ends with 2 on it', r.returncode == 2 and path in r.stderr + r.stdout, r)
        r = sluice('config', '-c', path + '.none')
        tap.check('a file that is not there', r.returncode == 2 and 'no such file' in r.stderr, r)

        with open(path, 'w', encoding='utf-8') as f:
            f.write('lake: lake\ncommit: { max_age: 90s }\nbus.max_bytes: 64MiB\n' + FLOW)
        r = sluice('config', '-c', path)
        values = {row.split()[0]: row.split()[1:] for row in r.stdout.splitlines() if len(row.split()) >= 3}
        tap.check('a file with only lake and a pipeline is complete', r.returncode == 0, r)
        tap.check('a relative lake is taken from the file\'s folder', values['lake'][0] == f'file://{place}/lake', r.stdout)
        tap.check('state lies in a file lake', values['state'][0] == f'{place}/lake/_sluice/state', r.stdout)
        tap.check('the bus lies in state', values['bus'][0] == f'embedded://{place}/lake/_sluice/state/bus', r.stdout)
        tap.check('a nested key, and where it is from', values['commit.max_age'] == ['90s', 'line', '2'], r.stdout)
        tap.check('a flat key', values['bus.max_bytes'] == ['64MiB', 'line', '3'], r.stdout)
        tap.check('a default', values['event.inline_max'] == ['1MiB', 'default'], r.stdout)
        tap.check('nothing was made by looking', sorted(os.listdir(place)) == ['sluice.yaml'])

        with open(path, 'w', encoding='utf-8') as f:
            f.write(sluice('config', '--example').stdout)
        tap.check('the example is a good file', sluice('config', '-c', path).returncode == 0)
        with open(path, encoding='utf-8') as f:
            bare = f.read().replace('\n# ', '\n').replace('\n\n', '\n')
        lines = [row for row in bare.splitlines() if not row.endswith('.')]
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')
        r = sluice('config', '-c', path)
        tap.check('and so are the defaults that it shows', r.returncode == 0, r.stderr + '\n'.join(lines))

        with open(path, 'w', encoding='utf-8') as f:
            f.write('lake: ./a:b\nbus: /c:d/bus\n' + FLOW)
        r = sluice('config', '-c', path)
        tap.check('a folder with a colon, said to be one', r.returncode == 0 and f'file://{place}/a:b' in r.stdout and 'embedded:///c:d/bus' in r.stdout, r)

    with open(os.path.join(SOURCE, 'doc', 'configuration.md'), encoding='utf-8') as f:
        tap.check('doc/configuration.md is what sluice config --markdown prints', f.read() == sluice('config', '--markdown').stdout)
    for name in sorted(os.listdir(os.path.join(SOURCE, 'examples'))):
        if name.endswith('.yaml'):
            r = sluice('config', '-c', os.path.join(SOURCE, 'examples', name))
            tap.check(f'examples/{name}', r.returncode == 0, r.stderr)
    tap.done()


if __name__ == '__main__':
    main()
