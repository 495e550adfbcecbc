#!/usr/bin/env python3
"""The process tree: a dead child comes back, signals do what they say, a bad configuration changes nothing."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402


def up(run):
    return wait_for(lambda: len(children(run.pid)) == 2, 10)


def commands(pids):
    """{command: pid} of sluice processes."""
    found = {}
    for pid in pids:
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().split(b'\0')
        except OSError:
            continue
        if len(words) > 1:
            found[words[1].decode()] = pid
    return found


def gone(pids):
    return all(not os.path.exists(f'/proc/{p}') for p in pids)


def committed(s):
    r = s.command('status', '--json')
    return json.loads(r.stdout)['pipelines'][0]['committed'] if r.returncode == 0 else -1


def restart(s, run):
    # a child has its name only once it is another program
    wait_for(lambda: {'collect', 'work'} <= set(commands(children(run.pid))))
    for name in ('collect', 'work'):
        before = commands(children(run.pid))
        os.kill(before[name], signal.SIGKILL)
        began = time.monotonic()
        back = wait_for(lambda: commands(children(run.pid)).get(name, before[name]) != before[name], 10, 0.005)
        took = time.monotonic() - began
        tap.check(f'kill -9 of {name}: started again at once', back and took < 0.5, f'{took:.3f} s')
        other = 'work' if name == 'collect' else 'collect'
        tap.check('the other one stays', commands(children(run.pid)).get(other) == before[other])
    s.make('nfcapd.202601140900', 20)
    s.drop('nfcapd.202601140900')
    tap.check('and the work goes on', wait_for(lambda: committed(s) == 1), s.log()[-2000:])
    processes = {p['name']: p for p in json.loads(s.command('status', '--json').stdout)['processes']}
    tap.check('status counts the restarts', processes['collector']['restarts'] == 1 and processes['worker']['restarts'] == 1, processes)
    tap.check('status shows memory of the living', all(p['alive'] and p['memory_bytes'] > 0 for p in processes.values()), processes)


def standing_still(s, run):
    """A process that a signal has stopped is no process that works, for status and for whoever looks."""
    pid = commands(children(run.pid))['work']
    os.kill(pid, signal.SIGSTOP)
    try:
        def told():
            return {p['name']: p['stopped'] for p in json.loads(s.command('status', '--json').stdout)['processes'] if p['alive']}
        tap.check('status says who is stopped', wait_for(lambda: told().get('worker'), 10) and not told()['collector'], told())
        tap.check('and the log by which signal', wait_for(lambda: 'worker: stopped by SIGSTOP' in s.log(), 10), s.log()[-500:])
        lines = s.command('status').stdout.splitlines()
        tap.check('no line of it ends in blanks', any('stopped by a signal' in line for line in lines) and not [line for line in lines if line != line.rstrip()], lines)
    finally:
        os.kill(pid, signal.SIGCONT)


def second_run(s):
    r = s.command('run')
    tap.check('a second run on the same state: exit 1', r.returncode == 1 and 'another sluice run' in r.stderr, r)


def again_and_again(s, run):
    """Deaths in a row are answered with a growing pause."""
    starts = s.log().count('worker started')
    for _ in range(4):
        before = commands(children(run.pid)).get('work')
        if before:
            os.kill(before, signal.SIGKILL)
        wait_for(lambda: commands(children(run.pid)).get('work', before) != before, 10)
    tap.check('a child that dies again and again is started with a pause', 'dies again and again' in s.log(), s.log()[-1500:])
    tap.check('but it is started', s.log().count('worker started') > starts)


def reload(s, run):
    with open(s.config, encoding='utf-8') as f:
        good = f.read()
    before = commands(children(run.pid))
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write('comit: 1\n' + good)
    os.kill(run.pid, signal.SIGHUP)
    tap.check('SIGHUP, bad file: an error with file and line', wait_for(lambda: f'{s.config}:1: comit' in s.log()), s.log()[-1000:])
    os.kill(before['work'], signal.SIGKILL)
    tap.check('a child that dies then still comes back', wait_for(lambda: commands(children(run.pid)).get('work', before['work']) != before['work']), s.log()[-1000:])
    tap.check('the old configuration stays', commands(children(run.pid)).get('collect') == before['collect'])
    up(run)
    before = commands(children(run.pid))
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(good.replace('spool,', 'spool2,'))
    os.mkdir(os.path.join(s.place, 'spool2'))
    os.kill(run.pid, signal.SIGHUP)
    replaced = wait_for(lambda: len(children(run.pid)) == 2 and not set(children(run.pid)) & set(before.values()))
    tap.check('SIGHUP, good file: both are replaced', replaced, s.log()[-1500:])
    s.watch = os.path.join(s.place, 'spool2')
    s.make('nfcapd.202601140905', 30)
    s.drop('nfcapd.202601140905')
    tap.check('and work by the new one', wait_for(lambda: committed(s) == 2), s.log()[-2000:])
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write('state: elsewhere\n' + good)
    before = children(run.pid)
    os.kill(run.pid, signal.SIGHUP)
    # beside them there is, for a moment, the one that was asked
    told = wait_for(lambda: 'state: cannot change' in s.log())
    tap.check('state cannot change while running', told and wait_for(lambda: children(run.pid) == before, 5), s.log()[-800:])
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(good)


def service_manager(s):
    """What systemd would hear."""
    version = subprocess.run([s.sluice, 'version'], capture_output=True, text=True, check=True).stdout
    if 'systemd' not in version:
        tap.skip('a service manager is told', 'built without libsystemd')
        return
    place = os.path.join(s.place, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(place)
        ear.settimeout(10)
        log = open(os.path.join(s.place, 'log'), 'a', encoding='utf-8')
        run = subprocess.Popen([s.sluice, 'run', '-c', s.config], stdout=log, stderr=log,
                               env={**os.environ, 'NOTIFY_SOCKET': place, 'WATCHDOG_USEC': '200000'})

        def heard(text):
            end = time.monotonic() + 10
            while time.monotonic() < end:
                try:
                    if text in ear.recv(4096).decode():
                        return True
                except TimeoutError:
                    return False
            return False

        tap.check('a service manager is told READY=1', heard('READY=1'))
        tap.check('WATCHDOG=1 while nothing happens', heard('WATCHDOG=1') and heard('WATCHDOG=1'))
        up(run)
        run.send_signal(signal.SIGHUP)
        tap.check('RELOADING=1 and then READY=1', heard('RELOADING=1') and heard('READY=1'))
        run.send_signal(signal.SIGTERM)
        tap.check('STOPPING=1', heard('STOPPING=1'))
        tap.check('and it leaves', run.wait(20) == 0, s.log()[-1000:])


def supervisor_dies(s):
    run = s.start('run')
    up(run)
    pids = children(run.pid)
    run.kill()
    run.wait()
    tap.check('the supervisor killed: its children leave by themselves', wait_for(lambda: gone(pids), 20))
    run = s.start('run')
    tap.check('and a new one starts', up(run), s.log()[-1000:])
    pids = children(run.pid)
    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGTERM)
    began = time.monotonic()
    run.wait(20)
    took = time.monotonic() - began
    tap.check('two SIGTERM: leaves at once', took < 2 and gone(pids), f'{took:.2f} s')


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-process-') as place:
        s = Spool(place, commit='{ max_age: 100ms }', collect='{ settle: 0, rescan: 1s }', stop_timeout='10s')
        run = s.start('run')
        try:
            tap.check('run starts two children', up(run), s.log())
            restart(s, run)
            standing_still(s, run)
            second_run(s)
            again_and_again(s, run)
            up(run)
            reload(s, run)
            pids = children(run.pid)
            began = time.monotonic()
            status = stop(run)
            tap.check('SIGTERM: drains and exits 0', status == 0, f'{status}\n{s.log()[-2000:]}')
            tap.check('the last line says that all have drained', s.log().rstrip().splitlines()[-1].endswith('stopped: every process has drained'), s.log()[-300:])
            tap.check('within stop_timeout, and nobody is left', time.monotonic() - began < 10 and gone(pids))
            run = s.start('run')
            up(run)
            run.send_signal(signal.SIGINT)
            tap.check('SIGINT is like SIGTERM', run.wait(20) == 0, s.log()[-1000:])
            supervisor_dies(s)
            service_manager(s)
            halves(s)
            half(Spool(os.path.join(place, 'half')))
        finally:
            if run.poll() is None:
                stop(run)
    tap.done()


def halves(s):
    """collect and work as daemons of their own."""
    collect, work = s.start('collect'), s.start('work')
    standby = None
    try:
        s.make('nfcapd.202601140910', 25)
        s.watch = os.path.join(s.place, 'spool')
        s.drop('nfcapd.202601140910')
        tap.check('collect and work apart do the same', wait_for(lambda: committed(s) == 3), s.log()[-2000:])
        head = s.command('status').stdout.split('\n')[0]
        tap.check('status says that both run', 'collector and worker running' in head, head)
        standby = s.start('collect')
        tap.check('a second collect stands by', wait_for(lambda: 'standing by' in s.log()), s.log()[-500:])
        os.kill(work.pid, signal.SIGHUP)
        tap.check('SIGHUP is taken by a worker of its own', wait_for(lambda: 'worker: configuration read again' in s.log()) and work.poll() is None, s.log()[-500:])
        tap.check('collect stops with 0', stop(collect) == 0, s.log()[-1000:])
        s.make('nfcapd.202601140915', 25)
        s.drop('nfcapd.202601140915')
        tap.check('and the one standing by takes over', wait_for(lambda: committed(s) == 4), s.log()[-2000:])
        tap.check('all stop with 0', stop(work) == 0 and stop(standby) == 0, s.log()[-1000:])
    finally:
        for process in (collect, work, standby):
            if process is not None and process.poll() is None:
                stop(process)


def half(s):
    """A collector whose workers are elsewhere."""
    collect = s.start('collect')
    try:
        running = wait_for(lambda: 'collector running, no worker here' in s.command('status').stdout)
        text = s.command('status').stdout
        tap.check('status of a collector alone: it runs, rows are counted elsewhere', running and 'counted where the workers run' in text and 'rows 0' not in text, text)
    finally:
        status = stop(collect)
    tap.check('and when it has stopped', status == 0 and 'not running' in s.command('status').stdout, status)


if __name__ == '__main__':
    main()
