#!/usr/bin/env python3
"""Kafka over TLS with a password: the whole way works with SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN; a wrong password or authority is said plainly; and the password is
nowhere to be seen: not in logs, not in what status, check and config print, not in a command line or an environment."""
import glob
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from lake import ids  # noqa: E402
from spool import Spool, children  # noqa: E402


def properties(where, mechanism, password):
    return (f'{{ security.protocol: sasl_ssl, sasl.mechanism: {mechanism}, sasl.username: {where.user}, sasl.password: {password}, '
            f'ssl.ca.location: {where.ca}, session.timeout.ms: 6000 }}')


def write(path, text, mode=0o600):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, mode), 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def traces(pid, secret):
    """Where in /proc the secret can be read by somebody who lists processes."""
    found = []
    for p in [pid, *children(pid)]:
        for what in ('cmdline', 'environ', 'comm'):
            with open(f'/proc/{p}/{what}', 'rb') as f:
                if secret.encode() in f.read():
                    found.append(f'{p} {what}')
    return found


def wait(s, seconds=60):
    start = time.monotonic()
    while ids(s.lake) != s.expected() and time.monotonic() < start + seconds:
        time.sleep(0.1)
    return ids(s.lake) == s.expected()


def whole_way(place, where, mechanism, secret):
    os.makedirs(place)
    s = Spool(place, bus=f'kafka://{where.sasl_ssl}', instance=f'secure{os.getpid()}-{mechanism.lower()}', collect='{ settle: 0 }', commit='{ max_age: 300ms }',
              log='{ level: debug }', kafka=properties(where, mechanism, '{ file: password }'))
    write(os.path.join(place, 'password'), secret + '\n')
    said = [s.command(*words) for words in (('check',), ('config',), ('status',))]
    tap.check(f'{mechanism}: check reaches the broker', said[0].returncode == 0 and 'reached' in said[0].stdout, said[0])
    run = s.start('run')
    for i in range(5):
        s.make(f'nfcapd.{i}', 300)
        s.drop(f'nfcapd.{i}')
    tap.check(f'{mechanism}: every row arrives', wait(s), s.log()[-2000:])
    said.append(s.command('status', '--json'))
    seen = traces(run.pid, secret)
    run.terminate()
    tap.check(f'{mechanism}: ends in order', run.wait(60) == 0, s.log()[-2000:])
    tap.check(f'{mechanism}: not in command lines or environments', not seen, seen)
    shown = s.log() + ''.join(r.stdout + r.stderr for r in said)
    tap.check(f'{mechanism}: not in logs, nor in what status, check and config print', secret not in shown)
    kept = [p for p in glob.glob(f'{place}/**/*', recursive=True) if os.path.isfile(p) and os.path.basename(p) != 'password' and secret.encode() in open(p, 'rb').read()]
    tap.check(f'{mechanism}: in no file but its own', not kept, kept)


def environment(place, where, secret):
    os.makedirs(place)
    s = Spool(place, bus=f'kafka://{where.sasl_ssl}', instance=f'env{os.getpid()}', kafka=properties(where, 'PLAIN', '{ env: BROKER_PASSWORD }'))
    r = s.command('check', env={**os.environ, 'BROKER_PASSWORD': secret})
    tap.check('password from the environment: reached', r.returncode == 0 and secret not in r.stdout + r.stderr, r)
    r = s.command('check')
    tap.check('password from the environment: its absence is said', r.returncode == 1 and 'BROKER_PASSWORD' in r.stdout, r)


def refusals(place, where, secret):
    os.makedirs(place)
    wrong = write(os.path.join(place, 'wrong'), 'n0t-the-pa55word')
    s = Spool(place, bus=f'kafka://{where.sasl_ssl}', instance=f'no{os.getpid()}', kafka=properties(where, 'PLAIN', f'{{ file: {wrong} }}'))
    r = s.command('check')
    tap.check('wrong password: said, and not shown', r.returncode == 1 and 'uthentication' in r.stdout and 'n0t-the' not in r.stdout + r.stderr, r)
    right = write(os.path.join(place, 'right'), secret)
    text = open(s.config, encoding='utf-8').read()
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text.replace(f'ssl.ca.location: {where.ca}, ', '').replace(wrong, right))
    r = s.command('check')
    tap.check('unknown authority: refused and said', r.returncode == 1 and 'certificate' in r.stdout.lower(), r)
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text.replace(f'{{ file: {wrong} }}', secret))
    r = s.command('check')
    tap.check('password in the configuration itself: refused with its line, not shown', r.returncode == 2 and ':' in r.stdout and '{ file: PATH }' in r.stdout + r.stderr
              and secret not in r.stdout + r.stderr, r)


def main():
    if why_not():
        tap.skip('Kafka over TLS with a password', why_not())
        tap.done()
    with session('kafka', 'kafka3') as c, tempfile.TemporaryDirectory(prefix='sluice-secure-') as place:
        secret = c.kafka.password
        # librdkafka before 2.6.1 and brokers from 4.0 on do not agree on SCRAM: cluster/kafka.py
        for where, mechanism in ((c.kafka3, 'SCRAM-SHA-256'), (c.kafka3, 'SCRAM-SHA-512'), (c.kafka, 'PLAIN')):
            whole_way(os.path.join(place, mechanism), where, mechanism, secret)
        environment(os.path.join(place, 'environment'), c.kafka, secret)
        refusals(os.path.join(place, 'refusals'), c.kafka, secret)
    tap.done()


main()
