#!/usr/bin/env python3
"""What sluice leaves to others: modes of all that it makes, whom root becomes, and links in watched folders."""
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool, below, stop, wait_for  # noqa: E402

OTHERS = stat.S_IRWXO | stat.S_IWGRP
CASES = []


def case(name):
    def add(body):
        CASES.append((name, body))
        return body
    return add


def loose(*roots):
    """What others may read, or the group may write: [(mode, path)]."""
    found = []
    for root in roots:
        for place, folders, names in os.walk(root):
            for path in [place] + [os.path.join(place, n) for n in names]:
                mode = os.lstat(path).st_mode
                if not stat.S_ISLNK(mode) and mode & OTHERS:
                    found.append((oct(stat.S_IMODE(mode)), path))
    return found


@case('modes')
def modes(place):
    """Under the umask that hides nothing, whatever command makes it."""
    os.umask(0)
    s = Spool(place, state=f'{place}/state', bus=f'embedded://{place}/bus', commit='{ max_age: 100ms }', collect='{ settle: 0 }', event='{ inline_max: 20KiB }')
    for i in range(4):
        s.make(f'nfcapd.202601140{900 + i}', 40 if i % 2 else 2000, hours=2)
        s.drop(f'nfcapd.202601140{900 + i}')
    bad = {'nfcapd.202601141000': s.inputs['nfcapd.202601140901'][:-300]}
    s.drop(*bad, *bad.values())
    s.command('run', '--once')
    other = os.path.join(place, 'other')
    with open(other, 'wb') as f:
        f.write(s.make('nfcapd.other', 30))
    os.chmod(other, 0o666)
    s.command('load', '-p', 'flow', other)
    for words in (['audit'], ['status'], ['check'], ['rejects'], ['replay'], ['compact'], ['trace', 'nfcapd.202601140900']):
        s.command(*words)
    run = s.start('run')
    s.make('nfcapd.202601141005', 20)
    s.drop('nfcapd.202601141005')
    tap.check('modes: rows are there', wait_for(lambda: len(ids(s.lake)) >= len(s.expected())), s.log()[-1500:])
    now = loose(s.lake, f'{place}/state', f'{place}/bus')
    stop(run)
    later = loose(s.lake, f'{place}/state', f'{place}/bus')
    made = sum(len(files) for root in (s.lake, f'{place}/state', f'{place}/bus') for _, _, files in os.walk(root))
    tap.check('modes: of lake, state and bus others can read nothing, and the group can write nothing', not now and not later and made > 20, '\n'.join(map(str, (now + later)[:20])))


def rights(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8', errors='replace') as f:
        lines = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
    return {'name': lines['Name'], 'uid': set(lines['Uid'].split()), 'gid': set(lines['Gid'].split()), 'groups': lines['Groups'].split(), 'caps': int(lines['CapPrm'], 16) | int(lines['CapEff'], 16),
            'nnp': lines['NoNewPrivs']}


def why_no_user():
    if os.geteuid() != 0:
        return 'only root can become somebody else'
    try:
        pwd.getpwnam('nobody')
    except KeyError:
        return 'there is no user nobody'
    return ''


@case('user')
def user(place):
    """Root becomes that user before it makes anything: in run, in commands, after SIGHUP."""
    nobody = pwd.getpwnam('nobody')
    s = Spool(place, user='nobody', commit='{ max_age: 100ms }', collect='{ settle: 100ms, rescan: 1s }', event='{ inline_max: 20KiB }')
    for folder in (place, s.watch):
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    s.make('nfcapd.202601140900', 40)
    s.drop('nfcapd.202601140900')
    run = s.start('run')
    tap.check('user: rows come', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log()[-2000:])
    seen = [rights(p) for p in below(run.pid)]
    wrong = [r for r in seen if r['uid'] != {str(nobody.pw_uid)} or r['gid'] != {str(nobody.pw_gid)} or '0' in r['groups'] or r['caps'] or r['nnp'] != '1']
    tap.check('user: no process has anything of root', len(seen) >= 3 and not wrong, f'{seen}\n{wrong}')
    owners = {os.lstat(os.path.join(p, n)).st_uid for p, folders, files in os.walk(s.lake) for n in folders + files}
    tap.check('user: what is made is that user\'s', owners == {nobody.pw_uid}, str(owners))
    run.send_signal(signal.SIGHUP)
    s.make('nfcapd.202601140905', 2000)
    s.drop('nfcapd.202601140905')
    tap.check('user: a rolling upgrade goes through', wait_for(lambda: 'every process runs with the new configuration' in s.log(), 60), s.log()[-2000:])
    tap.check('user: and rows come after it', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log()[-2000:])
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text.replace('user: nobody', 'user: root'))
    run.send_signal(signal.SIGHUP)
    tap.check('user: a running one cannot become another', wait_for(lambda: 'only root can become' in s.log() and 'the old program stay' in s.log(), 60), s.log()[-2000:])
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text)
    done = s.command('status', '--json')
    tap.check('user: status by root', done.returncode == 0 and json.loads(done.stdout), done.stderr)
    tap.check('user: SIGTERM ends run with 0', stop(run) == 0, s.log()[-2000:])
    done = s.command('audit')
    owners = {os.lstat(os.path.join(p, n)).st_uid for p, folders, files in os.walk(s.lake) for n in folders + files}
    tap.check('user: commands of root leave nothing of root behind', done.returncode == 0 and owners == {nobody.pw_uid}, f'{owners} {done.stderr}')
    tap.check('user: the lake is in order', not faults(s.lake, s.inputs), '\n'.join(faults(s.lake, s.inputs)[:10]))


