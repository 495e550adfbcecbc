#!/usr/bin/env python3
"""What is installed: by meson install, and as a Debian package: built, looked at by lintian, installed, run as its unit says, upgraded, removed, purged.

    package.py [--full]

The package is installed by dpkg into a copy of this machine's root, an overlay whose upper folder is in memory, with a systemd of its own as process 1 (tests/lib/booted.py). --full takes a root that
debootstrap makes, with what the package depends on and no more.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.abspath(os.environ.get('SLUICE_SOURCE', '.'))
sys.path[:0] = [os.path.join(SOURCE, 'tests'), os.path.join(SOURCE, 'tests', 'lib')]
import booted  # noqa: E402
import nfcapd  # noqa: E402
import tap  # noqa: E402
from spool import HOUR_MS, wait_for  # noqa: E402

UNIT = 'lib/systemd/system/sluice.service'
DEB = 'root/sluice.deb'  # in the root that the test makes
# systemd-analyze security: 0 is best, 10 worst. doc/packaging.md says it, and it may not get worse.
EXPOSURE = 1.5
MAINTAINED = ('usr/bin/sluice', 'usr/share/sluice/spark/rows_worker.py', 'usr/share/sluice/spark/sluice_rows/manifest.py', 'usr/share/sluice/schema/flow.avsc',
              'usr/share/man/man1/sluice.1.gz', 'usr/share/man/man1/sluice-run.1.gz', 'usr/share/man/man5/sluice.yaml.5.gz', 'usr/share/man/man5/sluice-lake.5.gz',
              'usr/share/bash-completion/completions/sluice', 'usr/share/zsh/vendor-completions/_sluice', 'usr/share/fish/vendor_completions.d/sluice.fish', UNIT,
              'lib/systemd/system/sluice@.service', 'lib/systemd/system/sluice-collect.service', 'lib/systemd/system/sluice-work.service', 'usr/share/doc/sluice/five-minutes.md', 'usr/lib/sysusers.d/sluice.conf', 'usr/lib/tmpfiles.d/sluice.conf', 'usr/share/doc/sluice/examples/one-machine.yaml',
              'usr/share/doc/sluice/examples/schemas/logins.avsc', 'usr/share/doc/sluice/packaging.md', 'usr/share/doc/sluice/formats/manifest.md', 'usr/share/doc/sluice/copyright')


def run(*words, timeout=300, **kw):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, **kw)


def files(root):
    """All below root, without folders; a link counts as a file."""
    return {os.path.relpath(os.path.join(at, name), root) for at, folders, names in os.walk(root) for name in names + [d for d in folders if os.path.islink(os.path.join(at, d))]}


def links(path):
    """To other pages."""
    with open(path, encoding='utf-8') as f:
        return [link for link in re.findall(r'\]\(([^)#\s]+\.md)(?:#[^)]*)?\)', f.read()) if '://' not in link]


def meson_install(place):
    build = os.path.join(SOURCE, 'build')
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        tap.skip('meson install', 'build is not there')
        return
    r = run('meson', 'install', '-C', build, '--no-rebuild', '--destdir', place)
    tap.check('meson install', r.returncode == 0, r.stdout[-3000:])
    prefix = json.loads(run('meson', 'introspect', build, '--buildoptions').stdout)
    prefix = next(o['value'] for o in prefix if o['name'] == 'prefix')
    top, found = os.path.join(place, prefix.lstrip('/')), files(place)
    tap.check('everything lies under DESTDIR and the prefix', found and all(f.startswith(prefix.lstrip('/') + '/') for f in found), [f for f in found if not f.startswith(prefix.lstrip('/'))])
    tap.check('nothing of a build or a cache is installed', not [f for f in found if '__pycache__' in f or f.endswith(('.pyc', '.jar', '.o'))])
    with open(f'{top}/lib/systemd/system/sluice.service', encoding='utf-8') as f:
        tap.check('the unit starts the program that was installed', f'ExecStart={prefix}/bin/sluice run' in f.read())
    listed = run(f'{top}/bin/sluice', 'help', '--list').stdout.split()
    tap.check('it runs from there, and each command has its page', listed and all(os.path.exists(f'{top}/share/man/man1/sluice-{c}.1') for c in listed), listed)
    pages = {os.path.relpath(p, f'{top}/share/doc/sluice') for p in glob.glob(f'{top}/share/doc/sluice/**/*.md', recursive=True)}
    broken = [f'{page}: {link}' for page in pages for link in links(f'{top}/share/doc/sluice/{page}') if os.path.normpath(os.path.join(os.path.dirname(page), link)) not in pages]
    tap.check('the pages and the five minutes are there, and every link to a page leads to one', {'README.md', 'five-minutes.md', 'formats/lake.md'} <= pages and not broken, broken)
    folder = f'{top}/share/doc/sluice/examples'
    for name in sorted(n for n in os.listdir(folder) if n.endswith('.yaml')):
        r = run(f'{top}/bin/sluice', 'config', '-c', os.path.join(folder, name))
        tap.check(f'it takes the example {name}', r.returncode == 0, r.stdout)


def units(machine):
    """What systemd says of the units, as they are installed."""
    for name in ('sluice.service', 'sluice@one.service', 'sluice-collect.service', 'sluice-work.service'):
        r = machine.run('systemd-analyze', 'verify', '--man=no', name)
        said = [line for line in r.stdout.splitlines() if 'sluice' in line]
        tap.check(f'systemd-analyze verify {name}', r.returncode == 0 and not said, r.stdout)
        r = machine.run('systemd-analyze', 'security', '--no-pager', name)
        level = re.search(r'Overall exposure level for \S+: ([\d.]+)', r.stdout)
        tap.check(f'{name}: exposure {level[1] if level else "?"}, at most {EXPOSURE}', level and float(level[1]) <= EXPOSURE, r.stdout[-2500:])


def build():
    r = subprocess.run([os.path.join(SOURCE, 'tools', 'deb.sh')], capture_output=True, text=True, timeout=900, check=False)
    tap.check('dpkg-buildpackage builds a package', r.returncode == 0 and r.stdout.strip().endswith('.deb'), r.stderr[-4000:])
    return r.stdout.strip() if r.returncode == 0 else None


def look(deb):
    if shutil.which('lintian') is None:
        tap.skip('lintian', 'it is not installed')
    else:
        r = run('lintian', '--no-cfg', '--allow-root', '--fail-on', 'error,warning,info', '--display-info', deb)
        tap.check('lintian has nothing to say', r.returncode == 0 and not r.stdout.strip(), r.stdout)
    names = set(re.findall(r'\./(\S+)', run('dpkg-deb', '-c', deb).stdout))
    missing = [n for n in MAINTAINED if n not in names and n + '.gz' not in names]
    tap.check(f'{len(names)} files, in their places', not missing, missing)
    with open(os.path.join(SOURCE, 'meson.build'), encoding='utf-8') as f:
        version = re.search(r"version: '([^']+)'", f.read())[1]
    tap.check('its version is that of the program', run('dpkg-deb', '-f', deb, 'Version').stdout.strip() == version)


class Root:
    """A folder to be root in: this machine's own, with what is written kept apart, in memory."""

    def __init__(self, place, deb):
        self.place, self.deb, self.path, self.mounted = place, deb, os.path.join(place, 'root'), []

    def __enter__(self):
        try:
            self.make()
            shutil.copy(self.deb, self.at(DEB))
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        layers = os.path.join(self.place, 'layers')
        os.makedirs(layers)
        self.mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', layers)
        for name in ('upper', 'work'):
            os.mkdir(os.path.join(layers, name))
        os.mkdir(self.path)
        self.mount('-t', 'overlay', '-o', f'lowerdir=/,upperdir={layers}/upper,workdir={layers}/work', 'overlay', self.path)
        # Services of this machine are not to start there too.
        for folder in os.listdir(self.at('etc/systemd/system')):
            if folder.endswith('.wants'):
                shutil.rmtree(self.at(f'etc/systemd/system/{folder}'))
        for name in ('etc/fstab', 'usr/sbin/policy-rc.d'):
            if os.path.exists(self.at(name)):
                os.remove(self.at(name))

    def mount(self, *words):
        subprocess.run(['mount', *words], check=True, capture_output=True, text=True)
        self.mounted.append(words[-1])

    def __exit__(self, *what):
        for path in reversed(self.mounted):
            subprocess.run(['umount', '-l', path], check=False)

    def at(self, path):
        return os.path.join(self.path, path.lstrip('/'))

    installs = ('dpkg', '-i', f'/{DEB}')


