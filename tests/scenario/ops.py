#!/usr/bin/env python3
"""The ops endpoint: probes as states change, metrics by Prometheus' own parser, files by windows, and clients that mean harm."""
import http.client
import json
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
import web  # noqa: E402
from disk import Tmpfs, fill  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

web.under_web()
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

REQUEST_S, IDLE_S = 10, 10  # SERVER_REQUEST_S, SERVER_IDLE_S
CONNECTIONS = 128  # SERVER_CONNECTIONS


def child(run, word):
    for pid in children(run.pid):
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            if f.read().split(b'\0')[1:2] == [word.encode()]:
                return pid
    return None


def not_running(s, place):
    ops = s.start('ops')
    try:
        e = web.Endpoint(s)
        tap.check('alone it is alive, not ready, and says why', e.status('/healthz') == 200 and e.status('/readyz') == 503
                  and 'neither a collector nor a worker' in e.text('/readyz'), e.text('/readyz'))
        tap.check('it makes no ledger, bus or lake', not os.path.exists(s.lake) and not {'ledger', 'bus'} & set(os.listdir(os.path.join(place, 'state'))))
        tap.check('metrics without anything there are sound', len(families(e)) > 40)
    finally:
        tap.check('SIGTERM: it leaves with 0', stop(ops) == 0, s.log()[-1000:])
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    for value, wanted in (('localhost:80', 'ops.listen'), ('"70000"', 'ops.listen')):
        with open(s.config + '.bad', 'w', encoding='utf-8') as f:
            f.write(text.replace('listen: 0', f'listen: {value}'))
        r = s.command('config', '-c', s.config + '.bad')
        tap.check(f'listen: {value} is refused with its line', r.returncode == 2 and re.search(r':\d+: ', r.stderr) and wanted in r.stderr, r.stderr)


def families(e):
    return {f.name: f for f in text_string_to_metric_families(e.text('/metrics'))}


def value(e, name, **labels):
    """Of the one sample with these labels."""
    for f in families(e).values():
        for sample in f.samples:
            if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                return sample.value
    return None


def conventions(found):
    """What promtool's linter would say, as far as it can be said of names."""
    wrong = []
    for f in found.values():
        if not f.documentation:
            wrong.append(f'{f.name}: no help')
        if f.type == 'counter' and not all(s.name.endswith('_total') for s in f.samples):
            wrong.append(f'{f.name}: a counter without _total')
        if f.type == 'gauge' and f.name.endswith('_total'):
            wrong.append(f'{f.name}: a gauge with _total')
        if re.search(r'_(ms|us|ns|milliseconds|kb|mb|percent)(_|$)', f.name) or not re.fullmatch(r'sluice_[a-z0-9_]+', f.name):
            wrong.append(f'{f.name}: not in base units, or no good name')
        if f.type not in ('counter', 'gauge'):
            wrong.append(f'{f.name}: {f.type}')
    return wrong


def documented(text):
    """{name: (kind, meaning)} of the tables in doc/ops.md."""
    return {m[1]: (m[2], m[3]) for m in re.finditer(r'^\| `(sluice_\w+)` \| (\w+) \| (.*) \|$', text, re.M)}


def metrics(s, e):
    found = families(e)
    tap.check('metrics keep the conventions', not conventions(found), '\n'.join(conventions(found)))
    with open(os.path.join(web.ROOT, 'doc', 'ops.md'), encoding='utf-8') as f:
        table = documented(f.read())
    said = {f.name + ('_total' if f.type == 'counter' else ''): (f.type, f.documentation) for f in found.values()}
    tap.check('doc/ops.md lists exactly these metrics', table == said,
              '\n'.join(f'{k}: doc {table.get(k)}, code {said.get(k)}' for k in sorted(table.keys() | said.keys()) if table.get(k) != said.get(k)))
    tap.check('they count', value(e, 'sluice_files_committed_total', process='worker') == 2 and value(e, 'sluice_rows_committed_total', process='worker') == 50
              and value(e, 'sluice_originals', pipeline='flow', state='committed') == 2 and value(e, 'sluice_ready') == 1)
    lag = wait_for(lambda: value(e, 'sluice_partition_lag_events', topic=f'{e.json("/api/status")["instance"]}.flow.rows', partition='0') == 0, 10)
    tap.check('lag of each partition', lag, e.json('/api/status')['partitions'])
    status, headers, body = e.ask('/metrics', Accept_Encoding='gzip')
    tap.check('compressed, as Prometheus asks', headers['Content-Encoding'] == 'gzip' and len(body) < 5000
              and headers['Content-Type'].startswith('text/plain; version=0.0.4'), dict(headers))


