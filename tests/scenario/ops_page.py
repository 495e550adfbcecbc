#!/usr/bin/env python3
"""The page of the ops endpoint in a real Chromium: live figures, a disk that fills up, 100,000 files, keyboard, screen reader, phone, dark and light.

SLUICE_SHOTS=FOLDER: leave pictures there, to be looked at."""
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
import web  # noqa: E402
from disk import Tmpfs, fill  # noqa: E402
from spool import Spool, stop, wait_for  # noqa: E402

web.under_web()
import axe_selenium_python  # noqa: E402
from browser import Browser, why_not  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

FILES, FRAMES = 100_000, 60
PHONE = (390, 844)

# Scrolls from top to end in so many frames; how long the frames took, and what the list then shows.
SCROLL = '''
const [steps, done] = arguments, pane = document.querySelector('#file-window'), gaps = [], most = pane.scrollHeight - pane.clientHeight;
let step = 0, last = performance.now(), rows = 0;
function frame(now) {
	gaps.push(now - last);
	last = now;
	rows = Math.max(rows, pane.querySelectorAll('[role=row]').length);
	pane.scrollTop = most * ++step / steps;
	if (step < steps) requestAnimationFrame(frame); else done({gaps: gaps.slice(1), rows, all: document.querySelectorAll('*').length});
}
requestAnimationFrame(frame);
'''


# As a page sees it that is there before the first topic is.
EARLY = '''
const real = fetch;
let early = true;
window.fetch = async (...words) => {
	const answer = await real(...words);
	if (!early || !String(words[0]).includes('/api/status')) return answer;
	early = false;
	return new Response(JSON.stringify({...await answer.json(), partitions: []}));
};
'''


def picture(b, name):
    if 'SLUICE_SHOTS' in os.environ:
        time.sleep(1.2)
        b.shot(os.path.join(os.environ['SLUICE_SHOTS'], f'{name}.png'))


def press(b, *keys):
    ActionChains(b.driver).send_keys(*keys).perform()


def focused(b):
    return b.js('const e = document.activeElement; return e.id || e.className || e.tagName')


def first_rows(b):
    """What the list shows, from the top of what is in sight."""
    return b.js('''const p = document.querySelector('#file-window'), at = p.getBoundingClientRect();
        return [...p.querySelectorAll('[role=row]')].filter(r => r.getBoundingClientRect().bottom > at.top + 1 && r.getBoundingClientRect().top < at.bottom - 1)
            .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(r => r.innerText.replace(/\\s+/g, ' '))''')


def live(s, b):
    tap.check('it comes up and says that all is ready', wait_for(lambda: b.text('#state-text') == 'Ready', 20, 0.1), b.text('body')[:300])
    for i in range(3):
        s.make(f'nfcapd.20260114090{i}', 40)
        s.drop(f'nfcapd.20260114090{i}')
    tap.check('figures move while files flow, without a reload', wait_for(lambda: b.text('.stage:last-child .total') == '3', 20, 0.1), b.text('#stages'))
    tap.check('the newest files stand at the top of the list', wait_for(lambda: any('nfcapd.202601140902' in r and 'queryable' in r for r in first_rows(b)[:3]), 20, 0.1), first_rows(b)[:4])
    tap.check('a chart has the rows', wait_for(lambda: re.search(r'most [\d.,]*[1-9][\d.,]* rows/s', b.text('#charts .chart')), 20, 0.2), b.text('#charts .chart'))
    tap.check('how long they took', 'could be queried' in b.text('#latency'), b.text('#latency'))


def rejects(s, b):
    s.drop('nfcapd.202601140955', b'this is no nfcapd file')
    tap.check('a reject is there by its reason', wait_for(lambda: 'magic number' in b.text('#reject-list'), 20, 0.2), b.text('#rejects'))
    b.js('document.querySelector("#reject-list summary").focus()')
    press(b, Keys.ENTER)
    tap.check('Enter shows the files behind it', wait_for(lambda: 'nfcapd.202601140955' in b.text('#reject-list'), 5), b.text('#reject-list'))


