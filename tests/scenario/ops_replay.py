#!/usr/bin/env python3
"""The replay button of the ops page in a real Chromium: off without a token and says so; with one it replays, once, and shows what came of it; what nobody will mend is settled by a button of its own; who has no token, or
comes from another site, changes nothing.

SLUICE_SHOTS=FOLDER: leave pictures there, to be looked at."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
import web  # noqa: E402

web.under_web()
from browser import Browser, why_not  # noqa: E402
from ops_page import PHONE, accessible, focused, picture, press  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

TOKEN = 'correct-horse-battery-staple'
KEYS = {'instance': 'edge1', 'commit': '{ max_age: 100ms }', 'collect': '{ settle: 0, rescan: 1s }', 'stop_timeout': '10s'}
HOURS, FEW, FILES, FLOWS = 6, 2, 4, 30


# By the Python that has DuckDB, which the one with the browser's driver has not.
LOOK = f'import json, sys; sys.path.insert(0, {os.path.join(web.ROOT, "tests", "lib")!r}); from lake import ids, manifests; print(json.dumps([ids(sys.argv[1]), manifests(sys.argv[1])[1]]))'


def in_lake(s):
    """(the values of ibyt, originals of all manifests)"""
    python = subprocess.run([f'{web.ROOT}/tools/venv.sh'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return json.loads(subprocess.run([python, '-c', LOOK, s.lake], stdout=subprocess.PIPE, text=True, check=True).stdout)


def ids(lake_of):
    return in_lake(lake_of)[0]


def rejected(place):
    """Files of more hours than are allowed, and one that is none at all; then the same lake with room for them."""
    s = Spool(place, **KEYS, **{'partitions.max': FEW})
    for i in range(FILES):
        s.make(f'nfcapd.20260114090{i}', FLOWS, hours=HOURS)
        s.drop(f'nfcapd.20260114090{i}')
    s.drop('nfcapd.202601140955', b'this is no nfcapd file')
    r = s.command('run', '--once')
    tap.check('rows of further hours were rejected', r.returncode == 1 and len(ids(s)) == FILES * FLOWS * FEW // HOURS, r)
    return s


def again(s, **ops):
    """The same place with other keys."""
    words = {'listen': 0, **ops}
    t = Spool(s.place, **KEYS, ops=f'{{ {", ".join(f"{k}: {v}" for k, v in words.items())} }}')
    t.inputs, t.next_id = s.inputs, s.next_id
    return t


def replay_path(**words):
    return f'/api/replay?{urllib.parse.urlencode(words)}' if words else '/api/replay'


def without(s, b):
    t = again(s)
    run = t.start('run')
    try:
        e = web.Endpoint(t)
        status, _, body = e.ask(replay_path(), method='POST', Authorization=f'Bearer {TOKEN}')
        tap.check('without a token file nothing can be changed', status == 403 and b'ops.token_file' in body and e.json('/api/status')['writes'] is False, body)
        b.open(e.url)
        tap.check('the rejects are there', wait_for(lambda: b.text('#reject-count') == f'{FILES + 1} files', 20, 0.2), b.text('#rejects'))
        tap.check('the button is off, and says why', b.js('return document.querySelector("#replay-open").disabled') is True and 'ops.token_file' in b.text('#replay-note'), b.text('#rejects'))
        picture(b, 'replay-off')
    finally:
        stop(run)
    os.remove(os.path.join(t.place, 'log'))


def guarded(e):
    for what, wanted, headers in (('no token', 401, {}), ('a wrong one', 401, {'Authorization': f'Bearer {TOKEN}!'}), ('it as a password', 401, {'Authorization': f'Basic {TOKEN}'}),
                                  ('another site', 403, {'Authorization': f'Bearer {TOKEN}', 'Origin': 'http://evil.example'}),
                                  ('a page without an origin', 403, {'Authorization': f'Bearer {TOKEN}', 'Origin': 'null'}),
                                  ('another name', 421, {'Authorization': f'Bearer {TOKEN}', 'Host': 'evil.example'})):
        status = e.ask(replay_path(), method='POST', **headers)[0]
        tap.check(f'{what}: {wanted}', status == wanted, status)
    tap.check('GET changes nothing', e.status(replay_path(), Authorization=f'Bearer {TOKEN}') == 405)
    status, _, body = e.ask(replay_path(original='flow;reboot'), method='POST', Authorization=f'Bearer {TOKEN}')
    tap.check('what is no sha256 is refused', status == 400 and b'sha256' in body, (status, body))
    one = {'original': 'ab' * 32}
    for what, words in (('all at once', {'settle': 'garbage'}), ('without a reason', {**one, 'settle': ''}), ('for two lines', {**one, 'settle': 'a\nb'}), ('for too much', {**one, 'settle': 'a' * 1001})):
        status, _, body = e.ask(replay_path(**words), method='POST', Authorization=f'Bearer {TOKEN}')
        tap.check(f'nothing is settled {what}', status == 400 and b'settle' in body, (status, body))
    tap.check('none of them has started anything', e.json('/api/status')['replay']['state'] == 'none', e.json('/api/status')['replay'])


def one_by_its_digest(s, e):
    """By a script, one original: its rows, and no others."""
    before = len(ids(s))
    digest = next(r['sha256'] for r in e.json('/api/rejects')['rejects'] if r['path'].endswith('0900'))
    status, _, body = e.ask(replay_path(original=digest), method='POST', Authorization=f'Bearer {TOKEN}')
    done = wait_for(lambda: e.json('/api/status')['replay']['state'] == 'done', 30, 0.1)
    r = e.json('/api/status')['replay']
    tap.check('one original is replayed', status == 202 and done and r['exit'] == 0 and r['original'] == digest and '1 original replayed' in r['lines'][-1]
              and len(ids(s)) == before + FLOWS * (HOURS - FEW) // HOURS, (status, body, r, len(ids(s))))
    tap.check('and leaves the list', wait_for(lambda: digest not in [x['sha256'] for x in e.json('/api/rejects')['rejects']], 20, 0.2), e.json('/api/rejects'))


def by_keyboard(s, b, e):
    b.open(e.url)
    tap.check('what is left to replay is listed', wait_for(lambda: b.text('#reject-count') == f'{FILES} files', 20, 0.2), b.text('#rejects'))
    b.js('document.querySelector("#replay-open").focus()')
    press(b, Keys.ENTER)
    tap.check('Enter opens the question for the token', wait_for(lambda: focused(b) == 'replay-token', 5), focused(b))
    picture(b, 'replay-asks')
    press(b, 'not the token', Keys.ENTER)
    tap.check('a wrong token is said to be', wait_for(lambda: 'the token is missing or wrong' in b.text('#replay-note'), 5), b.text('#replay-note'))
    b.js('document.querySelector("#replay-token").select()')
    press(b, TOKEN, Keys.ENTER)
    tap.check('what came of it is shown', wait_for(lambda: f'{FILES - 1} originals replayed, {(FILES - 1) * FLOWS * (HOURS - FEW) // HOURS} rows stored' in b.text('#replay-note'), 30, 0.2),
              b.text('#rejects') + s.log()[-1500:])
    tap.check('what is left is said, line by line', 'something is left' in b.text('#replay-note') and 'nfcapd.202601140955: as before' in b.text('#replay-lines'), b.text('#rejects'))
    tap.check('it is read out', b.js('return document.querySelector("#replay-note").getAttribute("role")') == 'status')
    tap.check('replayed files leave the list, what is no file stays', wait_for(lambda: b.text('#reject-count') == '1 file', 20, 0.2) and 'magic number' in b.text('#reject-list'), b.text('#rejects'))
    tap.check('every row is there once', ids(s) == s.expected(), len(ids(s)))
    tap.check('by the commits of replays', sum(o['again'] >= 2 ** 31 for o in in_lake(s)[1]) == FILES)
    tap.check('the button has the focus again', focused(b) in ('replay-open', 'more'), focused(b))


def twice(s, b):
    press(b, Keys.ENTER)
    wait_for(lambda: focused(b) == 'replay-token', 5)
    press(b, Keys.ENTER)
    tap.check('a second time nothing is stored', wait_for(lambda: '0 originals replayed, 0 rows stored' in b.text('#replay-note'), 30, 0.2) and ids(s) == s.expected(), b.text('#replay-note'))


def settled(s, b, e):
    """What is no nfcapd file will never be one: it leaves the list for a reason, by keyboard, and no row changes."""
    why, before = 'no capture: a note --of mine, "quoted" & 100 %', in_lake(s)[0]
    b.shape(1280, 900, still=True)
    b.js('document.querySelector("#reject-list details").open = true')
    b.js('document.querySelector("#reject-list li .more").focus()')
    press(b, Keys.ENTER)
    tap.check('Enter asks why, of that file', wait_for(lambda: focused(b) == 'settle-why', 5) and '/nfcapd.202601140955 off this list' in b.text('#replay-what'), focused(b) + b.text('#replay-what'))
    press(b, Keys.ENTER)
    tap.check('not without a reason', e.json('/api/status')['replay']['settle'] == '' and not b.js('return document.querySelector("#replay-form").hidden'))
    accessible(b)
    for name, shape in (('settle-phone', (*PHONE, True)), ('settle-asks', (1280, 900))):
        b.shape(*shape, still=True)
        picture(b, name)
    press(b, Keys.ESCAPE)
    tap.check('Escape leaves it', focused(b) == 'replay-open' and b.js('return document.querySelector("#replay-form").hidden'), focused(b))
    b.js('document.querySelector("#reject-list li .more").focus()')
    press(b, Keys.ENTER)
    press(b, why, Keys.ENTER)
    tap.check('what came of it is shown', wait_for(lambda: '1 original settled' in b.text('#replay-note'), 30, 0.2) and b.text('#replay-note').startswith('Settled at '), b.text('#rejects') + s.log()[-1500:])
    tap.check('it leaves the list', wait_for(lambda: 'No rejects are open' in b.text('#reject-none') and b.text('#reject-count') == '', 20, 0.2), b.text('#rejects'))
    tap.check('the keyboard is still in this section', focused(b) == 'rejects', focused(b))
    listed = s.command('rejects', '--all', '--format', 'json')
    tap.check('the reason is in the lake, word by word', why in [json.loads(line).get('settled') for line in listed.stdout.splitlines()], listed)
    tap.check('no row came or went', in_lake(s)[0] == before)
    picture(b, 'settle-done')


def secret(s, run):
    """The token is nowhere but in its file."""
    said = [open(f'/proc/{pid}/cmdline', 'rb').read() for pid in [run.pid, *children(run.pid)]]
    places = [p for p in glob.glob(f'{s.place}/**', recursive=True) if os.path.isfile(p) and not p.endswith('token')]
    held = [p for p in places if TOKEN.encode() in open(p, 'rb').read()]
    tap.check('the token is in no log, no state, no process list', not held and TOKEN.encode() not in b''.join(said), held)
    tap.check('the log says who asked', s.log().count('replay was asked for at the endpoint') == 4, s.log()[-1500:])
    rows = subprocess.run([s.sluice, 'audit', '-c', s.config], capture_output=True, text=True, check=False)
    tap.check('the audit is clean', rows.returncode == 0, rows)


def with_token(s, b):
    token = os.path.join(s.place, 'token')
    with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
        f.write(TOKEN + '\n')
    t = again(s, token_file=token)
    run = t.start('run')
    try:
        e = web.Endpoint(t)
        wait_for(lambda: len(e.json('/api/rejects')['rejects']) == FILES + 1, 20, 0.2)
        guarded(e)
        one_by_its_digest(t, e)
        by_keyboard(t, b, e)
        twice(t, b)
        accessible(b)
        for name, shape in (('replay-light', (1280, 900)), ('replay-dark', (1280, 900, True)), ('replay-phone', (*PHONE, True))):
            b.shape(*shape, still=True)
            b.js('document.querySelector("#replay-form").hidden || document.querySelector("#replay-open").click()')
            b.js('document.querySelector("#replay-open").click()')
            b.js('document.querySelector("#rejects").scrollIntoView()')
            picture(b, name)
        settled(t, b, e)
        secret(t, run)
        bad = [m for m in b.complaints() if 'ERR_CONNECTION' not in m and '/api/' not in m]
        tap.check('no script failed, and the policy stopped nothing', bad == [], '\n'.join(bad))
    finally:
        stop(run)


def main():
    reason = why_not()
    if reason:
        tap.skip('the replay button in a browser', reason)
        tap.done()
    with tempfile.TemporaryDirectory(prefix='sluice-button-') as place, Browser() as b:
        began = time.monotonic()
        s = rejected(place)
        without(s, b)
        with_token(s, b)
        print(f'# {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


if __name__ == '__main__':
    main()