def ready(s, e):
    tap.check('running: ready', wait_for(lambda: e.status('/readyz') == 200, 20), e.text('/readyz'))
    s.make('nfcapd.202601140900', 20)
    s.drop('nfcapd.202601140900')
    s.make('nfcapd.202601140905', 30)
    s.drop('nfcapd.202601140905')
    done = wait_for(lambda: e.json('/api/status')['pipelines'][0]['committed'] == 2)
    status = e.json('/api/status')
    tap.check('files become committed while it is watched', done, status)
    mine = json.loads(s.command('status', '--json').stdout)
    tap.check('/api/status has all that status --json has', set(mine) <= set(status), set(mine) - set(status))
    tap.check('the services are named', {x['name']: x['state'] for x in e.json('/api/status')['services']} == {'bus': 'answers', 'lake': 'answers'}, status)
    tap.check('how long files took', wait_for(lambda: e.json('/api/status')['latency']['files'] == 2, 5), status['latency'])
    series = e.json('/api/series')
    tap.check('a sample a second, in columns', len(series['rows']) == len(series['time_ms']) >= 1 and wait_for(lambda: e.json('/api/series')['rows'][-1] == 50, 5), series)
    later = e.json(f'/api/series?after={series["next"]}')
    tap.check('and only the new ones when asked', len(later['rows']) <= 10 and later['next'] >= series['next'], later)


def files(s, e):
    s.drop('nfcapd.202601140910', b'no nfcapd file at all')
    for i in range(5):
        s.make(f'nfcapd.20260114100{i}', 1)
        s.drop(f'nfcapd.20260114100{i}')
    wait_for(lambda: sum(e.json('/api/status')['pipelines'][0][k] for k in ('committed', 'refused')) == 8)
    listed, before = [], 0
    while True:
        page = e.json(f'/api/files?count=3{f"&before={before}" if before else ""}')
        listed += page['files']
        before = page['next']
        if not before:
            break
    numbers = [f['number'] for f in listed]
    tap.check('all files by windows, newest first, none twice', len(numbers) == 8 and numbers == sorted(set(numbers), reverse=True), listed)
    refused = e.json('/api/files?state=refused')['files']
    tap.check('by state, with the reason', [f['reason'] != '' and f['path'].endswith('nfcapd.202601140910') for f in refused] == [True], refused)
    tap.check('by a piece of the path', len(e.json('/api/files?text=D.20260114100')['files']) == 5)
    tap.check('by pipeline', e.json('/api/files?pipeline=dns')['files'] == [])
    for bad in ('before=x', 'count=0', 'count=501', 'state=gone', 'before=-1'):
        status, _, body = e.ask(f'/api/files?{bad}')
        tap.check(f'{bad} is refused', status == 400 and b'error' in body, body)
    found = wait_for(lambda: len(e.json('/api/rejects')['rejects']) == 1, 10)
    tap.check('rejects are listed with their reason', found and e.json('/api/rejects')['rejects'][0]['reason'] == refused[0]['reason'], e.json('/api/rejects'))


def lake_away(s, e, disk):
    """Nothing can be written to the lake: a real outage, and over when there is room."""
    if not disk.mounted:
        tap.skip('a full disk under the lake', 'cannot mount a tmpfs here')
        return
    fill(disk.place, 0)
    s.make('nfcapd.202601141100', 5000)
    s.drop('nfcapd.202601141100')
    try:
        seen = wait_for(lambda: e.status('/readyz') == 503, 20)
        text = e.text('/readyz')
        tap.check('the lake takes nothing: not ready, who waits and why', seen and re.search(r'^\[-\] (collector|worker): waits, .*[Nn]o space', text, re.M), text)
        tap.check('alive all the same', e.status('/healthz') == 200)
        tap.check('metrics say it too', wait_for(lambda: value(e, 'sluice_ready') == 0, 5))
        waiting = e.json('/api/status')['waiting']
        tap.check('so does the status', [w for w in waiting if 'o space' in w['reason']], waiting)
    finally:
        os.remove(os.path.join(disk.place, 'ballast'))
        disk.grow(512)
    tap.check('room again: ready again, and the file goes through', wait_for(lambda: e.status('/readyz') == 200 and e.json('/api/status')['pipelines'][0]['committed'] == 8, 40),
              e.text('/readyz') + s.log()[-1500:])