def many(b):
    tap.check('all files are in the list', b.js('return Number(document.querySelector("#file-table").ariaRowCount || document.querySelector("#file-table").getAttribute("aria-rowcount"))') >= FILES + 4)
    b.driver.execute_cdp_cmd('Performance.enable', {'timeDomain': 'threadTicks'})

    def spent():
        m = {x['name']: x['value'] for x in b.driver.execute_cdp_cmd('Performance.getMetrics', {})['metrics']}
        return 1000 * (m['ScriptDuration'] + m['LayoutDuration'] + m['RecalcStyleDuration'])

    b.js('document.querySelector("#files").scrollIntoView()')
    before = spent()
    seen = b.driver.execute_async_script(SCROLL, FRAMES)
    cpu = (spent() - before) / FRAMES
    gaps = sorted(seen['gaps'])
    print(f'# 100,000 files, {FRAMES} frames from top to end: {cpu:.1f} ms of processor time a frame, half within {gaps[len(gaps) // 2]:.0f} ms, longest {gaps[-1]:.0f} ms; '
          f'{seen["rows"]} rows, {seen["all"]} elements', flush=True)
    tap.check('scrolling through costs a frame little', cpu < 16, cpu)
    tap.check('whatever the list holds, few rows are made', seen['rows'] < 80 and seen['all'] < 1500, seen)
    tap.check('the oldest stands at the end', wait_for(lambda: first_rows(b)[-1:] and 'nfcapd.202500000000' in first_rows(b)[-1], 20, 0.1), first_rows(b)[-3:])


