#!/usr/bin/env python3
"""The conformance programs of tests/conform, against the real servers: the same body that the local providers pass."""
import concurrent.futures
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


def start(program, env):
    began = time.monotonic()
    run = subprocess.run([os.path.join(BUILD, program)], env={**os.environ, **env, 'CMOCKA_MESSAGE_OUTPUT': 'TAP'}, stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, errors='backslashreplace', timeout=LIMIT_S, check=False)
    return run, time.monotonic() - began


def judge(what, run, seconds):
    """Each of the program's tests becomes one of this script's."""
    results = [m for m in map(RESULT.match, run.stdout.splitlines()) if m]
    for m in results:
        tap.check(f'{what}: {m[2]}', m[1] == 'ok', run.stdout[-4000:] + run.stderr[-4000:])
    tap.check(f'{what}: ends well', run.returncode == 0 and results, f'exit status {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}')
    print(f'# {what}: {seconds:.1f} s')


def main():
    if why_not():
        tap.skip('conformance against real servers', why_not())
        tap.done()
    with session('kafka', 'kafka3', 'hdfs') as c:
        h, root = Hdfs(c.hdfs.http), f'/conform-{os.getpid()}'
        plain, tls = (f'{address.split("//")[1]}{root}' for address in (c.hdfs.http, c.hdfs.https))
        os.environ['HADOOP_USER_NAME'] = c.hdfs.user
        programs = {
            'webhdfs': ('test_store_conform', {'SLUICE_STORE': 'webhdfs', 'SLUICE_WEBHDFS': plain}),
            'webhdfs+ssl': ('test_store_conform', {'SLUICE_STORE': 'webhdfs+ssl', 'SLUICE_WEBHDFS_SSL': tls, 'SLUICE_WEBHDFS_CA': c.hdfs.ca}),
            **{name: ('test_bus_conform', {'SLUICE_BUS': f'kafka://{getattr(c, name).bootstrap}'}) for name in ('kafka', 'kafka3')},
        }
        # all at once: they wait for the servers most of their time
        with concurrent.futures.ThreadPoolExecutor(len(programs)) as pool:
            runs = {what: pool.submit(start, *program) for what, program in programs.items()}
        for what, run in runs.items():
            judge(what, *run.result())
        h.delete(root)
    tap.done()


main()