@case('refusals')
def refusals(place):
    nobody = pwd.getpwnam('nobody')
    s = Spool(place, user='no-such-user')
    for command in ('run', 'collect', 'work', 'status', 'check'):
        done = s.command(command)
        tap.check(f'refusals: {command} for a user that is not there', done.returncode == 2 and f'{s.config}:2: user' in done.stderr + done.stdout and 'no user "no-such-user"' in done.stderr + done.stdout, done)
    s = Spool(place, user='root')
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    for command in ('run', 'collect', 'work'):
        done = s.command(command, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        tap.check(f'refusals: {command} by somebody else', done.returncode == 2 and f'{s.config}:2: user' in done.stderr and 'only root can become "root"' in done.stderr, done)
    tap.check('refusals: nothing was made', not os.path.exists(s.lake), os.listdir(place))
    os.mkdir(s.lake, 0o700)
    s = Spool(place, user='nobody')
    done = s.command('check')
    tap.check('refusals: check says who cannot write the lake', done.returncode == 1 and f'lake                      file://{s.lake}: not writable by nobody: ' in done.stdout, done)
    s.make('nfcapd.202601140900', 10)
    os.chmod(s.drop('nfcapd.202601140900'), 0o600)
    os.chmod(s.drop('nfcapd.202601140905', b'x'), 0o644)
    done = s.command('check')
    tap.check('refusals: and which file cannot be read', f'FAIL  flow                      {s.watch}: 1 of these 2 can\'t be read by nobody: nfcapd.202601140900' in done.stdout, done)
    done = s.command('run', '--once')
    tap.check('refusals: a lake of root\'s is named', done.returncode in (1, 2) and 'Permission denied' in done.stderr and s.lake in done.stderr, done)


@case('links')
def links(place):
    """No link below the watched folder is followed, whatever it leads to; the folder itself, and what load is given, may be links."""
    s = Spool(place, commit='{ max_age: 100ms }', collect='{ settle: 0 }')
    outside = os.path.join(place, 'outside')
    os.mkdir(outside)
    for name in ('nfcapd.202601140900', 'nfcapd.202601140905'):
        with open(os.path.join(outside, name), 'wb') as f:
            f.write(s.make(name, 20))
    os.symlink(outside, os.path.join(s.watch, 'folder'))
    os.symlink(os.path.join(outside, 'nfcapd.202601140900'), os.path.join(s.watch, 'nfcapd.202601140900'))
    os.symlink('../../../../../../etc/passwd', os.path.join(s.watch, 'nfcapd.202601140910'))
    os.symlink('nowhere', os.path.join(s.watch, 'nfcapd.202601140915'))
    done = s.command('run', '--once')
    tap.check('links: none is followed, and each is named, once', done.returncode == 1 and ids(s.lake) == [] and done.stderr.count(': symbolic link: not followed') == 3, done)
    kept = [n for p, _, files in os.walk(os.path.join(s.lake, 'flow')) for n in files]
    tap.check('links: nothing of what they lead to is kept', not kept, str(kept))
    done = s.command('status', '--json')
    aside = json.loads(done.stdout)['figures'].get('files_set_aside') if done.returncode == 0 else None
    tap.check('links: each that is called like a file is set aside', aside == 3, f'{aside} {done.stderr}')
    done = s.command('load', '-p', 'flow', os.path.join(s.watch, 'nfcapd.202601140900'))
    tap.check('links: load takes a path that is one', done.returncode == 0 and ids(s.lake) == list(range(1, 21)), done)
    os.rename(s.watch, s.watch + '.real')
    os.symlink(outside, s.watch)
    done = s.command('run', '--once')
    tap.check('links: the watched folder may be one', done.returncode == 0 and ids(s.lake) == s.expected(), done)


if __name__ == '__main__':
    for name, body in CASES:
        reason = why_no_user() if name in ('user', 'refusals') else ''
        if reason:
            tap.skip(name, reason)
            continue
        with tempfile.TemporaryDirectory(prefix=f'sluice-privileges-{name}-') as folder:
            os.chmod(folder, 0o755)
            before = os.umask(0o022)
            try:
                body(folder)
            finally:
                os.umask(before)
    tap.done()