class Made(Root):
    """One that debootstrap makes, with what the package depends on and no more."""

    def make(self):
        folder = '/etc/apt/sources.list.d'
        lists = [p for p in ['/etc/apt/sources.list', *(os.path.join(folder, n) for n in sorted(os.listdir(folder)))] if os.path.isfile(p)]
        mirror = re.search(r'(http\S+/debian)/?\s', ''.join(open(p, encoding='utf-8').read() for p in lists if p.endswith(('.list', '.sources'))))[1]
        os.mkdir(self.path)
        made = run('debootstrap', '--variant=minbase', '--include=systemd,systemd-sysv,dbus', 'bookworm', self.path, mirror, timeout=900)
        if made.returncode != 0:
            raise RuntimeError(made.stdout[-2000:])
        shutil.copy('/etc/resolv.conf', self.at('etc/resolv.conf'))
        shutil.copytree('/etc/apt/apt.conf.d', self.at('etc/apt/apt.conf.d'), dirs_exist_ok=True)
        # The machine has no network: what the package depends on comes before.
        wants = [re.split(r'[ (|]', d.strip())[0] for d in run('dpkg-deb', '-f', self.deb, 'Depends').stdout.split(',')]
        fetched = run('chroot', self.path, 'apt-get', 'install', '-y', '-q', '--no-install-recommends', *wants, timeout=600, env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
        if fetched.returncode != 0:
            raise RuntimeError(fetched.stdout[-2000:])


def status(machine):
    r = machine.run('runuser', '-u', 'sluice', '--', 'sluice', 'status', '--json', stderr=subprocess.DEVNULL)
    return json.loads(r.stdout) if r.stdout.startswith('{') else {}


def committed(machine, originals):
    return wait_for(lambda: sum(p['committed'] for p in status(machine).get('pipelines', [])) == originals, 60, 0.3)


def shown(machine, unit='sluice'):
    r = machine.run('systemctl', 'show', unit, '-p', 'ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStatus,ConditionResult')
    return dict(line.split('=', 1) for line in r.stdout.splitlines())


def journal(machine, unit='sluice'):
    return machine.run('journalctl', '-u', unit, '--no-pager', '-o', 'cat').stdout[-6000:]


def drop(folder, name, rows):
    with open(os.path.join(folder, name + '~'), 'wb') as f:
        f.write(nfcapd.file_v2([nfcapd.flow(HOUR_MS + i, bytes=i + 1) for i in range(rows)]))
    os.rename(os.path.join(folder, name + '~'), os.path.join(folder, name))


def kept_out(root, machine):
    """That the restrictions are there at all: what the unit forbids is refused to a command in its place."""
    tries = {'write below /usr': 'touch /usr/share/sluice/x', 'write into a spool that no drop-in names': 'touch /var/spool/x', 'read /root': f'ls /{DEB}',
             'make a namespace': 'unshare -U true', 'become root': 'setpriv --reuid=0 true', 'open a packet socket': 'perl -MSocket -e "socket(S,17,3,0) or exit 1"',
             'change an owner': 'touch mine && chown sluice mine'}
    with open(root.at(UNIT), encoding='utf-8') as f:
        text = f.read()
    text = re.sub(r'^(Condition|WatchdogSec|Restart|ExecReload).*\n', '', text, flags=re.M).replace('Type=notify', 'Type=oneshot')
    for what, words in {'run at all': 'touch mine && rm mine', **tries}.items():
        with open(root.at('etc/systemd/system/try.service'), 'w', encoding='utf-8') as f:
            f.write(re.sub(r'^ExecStart=.*', lambda _: f"ExecStart=/bin/sh -c '{words}'", text, flags=re.M))
        machine.run('systemctl', 'daemon-reload')
        r = machine.run('systemctl', 'start', 'try')
        if what == 'run at all':
            tap.check('a command runs under the restrictions of the unit', r.returncode == 0, machine.run('journalctl', '-u', 'try', '-o', 'cat', '--no-pager').stdout)
        else:
            tap.check(f'and may not {what}', r.returncode != 0 and shown(machine, 'try')['Result'] == 'exit-code', shown(machine, 'try'))
    os.remove(root.at('etc/systemd/system/try.service'))
    machine.run('rm', '-f', '/var/lib/sluice/mine')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'reset-failed')


