#!/usr/bin/env python3
"""A lake in an HDFS that wants Kerberos: by SPNEGO and by delegation token, the same rows and originals as anywhere; without either, a plain refusal; a token that was cancelled
waits for the next one in its file, and no token is told."""
import hashlib
import json
import os
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from cluster import kerberos  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from spool import Spool, stop, wait_for  # noqa: E402

SMALL, LARGE = 30, 40_000
MARK = f'/krb-{os.getpid()}-{time.time_ns()}'


class Realm:
    """The realm's user in a folder of its own."""

    def __init__(self, where, place):
        self.where, self.place = where, place
        self.member = {**os.environ, **kerberos.identity(where, place)}
        # a realm's configuration and no key: a stranger
        self.stranger = {**os.environ, 'KRB5_CONFIG': where['conf'], 'KRB5_CLIENT_KTNAME': f'FILE:{place}/none', 'KRB5CCNAME': f'FILE:{place}/no-tickets'}
        kerberos.call({**where, 'keytab': where['superuser']}, self.sub('admin'), f'{MARK}?op=MKDIRS&permission=777', '-X', 'PUT')

    def sub(self, name):
        os.makedirs(f'{self.place}/{name}', exist_ok=True)
        return f'{self.place}/{name}'

    def call(self, path, *options):
        return kerberos.call(self.where, self.place, path, *options)

    def token(self):
        return json.loads(self.call('/?op=GETDELEGATIONTOKEN&renewer=sluice'))['Token']['urlString']

    def cancel(self, token):
        self.call(f'/?op=CANCELDELEGATIONTOKEN&token={token}', '-X', 'PUT')

    def walk(self, path):
        found = []
        for entry in json.loads(self.call(f'{path}?op=LISTSTATUS'))['FileStatuses']['FileStatus']:
            below = f'{path}/{entry["pathSuffix"]}'
            found += self.walk(below) if entry['type'] == 'DIRECTORY' else [below]
        return found

    def spool(self, name, **webhdfs):
        place = self.sub(name)
        keys = ', '.join(f'{k}: {v}' for k, v in webhdfs.items())
        return Spool(place, state=f'{place}/state', collect='{ settle: 0 }', commit='{ max_age: 100ms }', workers=1,
                     url=f'{self.where["http"].replace("http", "webhdfs")}{MARK}/{name}', webhdfs=f'{{ {keys} }}')


def give(s):
    for i in range(SMALL):
        s.make(f'nfcapd.{202601140900 + i}', 20, hours=2)
        s.drop(f'nfcapd.{202601140900 + i}')
    s.make('nfcapd.202601141200', LARGE)
    s.drop('nfcapd.202601141200')


def whole_way(realm, s, name, env):
    give(s)
    r = s.command('run', '--once', env=env)
    tap.check(f'{name}: run --once', r.returncode == 0, r)
    paths = realm.walk(f'{MARK}/{name}')
    held = {hashlib.sha256(realm.call(f'{p}?op=OPEN')).hexdigest() for p in paths if '/binary/' in p}
    tap.check(f'{name}: {len(s.inputs)} originals, byte for byte', held == {hashlib.sha256(b).hexdigest() for b in s.inputs.values()}, len(held))
    audit = s.command('audit', env=env)
    tap.check(f'{name}: audit finds {SMALL * 20 + LARGE:,} rows in order', audit.returncode == 0 and f'{SMALL * 20 + LARGE:,} rows by their footers' in audit.stdout, audit)
    again = s.command('run', '--once', env=env)
    tap.check(f'{name}: a second run stores nothing', again.returncode == 0 and sorted(realm.walk(f'{MARK}/{name}')) == sorted(paths), again)


def spnego(realm):
    s = realm.spool('spnego', auth='spnego')
    whole_way(realm, s, 'spnego', realm.member)
    check = s.command('check', env=realm.member)
    tap.check('check says how we are known', check.returncode == 0 and 'by SPNEGO' in check.stdout, check)
    check = s.command('check', env=realm.stranger)
    tap.check('without a key: check says so', check.returncode == 1 and 'no Kerberos ticket' in check.stdout, check)
    simple = realm.spool('simple', user='sluice')
    check = simple.command('check', env=realm.member)
    tap.check('by name alone: refused, and the key that is missing is named', check.returncode == 1 and 'webhdfs.auth: spnego' in check.stdout, check)


def centre_away(c, realm):
    """Tickets cannot be had for a while: the key distribution centre is down when daemons start."""
    s = realm.spool('away', auth='spnego')
    env = {**realm.member, 'KRB5CCNAME': f'FILE:{realm.place}/fresh'}
    c.server('kdc').kill()
    p = s.start('run', env=env)
    try:
        s.make('nfcapd.202601141300', 7)
        s.drop('nfcapd.202601141300')
        tap.check('no ticket to be had: daemons wait and say for what', wait_for(lambda: 'no Kerberos ticket' in s.log(), 30) and p.poll() is None, s.log())
        c.server('kdc').start()
        tap.check('the centre is back: they go on by themselves', wait_for(lambda: committed(s, env, 'nfcapd.202601141300'), 60), s.log())
    finally:
        stop(p)


def by_token(realm):
    path, first = f'{realm.place}/secret', realm.token()
    with open(path, 'w', encoding='ascii') as f:
        f.write(first + '\n')
    s = realm.spool('token', token_file=path)
    whole_way(realm, s, 'token', realm.stranger)
    check = s.command('check', env=realm.stranger)
    tap.check('check says that a token is used', check.returncode == 0 and 'by delegation token' in check.stdout, check)

    p = s.start('run', env=realm.stranger)
    try:
        s.make('nfcapd.202601141300', 7)
        s.drop('nfcapd.202601141300')
        tap.check('daemons work by token', wait_for(lambda: committed(s, realm.stranger, 'nfcapd.202601141300'), 30), s.log())
        realm.cancel(first)
        s.make('nfcapd.202601141305', 7)
        s.drop('nfcapd.202601141305')
        tap.check('a cancelled token: it waits, and the log says for what', wait_for(lambda: 'token' in s.log(), 30), s.log())
        time.sleep(1)
        tap.check('nothing ended', p.poll() is None, s.log())
        second = realm.token()
        with open(path + '.new', 'w', encoding='ascii') as f:
            f.write(second + '\n')
        os.rename(path + '.new', path)
        tap.check('a new token in its file: it goes on by itself', wait_for(lambda: committed(s, realm.stranger, 'nfcapd.202601141305'), 60), s.log())
    finally:
        stop(p)
    r = s.command('run', '--once', env=realm.stranger)
    audit = s.command('audit', env=realm.stranger)
    tap.check('all in order after that', r.returncode == 0 and audit.returncode == 0, audit)
    words = s.log() + audit.stdout + s.command('status', env=realm.stranger).stdout
    tap.check('no token in log, status or audit', first not in words and second not in words)


def committed(s, env, name):
    told = s.command('status', '--json', name, env=env)
    return '"committed"' in told.stdout


def main():
    reason = why_not() or ', '.join(f'{program} is not installed' for program in kerberos.lacking())
    if reason:
        tap.skip('HDFS with Kerberos', reason)
        tap.done()
    with session('kerberos') as c, tempfile.TemporaryDirectory() as place:
        realm = Realm(vars(c.kerberos), place)
        spnego(realm)
        centre_away(c, realm)
        by_token(realm)
    tap.done()


main()
