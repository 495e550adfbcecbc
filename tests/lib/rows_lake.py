"""What the Spark worker wants of a lake (spark/sluice_rows/lake.py), for each kind of lake: the promises of doc/store.md."""
import threading
import zlib

import tap
from sluice_rows.errors import Broken


def staged(lake, path, content):
    sink = lake.create(path)
    for at in range(0, len(content), 100_000):
        sink.write(content[at:at + 100_000])
    sink.finish()
    return sink


def raised(kind, function, *words):
    try:
        function(*words)
    except kind as e:
        return str(e)
    return None


def conform(name, opened):
    """opened() gives another handle on the same empty lake."""
    lake = opened()
    big = bytes(range(256)) * 12_000
    sink = staged(lake, '_sluice/staging/a/1', big)
    tap.check(f'{name}: a staged file has the length and sum that were written',
              (lake.size(sink.path), sink.size, sink.crc32, lake.crc32(sink.path)) == (len(big), len(big), zlib.crc32(big), zlib.crc32(big)))
    tap.check(f'{name}: a range, the end, and beyond it', (lake.get_range(sink.path, 255, 3), lake.get_range(sink.path, len(big) - 1, 9),
                                                          lake.get_range(sink.path, len(big), 9)) == (b'\xff\x00\x01', b'\xff', b''))
    tap.check(f'{name}: larger than the ceiling', raised(Broken, lake.get, sink.path, 10))
    tap.check(f'{name}: what is not there', (lake.get('no/thing', 9), lake.size('no/thing'), lake.list('no/folder')) == (None, None, []))
    tap.check(f'{name}: published', lake.publish([(sink.path, 't/y=1/f')]) == ([], []) and lake.size('t/y=1/f') == len(big) and lake.size(sink.path) is None)
    tap.check(f'{name}: published again', lake.publish([(sink.path, 't/y=1/f')]) == ([], []))
    other = staged(lake, '_sluice/staging/a/2', b'')
    tap.check(f'{name}: both there are told, nothing is replaced',
              lake.publish([(other.path, 't/y=1/f')]) == ([(other.path, 't/y=1/f')], []) and lake.size('t/y=1/f') == len(big) and lake.size(other.path) == 0)
    tap.check(f'{name}: neither there is told', lake.publish([('_sluice/staging/a/9', 't/none')]) == ([], ['t/none']))
    tap.check(f'{name}: a path that leads out is refused', raised(Broken, lake.publish, [(other.path, '../out')]))
    for n in ('b', 'a', 'a b%41&c', 'ä'):
        lake.put_if_absent(f'names/{n}', n.encode())
    tap.check(f'{name}: listed in order of bytes, after a name', (lake.list('names'), lake.list('names', 'a')) == (['a', 'a b%41&c', 'b', 'ä'],
                                                                                                                   ['a b%41&c', 'b', 'ä']), lake.list('names'))
    tap.check(f'{name}: any name is read back', [lake.get(f'names/{n}', 99) for n in lake.list('names')] == [n.encode() for n in lake.list('names')])
    lake.remove('names')
    tap.check(f'{name}: a folder that is not empty stays', len(lake.list('names')) == 4)
    for n in lake.list('names'):
        lake.remove(f'names/{n}')
    lake.remove('names')
    lake.remove('names/never')
    tap.check(f'{name}: an empty one goes', lake.size('names') is None)
    races(name, opened)


def races(name, opened, rounds=20):
    """Two clients want one name: one of them has it, and what is there is his."""
    handles = [opened(), opened()]
    wrong = []
    for r in range(rounds):
        won, barrier = [None, None], threading.Barrier(2)

        def one(who, r=r, won=won, barrier=barrier):
            barrier.wait()
            won[who] = handles[who].put_if_absent(f'race/{r:020d}', b'%d' % who * 100)
        threads = [threading.Thread(target=one, args=(w,)) for w in (0, 1)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        there = handles[0].get(f'race/{r:020d}', 1000)
        if sorted(won) != [False, True] or there != b'%d' % won.index(True) * 100:
            wrong.append((r, won, there))
    tap.check(f'{name}: a name is given out once', not wrong, wrong)