def configure(root, machine):
    """The example of one machine; its second pipeline deletes what it has taken."""
    with open(root.at('usr/share/doc/sluice/examples/one-machine.yaml'), encoding='utf-8') as f:
        text = f.read().replace('max_age: 10s', 'max_age: 1s')
    with open(root.at('etc/sluice/sluice.yaml'), 'w', encoding='utf-8') as f:
        f.write(text + ('' if '\nconfine' in text else 'confine: on\n'))
    spools = [root.at(f'var/spool/nfcapd/{n}') for n in ('campus', 'datacentre')]
    for path in spools:
        os.makedirs(path)
    machine.run('chown', '-R', 'sluice:', '/var/spool/nfcapd')
    os.makedirs(root.at('etc/systemd/system/sluice.service.d'))
    with open(root.at('etc/systemd/system/sluice.service.d/spool.conf'), 'w', encoding='ascii') as f:
        f.write('[Service]\nReadWritePaths=/var/spool/nfcapd\n')
    machine.run('systemctl', 'daemon-reload')
    return spools


def serve(machine, spools):
    for i, path in enumerate(spools):
        drop(path, f'nfcapd.20260114090{i}', 500)
        drop(path, f'nfcapd.20260114091{i}', 40_000)
    r = machine.run('systemctl', 'start', 'sluice')
    tap.check('it starts, and says that it is ready', r.returncode == 0 and shown(machine)['SubState'] == 'running', f'{r.stdout}{journal(machine)}')
    tap.check('the rows of all files are committed', committed(machine, 4), f'{status(machine)}\n{journal(machine)}')
    now = status(machine)
    tap.check('as many as there were', now['figures']['rows_committed'] == 81_000, now['figures'])
    tap.check('dissectors are confined', now['confinement']['on'] and now['confinement']['started'] > 0 and now['confinement']['stopped'] == 0, now['confinement'])
    tap.check('files are deleted where the configuration says so', wait_for(lambda: not os.listdir(spools[1]), 30, 0.1) and len(os.listdir(spools[0])) == 2, [os.listdir(s) for s in spools])
    r = machine.run('bash', '-c', r'exec 3<>/dev/tcp/127.0.0.1/9470; printf "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3; cat <&3')
    tap.check('the ops endpoint answers', ' 200 ' in r.stdout.split('\n')[0], r.stdout[:500])
    before = shown(machine)['MainPID']
    machine.run('kill', '-9', before)
    again = wait_for(lambda: shown(machine)['NRestarts'] == '1' and shown(machine)['SubState'] == 'running', 30, 0.2)
    tap.check('killed, it is started again', again and shown(machine)['MainPID'] != before, shown(machine))


