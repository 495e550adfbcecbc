#!/usr/bin/env python3
"""The harness itself: servers answer, over TLS too; what was acknowledged is there after kill -9. How a run ends: endings.py."""
import os
import socket
import ssl
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tap  # noqa: E402
from cluster import metastore, rdkafka  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402

MARK = f'{os.getpid()}-{time.time_ns()}'
VALUES = [b'%d' % i for i in range(1000)]


def raised(function, *words):
    try:
        function(*words)
    except (OSError, ValueError) as e:
        return str(e) or repr(e)
    return None


def broker(c, name, mechanism):
    topic, where = f'harness-{MARK}', getattr(c, name)
    with rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(where)) as p:
        p.create(topic, 2)
        p.produce(topic, VALUES)
    with rdkafka.Client(rdkafka.PRODUCER, rdkafka.secure(where, mechanism)) as p:
        p.produce(topic, VALUES, partition=1)
    wrong = rdkafka.secure(where, mechanism) | {'sasl.password': 'guess', 'log_level': 0}
    with rdkafka.Client(rdkafka.PRODUCER, wrong) as p:
        tap.check(f'{name}: a wrong password is refused', raised(p.ends, topic, 0, 2), 'it let us in')
    before = c.server(name).pid()
    c.server(name).kill()
    tap.check(f'{name}: killed, it does not answer', c.server(name).why_not_ready(), 'it does')
    seconds = c.server(name).start().wait()
    tap.check(f'{name}: another process after a restart', c.server(name).pid() not in (before, None))
    with rdkafka.Client(rdkafka.CONSUMER, rdkafka.plain(where)) as reader:
        for partition, how in enumerate(('in the clear', f'with TLS and {mechanism}')):
            found = reader.consume(topic, partition)
            tap.check(f'{name}: what was written {how} is there after kill -9', found == VALUES, f'{len(found)} values after {seconds:.1f} s')


def hdfs(c):
    folder, content = f'/harness/{MARK}', os.urandom(3 << 20)
    h = Hdfs(c.hdfs.http)
    h.write(f'{folder}/a b%ä', content)
    h.write(f'{folder}/empty', b'')
    trusted = ssl.create_default_context(cafile=c.hdfs.ca)
    with urllib.request.urlopen(Hdfs(c.hdfs.https).url(f'{folder}/a b%ä', 'OPEN'), context=trusted, timeout=30) as answer:
        tap.check('hdfs: read over HTTPS, name node and data node', answer.read() == content)
    tap.check('hdfs: nobody else is trusted', 'CERTIFICATE_VERIFY_FAILED' in str(raised(urllib.request.urlopen, Hdfs(c.hdfs.https).url('/', 'LISTSTATUS'))))
    c.server('datanode1').kill()
    tap.check('hdfs: read with one data node killed', read_soon(h, f'{folder}/a b%ä') == content)
    c.server('namenode').kill()
    c.server('datanode2').kill()
    for name in ('namenode', 'datanode1', 'datanode2'):
        c.server(name).start()
    c.wait()
    tap.check('hdfs: files are there after kill -9 of all nodes', read_soon(h, f'{folder}/a b%ä') == content and h.read(f'{folder}/empty') == b'')
    tap.check('hdfs: listed with their lengths', h.walk(folder) == {f'{folder}/a b%ä': len(content), f'{folder}/empty': 0}, h.walk(folder))
    h.delete(folder)


def read_soon(h, path, seconds=30):
    """A read may be sent to a node that is gone, until the name node has noticed."""
    end = time.monotonic() + seconds
    while True:
        try:
            return h.read(path)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def catalogues(c):
    for name in ('metastore', 'metastore4'):
        where, database = c.addresses[name], f'h{MARK.replace("-", "_")}'
        metastore.create_database(where, database, f'{c.hdfs.rpc}/harness/{database}')
        tap.check(f'{name}: a database of that name once only', 'answers' in str(raised(metastore.create_database, where, database, f'{c.hdfs.rpc}/x')))
        c.server(name).kill()
        c.server(name).start().wait()
        tap.check(f'{name}: the database is there after kill -9', metastore.database(where, database) and not metastore.database(where, 'no_such'))
        outside = [a for a in listening(c.server(name).pid()) if not a.startswith('127.0.0.1')]
        tap.check(f'{name}: listens on the loopback address only', not outside, outside)


def listening(pid):
    """Addresses on which a process listens, out of /proc: the kernel's word."""
    sockets = set()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            sockets.add(os.readlink(f'/proc/{pid}/fd/{fd}'))
        except FileNotFoundError:
            pass
    found = []
    for table in ('tcp', 'tcp6'):
        with open(f'/proc/{pid}/net/{table}', encoding='ascii') as f:
            for words in (line.split() for line in f.readlines()[1:]):
                if words[3] == '0A' and f'socket:[{words[9]}]' in sockets:
                    host = words[1].split(':')[0]
                    found.append(socket.inet_ntoa(bytes.fromhex(host)[::-1]) if table == 'tcp' else host)
    assert found, f'{pid} does not listen'
    return found


def main():
    if why_not():
        tap.skip('harness', why_not())
        tap.done()
    start = time.monotonic()
    with session('kafka', 'kafka3', 'hdfs', 'metastore', 'metastore4') as c:
        print(f'# ready after {time.monotonic() - start:.1f} s')
        broker(c, 'kafka', 'PLAIN')
        broker(c, 'kafka3', 'SCRAM-SHA-512')
        hdfs(c)
        catalogues(c)
    tap.done()


main()
