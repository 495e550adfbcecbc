#!/usr/bin/env python3
"""The conformance programs of tests/conform, against the real servers: the same body that the local providers pass."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402

BUILD = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests')
RESULT = re.compile(r'^(ok|not ok) \d+ - (.*)$')
LIMIT_S = 300


def conform(program, what, **env):
    """Each of the program's tests becomes one of this script's."""
    start = time.monotonic()
    run = subprocess.run([os.path.join(BUILD, program)], env={**os.environ, **env, 'CMOCKA_MESSAGE_OUTPUT': 'TAP'}, stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, errors='backslashreplace', timeout=LIMIT_S, check=False)
    results = [m for m in map(RESULT.match, run.stdout.splitlines()) if m]
    for m in results:
        tap.check(f'{what}: {m[2]}', m[1] == 'ok', run.stdout[-4000:] + run.stderr[-4000:])
    tap.check(f'{what}: ends well', run.returncode == 0 and results, f'exit status {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}')
    print(f'# {what}: {time.monotonic() - start:.1f} s')


def main():
    if why_not():
        tap.skip('conformance against real servers', why_not())
        tap.done()
    with session('kafka', 'kafka3', 'hdfs') as c:
        h, root = Hdfs(c.hdfs.http), f'/conform-{os.getpid()}'
        plain, tls = (f'{address.split("//")[1]}{root}' for address in (c.hdfs.http, c.hdfs.https))
        os.environ['HADOOP_USER_NAME'] = c.hdfs.user
        conform('test_store_conform', 'webhdfs', SLUICE_STORE='webhdfs', SLUICE_WEBHDFS=plain)
        conform('test_store_conform', 'webhdfs+ssl', SLUICE_STORE='webhdfs+ssl', SLUICE_WEBHDFS_SSL=tls, SLUICE_WEBHDFS_CA=c.hdfs.ca)
        h.delete(root)
        for name in ('kafka', 'kafka3'):
            conform('test_bus_conform', name, SLUICE_BUS=f'kafka://{getattr(c, name).bootstrap}')
    tap.done()


main()