def processes(machine):
    """{name: pid} of the service."""
    return {p['name']: p['pid'] for p in status(machine).get('processes', []) if p['alive']}


def upgrade(root, machine, spools):
    """Installed over itself: the program is another file, so that the running one is replaced, without a stop."""
    with open(root.at('etc/sluice/two.yaml'), 'w', encoding='ascii') as f:
        f.write('instance: two\nlake: /var/lib/sluice/two\npipelines:\n  flow: { watch: /var/spool/nfcapd/campus, dissector: nfcapd }\n')
    r = machine.run('systemctl', 'start', 'sluice@two')
    two = shown(machine, 'sluice@two')
    tap.check('an instance of the template runs', r.returncode == 0 and two['SubState'] == 'running', f'{r.stdout}{two}')
    before, children = shown(machine), processes(machine)
    r = machine.run(*root.installs)
    tap.check('it is installed over itself', r.returncode == 0, r.stdout[-3000:])
    replaced = wait_for(lambda: all(processes(machine).get(n, pid) != pid for n, pid in children.items() if n in ('collector', 'worker')), 60, 0.3)
    tap.check('and the running one is replaced, process by process', replaced and shown(machine)['MainPID'] == before['MainPID'] and shown(machine)['NRestarts'] == before['NRestarts'],
              f'{children} {processes(machine)} {before} {shown(machine)}\n{journal(machine)}')
    told = wait_for(lambda: 'every process runs with the new configuration' in journal(machine, 'sluice@two'), 60, 0.3)
    tap.check('and so is the instance', told and shown(machine, 'sluice@two')['MainPID'] == two['MainPID'], journal(machine, 'sluice@two'))
    drop(spools[0], 'nfcapd.202601140930', 77)
    tap.check('and goes on', committed(machine, 5), f'{status(machine)}\n{journal(machine)}')
    r = machine.run('systemctl', 'stop', 'sluice')
    tap.check('it stops, with 0', r.returncode == 0 and shown(machine)['Result'] == 'success' and shown(machine)['ExecMainStatus'] == '0', f'{shown(machine)}\n{journal(machine)}')
    tap.check('nothing was refused by the restrictions', not re.search('not permitted|denied|read-only', journal(machine), re.I), journal(machine))