def keyboard(b):
    b.js('document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex"); scrollTo(0, 0)')  # where Tab begins
    press(b, Keys.TAB)
    tap.check('the first Tab reaches the way past the menu', focused(b) == 'skip', focused(b))
    press(b, Keys.ENTER)
    tap.check('and Enter takes it', wait_for(lambda: focused(b) == 'way', 5), focused(b))
    for _ in range(4):
        press(b, Keys.TAB)
    tap.check('Tab goes on to the choices and the first chart', focused(b) == 'plot', focused(b))
    now = b.js('return document.activeElement.getAttribute("aria-valuetext")')
    press(b, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    then = b.js('return document.activeElement.getAttribute("aria-valuetext")')
    tap.check('arrows read a chart along time', now.startswith('now ') and re.match(r'\d\d:\d\d:\d\d: ', then), f'{now} / {then}')
    press(b, Keys.ESCAPE)
    tap.check('every stop can be seen', b.js('return getComputedStyle(document.activeElement).outlineStyle') == 'solid')
    b.js('document.querySelector("#file-window").focus()')
    press(b, Keys.HOME)
    top = wait_for(lambda: b.js('return document.querySelector("#file-window").scrollTop') == 0, 5)

    def page_down():
        """Chromium forgets the key when the way to the top is not quite over."""
        press(b, Keys.PAGE_DOWN)
        return wait_for(lambda: b.js('return document.querySelector("#file-window").scrollTop') > 100, 1)

    tap.check('the list scrolls by its keys', top and wait_for(page_down, 5), f'{top} {focused(b)}')
    b.js('document.querySelector("#file-text").focus()')
    press(b, '00077777')
    tap.check('typed into the filter: only what fits', wait_for(lambda: len(first_rows(b)) == 1 and 'nfcapd.202500077777' in first_rows(b)[0], 20, 0.1), first_rows(b)[:3])
    b.js('document.querySelector("#file-text").select()')
    press(b, Keys.DELETE)
    tap.check('emptied: all are back', wait_for(lambda: len(first_rows(b)) > 3, 10, 0.1), first_rows(b)[:3])


def accessible(b):
    with open(os.path.join(os.path.dirname(axe_selenium_python.__file__), 'node_modules', 'axe-core', 'axe.min.js'), encoding='utf-8') as f:
        axe = f.read()
    for name, shape in (('light', (1280, 900)), ('a phone, dark', (*PHONE, True))):
        b.shape(*shape, still=True)
        time.sleep(0.3)
        if not b.js('return typeof axe === "object"'):
            b.driver.execute_script(axe)
        found = b.driver.execute_async_script('axe.run(document, {resultTypes: ["violations"]}).then(r => arguments[0](r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target + " " + n.failureSummary).join(" | "))))')
        tap.check(f'axe-core finds nothing: {name}', found == [], '\n'.join(found))
        wide = b.js('return [document.documentElement.scrollWidth, innerWidth]')
        tap.check(f'nothing sticks out: {name}', wide[0] <= wide[1], wide)
        picture(b, name.replace(', ', '-').replace(' ', '-'))
    light, dark = ground(b, False), ground(b, True)
    tap.check('dark is dark and light is light', max(dark) < 64 and min(light) > 192, f'{light} {dark}')
    b.shape(1280, 900)


def ground(b, dark):
    b.shape(1280, 900, dark)
    return [int(n) for n in re.findall(r'\d+', b.js('return getComputedStyle(document.body).backgroundColor'))[:3]]


def away(s, b, disk):
    if not disk.mounted:
        tap.skip('a full disk is seen on the page', 'cannot mount a tmpfs here')
        return
    fill(disk.place, 0)
    s.make('nfcapd.202601141000', 5000)
    s.drop('nfcapd.202601141000')
    seen = wait_for(lambda: b.text('#state-text') == 'Not ready' and 'o space left' in b.text('#trouble'), 20, 0.1)
    tap.check('the lake takes nothing: not ready, and why', seen, b.text('#trouble') or b.text('#state-text'))
    tap.check('it is read out', b.js('return [document.querySelector("#trouble").getAttribute("role"), document.querySelector("#state").getAttribute("role")]') == ['alert', 'status'])
    tap.check('the process says what it waits for', wait_for(lambda: 'o space left' in b.text('#process-list'), 5, 0.1), b.text('#process-list'))
    picture(b, 'away')
    os.remove(os.path.join(disk.place, 'ballast'))
    disk.grow(512)
    tap.check('room again: ready, and the trouble is gone', wait_for(lambda: b.text('#state-text') == 'Ready' and b.text('#trouble') == '', 40, 0.2), b.text('#trouble'))


def main():
    reason = why_not()
    if reason:
        tap.skip('the page in a browser', reason)
        tap.done()
    with tempfile.TemporaryDirectory(prefix='sluice-page-') as place, Tmpfs(os.path.join(place, 'disk'), 16) as disk:
        s = Spool(place, lake=os.path.join(disk.place, 'lake'), state=os.path.join(place, 'state'), ops='{ listen: 0 }', instance='edge1',
                  commit='{ max_age: 100ms }', collect='{ settle: 0, rescan: 1s }', stop_timeout='10s')
        subprocess.run([os.path.join(os.path.dirname(s.sluice), 'tests', 'ledger_fill'), os.path.join(place, 'state', 'ledger'), str(FILES)], check=True)
        run = s.start('run')
        try:
            e = web.Endpoint(s)
            with Browser() as b:
                b.driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': EARLY})
                b.open(e.url)
                live(s, b)
                rejects(s, b)
                many(b)
                keyboard(b)
                accessible(b)
                away(s, b, disk)
                stop(run)
                tap.check('nobody answers: the page says so', wait_for(lambda: b.text('#state-text').startswith('No connection since'), 20, 0.1), b.text('#state-text'))
                bad = [m for m in b.complaints() if 'ERR_CONNECTION' not in m and '/api/' not in m]
                tap.check('no script failed, and the policy stopped nothing', bad == [], '\n'.join(bad))
        finally:
            stop(run)
    tap.done()


if __name__ == '__main__':
    main()