def stopping(s, e, run):
    """The endpoint is the last to leave: it shows how the others do."""
    collector, ops = child(run, 'collect'), child(run, 'ops')
    os.kill(collector, signal.SIGSTOP)
    seen = wait_for(lambda: '[-] collector: stopped by a signal' in e.text('/readyz'), 10)
    tap.check('a collector that a signal has stopped: not ready', seen and e.status('/readyz') == 503, e.text('/readyz'))
    run.send_signal(signal.SIGTERM)
    seen = wait_for(lambda: '[-] running: stopping' in e.text('/readyz'), 10)
    tap.check('stopping: not ready, alive, and told', seen and e.status('/readyz') == 503 and e.status('/healthz') == 200 and e.json('/api/status')['stopping'],
              s.log()[-1000:])
    os.kill(collector, signal.SIGCONT)
    status = run.wait(20)
    tap.check('then all leave well', status == 0 and not os.path.exists(f'/proc/{ops}'), f'{status} {s.log()[-1500:]}')


class Drip(threading.Thread):
    """A client that sends a byte now and then, and how long it was let."""

    def __init__(self, port, first=b''):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.first, self.lasted = first, None
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            self.socket.sendall(self.first + b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n')
            while time.monotonic() - began < 3 * IDLE_S:
                self.socket.sendall(b'X-%d: y\r\n' % time.monotonic())
                time.sleep(0.5)
                self.socket.setblocking(False)
                try:
                    if self.socket.recv(65536) == b'':
                        break
                except BlockingIOError:
                    pass
                self.socket.setblocking(True)
        except OSError:
            pass
        self.lasted = time.monotonic() - began
        self.socket.close()


def hostile(s, e, run):
    status, _, body = e.ask('/api/status', Host='evil.example')
    tap.check('another name in Host: refused, nothing told', status == 421 and b'instance' not in body, body)
    tap.check('a name that is listed: answered', e.status('/healthz', Host='ops.example:9470') == 200)
    tap.check('POST on what only shows: refused', e.status('/api/status', method='POST') == 405)
    try:
        status = e.status('/' + 'a' * 100_000)
    except (OSError, http.client.HTTPException):
        status = 400  # it was cut off in the middle
    tap.check('a URL of 100,000 characters: refused', 400 <= status < 500, status)
    ops = child(run, 'ops')
    crowd = []
    try:
        for _ in range(3 * CONNECTIONS):
            c = socket.socket()
            c.setblocking(False)
            c.connect_ex(('127.0.0.1', e.port))
            crowd.append(c)
        time.sleep(0.5)
        have = len(os.listdir(f'/proc/{ops}/fd'))
        tap.check('a crowd of connections is bounded', have < CONNECTIONS + 60, have)
    finally:
        for c in crowd:
            c.close()
    tap.check('and over when it has left', wait_for(lambda: answers(e), 15))


def answers(e):
    try:
        return e.status('/healthz', timeout=2) == 200
    except OSError:
        return False


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-ops-') as place, Tmpfs(os.path.join(place, 'disk'), 16) as disk:
        s = Spool(place, lake=os.path.join(disk.place, 'lake'), state=os.path.join(place, 'state'), ops='{ listen: 0, names: "other ops.example" }', commit='{ max_age: 100ms }', collect='{ settle: 0, rescan: 1s }', stop_timeout='10s')
        not_running(s, place)
        run = s.start('run')
        try:
            wait_for(lambda: 'supervisor: ops started' in s.log())
            wait_for(lambda: s.log().count('listening at') == 2)
            e = web.Endpoint(s)
            drips = [Drip(e.port), Drip(e.port, b'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')]
            ready(s, e)
            metrics(s, e)
            files(s, e)
            hostile(s, e, run)
            lake_away(s, e, disk)
            for d in drips:
                d.join(3 * IDLE_S)
            tap.check('who drips a request is cut off, the first and the second one', drips[0].lasted < REQUEST_S + 5 and drips[1].lasted < IDLE_S + 5, [d.lasted for d in drips])
            stopping(s, e, run)
        finally:
            stop(run)
    tap.done()


if __name__ == '__main__':
    main()