def halves(root, machine, spools):
    """The collector and the worker as daemons of their own, as on the hosts of a cluster."""
    names = ('sluice-collect', 'sluice-work')
    off = [machine.run('systemctl', 'is-enabled', n).stdout.strip() for n in names]
    tap.check('units of the two halves are there, and off', off == ['disabled', 'disabled'] and all(shown(machine, n)['ActiveState'] == 'inactive' for n in names), off)
    machine.run('systemctl', 'disable', 'sluice')
    r = machine.run('systemctl', 'start', *names)
    tap.check('they start', r.returncode == 0 and all(shown(machine, n)['SubState'] == 'running' for n in names), f'{r.stdout}{[shown(machine, n) for n in names]}')
    drop(spools[0], 'nfcapd.202601140940', 55)
    tap.check('and take files to the lake', committed(machine, 6), f'{status(machine)}\n{[journal(machine, n) for n in names]}')
    before = [shown(machine, n)['MainPID'] for n in names]
    r = machine.run(*root.installs)
    tap.check('an upgrade starts them anew', r.returncode == 0 and wait_for(lambda: all(shown(machine, n)['SubState'] == 'running' and shown(machine, n)['MainPID'] != b for n, b in zip(names, before)), 30, 0.3)
              and shown(machine)['ActiveState'] == 'inactive', f'{r.stdout[-2000:]}{[shown(machine, n) for n in ("sluice", *names)]}')
    r = machine.run('systemctl', 'stop', 'sluice-collect')
    now = shown(machine, 'sluice-collect')
    tap.check('one stops, with 0', r.returncode == 0 and now['Result'] == 'success' and now['ExecMainStatus'] == '0', now)


def wrong(root, machine):
    """A configuration that is wrong."""
    with open(root.at('etc/sluice/sluice.yaml'), 'w', encoding='ascii') as f:
        f.write('lkae: /x\n')
    r = machine.run('systemctl', 'start', 'sluice')
    time.sleep(1)
    now = shown(machine)
    tap.check('a configuration that is wrong ends it, once', r.returncode != 0 and now['ActiveState'] == 'failed' and now['ExecMainStatus'] == '2' and now['NRestarts'] in '012', now)
    for name in ('sluice.yaml', 'two.yaml'):
        os.remove(root.at(f'etc/sluice/{name}'))


def life(root, machine):
    """Installed, run, upgraded, removed, purged."""
    r = machine.run(*root.installs)
    tap.check('it is installed', r.returncode == 0, r.stdout[-3000:])
    said = machine.run('getent', 'passwd', 'sluice').stdout
    tap.check('its user is there, without a shell', 'nologin' in said, said)
    for path, wanted in (('/var/lib/sluice', 'sluice:sluice 750'), ('/etc/sluice', 'root:sluice 750')):
        got = machine.run('stat', '-c', '%U:%G %a', path).stdout.strip()
        tap.check(f'{path} is nobody else\'s', got == wanted, got)
    now, enabled = shown(machine), machine.run('systemctl', 'is-enabled', 'sluice').stdout.strip()
    tap.check('its unit is enabled, and waits for a configuration', enabled == 'enabled' and now['ActiveState'] == 'inactive' and now['ConditionResult'] == 'no', f'{enabled} {now}')
    units(machine)
    kept_out(root, machine)
    spools = configure(root, machine)
    serve(machine, spools)
    upgrade(root, machine, spools)
    halves(root, machine, spools)
    wrong(root, machine)
    r = machine.run('dpkg', '-r', 'sluice')
    left = [p for p in MAINTAINED if os.path.lexists(root.at(p))]
    tap.check('removed: stopped, and nothing of it is left', r.returncode == 0 and not left and 'sluice' not in machine.run('ps', '-eo', 'comm').stdout,
              f'{r.stdout[-2000:]}{left}{machine.run("ps", "-ef").stdout}')
    tap.check('and the lake is', os.path.isdir(root.at('var/lib/sluice/lake/flow/hive')))
    shutil.rmtree(root.at('etc/systemd/system/sluice.service.d'))
    r = machine.run('dpkg', '-P', 'sluice')
    tap.check('purged: the lake is there still', r.returncode == 0 and os.path.isdir(root.at('var/lib/sluice/lake')) and not os.path.exists(root.at('etc/sluice')), r.stdout[-2000:])
    shutil.rmtree(root.at('var/lib/sluice'))
    r = machine.run('find', '/etc', '/usr', '/lib', '/var/lib', '-name', '*sluice*', '-newer', f'/{DEB}', '-not', '-path', '/usr/local/*')
    tap.check('and nothing else that has its name', not r.stdout.strip(), r.stdout)


def main():
    full = '--full' in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='sluice-package-') as place:
        os.chmod(place, 0o755)
        meson_install(os.path.join(place, 'installed'))
        missing = [t for t in ('dpkg-buildpackage', 'dh', 'meson') if shutil.which(t) is None]
        deb = None if missing else build()
        if missing:
            tap.skip('the Debian package', f'{missing[0]} is not installed')
        if deb is not None:
            look(deb)
            reason = booted.why_not()
            if reason:
                tap.skip('the package as installed', reason)
            else:
                booted.own_mounts()
                with (Made if full else Root)(place, deb) as root, booted.Booted(root.path) as machine:
                    life(root, machine)
    tap.done()


if __name__ == '__main__':
    main()
