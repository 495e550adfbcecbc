#!/usr/bin/env python3
"""Manual pages and completions: everything in the tables is in them, tools that read them have no complaint, shells complete by them."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('SLUICE_SOURCE', '.')
sys.path[:0] = [os.path.join(SOURCE, 'tests')]
import tap  # noqa: E402

SLUICE = os.path.abspath(os.environ.get('SLUICE', 'build/sluice'))


def sluice(*words):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=30, check=False)


def run(*words, **kw):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **kw)


def commands():
    return sluice('help', '--list').stdout.split()


def options(command):
    """[(letter or '', name, value or '')] that --help shows."""
    text = sluice(command, '--help').stdout.partition('\nOptions\n')[2]
    return re.findall(r'^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?(?=  |$)', text, re.M)


def plain(page):
    """What a page's source says, without its fonts and escapes."""
    for a, b in ((r'\\f[BIPR]', ''), (r'\\&', ''), (r'\\-', '-'), (r'\\\(aq', "'"), (r'\\e', r'\\')):
        page = re.sub(a, b, page)
    return page


def pages(place):
    made = run(sys.executable, os.path.join(SOURCE, 'tools', 'manual.py'), SLUICE, os.path.join(SOURCE, 'doc'), place)
    tap.check('the pages are made', made.returncode == 0, made.stderr)
    return {os.path.basename(p): open(p, encoding='utf-8').read() for p in glob.glob(f'{place}/man?/*')}


def complete(found):
    listed = commands()
    overview = sluice('help').stdout
    tap.check('help lists what help --list does', len(listed) > 10 and all(f'\n  {c} ' in overview for c in listed), listed)
    tap.check('each command has its page', all(f'sluice-{c}.1' in found for c in listed), sorted(found))
    tap.check('sluice(1) names each', all(f'sluice-{c} (1)' in plain(found['sluice.1']) for c in listed))
    for c in listed:
        page, missing = plain(found[f'sluice-{c}.1']), []
        known = options(c)
        for letter, name, value in known:
            row = (f'-{letter}, ' if letter else '') + f'--{name}' + (f' {value}' if value else '')
            missing += [] if f'\n{row}\n' in page else [row]
        tap.check(f'sluice-{c}(1) has its {len(known)} options', known and not missing and 'config-fd' not in page, missing)
    keys = re.findall(r'^\| `([\w.]+)` \|', sluice('config', '--markdown').stdout, re.M)
    page = plain(found['sluice.yaml.5'])
    missing = [k for k in keys if not re.search(rf'^{re.escape(k)} \(', page, re.M)]
    tap.check(f'sluice.yaml(5) has the {len(keys)} keys', len(keys) > 50 and not missing, missing)
    tables = plain(found['sluice-tables.5'])
    for dataset in ('flow', 'dns', 'proxy'):
        columns = [row.split()[0] for row in sluice('schema', dataset).stdout.splitlines()[1:]]
        section = tables.partition(f'COLUMNS OF {dataset.upper()}')[2].partition('.SH')[0]
        tap.check(f'sluice-tables(5) has the {len(columns)} columns of {dataset}', all(f'\n{c} ' in section for c in columns), section[:500])
    tap.check('the page of a command has what doc/cli.md says of it', 'sealed copy' in found['sluice-run.1'] and '.SH NOTES' in found['sluice-run.1'])
    tap.check('a word that is no command has no page', sluice('help', '--man', 'rnu').returncode == 2)


def clean(place, found):
    paths = sorted(glob.glob(f'{place}/man?/*'))
    if shutil.which('mandoc'):
        said = run('mandoc', '-T', 'lint', '-W', 'style', *paths).stdout.splitlines()
        # Pages that only an installed system has.
        said = [line for line in said if 'referenced manual not found' not in line]
        tap.check(f'mandoc -T lint has no complaint about {len(paths)} pages', not said, '\n'.join(said[:40]))
    else:
        tap.skip('mandoc -T lint', 'mandoc is not installed')
    if shutil.which('man') is None or shutil.which('groff') is None:
        tap.skip('man --warnings', 'man-db or groff is not installed')
        return
    said = ''
    for path in paths:
        r = run('man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path, env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANROFFSEQ': '', 'MANWIDTH': '80'})
        said += r.stderr if r.returncode == 0 else f'{path}: exit status {r.returncode}\n{r.stderr}'
    tap.check('man --warnings has none', not said, said[:3000])
    shown = run('man', '-E', 'UTF-8', '-l', f'{place}/man1/sluice-audit.1', env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': '80', 'MAN_KEEP_FORMATTING': ''}).stdout
    tap.check('a page as people see it', re.search(r'^ +--grace TIME', shown, re.M) and 'audit - check the whole lake' in shown, shown[:1500])


class Bash:
    """Completes as bash would: its variables set, our function called, its answer read."""

    def __init__(self, place):
        self.place, self.script = place, os.path.join(place, 'sluice.bash')
        with open(self.script, 'w', encoding='utf-8') as f:
            f.write(sluice('help', '--completion', 'bash').stdout)

    def ask(self, *words):
        quoted = ' '.join("'" + w.replace("'", "'\\''") + "'" for w in words)
        text = (f'source {self.script}; complete -p sluice | grep -q _sluice || exit 9; COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _sluice; '
                '((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"; true')
        r = run('bash', '-u', '-c', text, cwd=self.place, env={**os.environ, 'PATH': f'{os.path.dirname(SLUICE)}:{os.environ["PATH"]}'})
        return r.stdout.splitlines() if r.returncode == 0 and not r.stderr else [f'exit {r.returncode}: {r.stderr}']


def bash(place):
    b = Bash(place)
    tap.check('bash: commands', b.ask('sluice', '') == commands(), b.ask('sluice', ''))
    tap.check('bash: a command that is begun', b.ask('sluice', 'st') == ['status'], b.ask('sluice', 'st'))
    for c in commands():
        wanted = [f'--{name}' for _, name, _ in options(c)]
        got = b.ask('sluice', c, '--')
        tap.check(f'bash: options of {c}', got == wanted, f'{got}\n{wanted}')
    tap.check('bash: choices', b.ask('sluice', 'audit', '--format', '') == ['text', 'json'], b.ask('sluice', 'audit', '--format', ''))
    tap.check('bash: choices after =', b.ask('sluice', 'audit', '--format', '=', 'j') == ['json'], b.ask('sluice', 'audit', '--format', '=', 'j'))
    tap.check('bash: choices right after =', b.ask('sluice', 'audit', '--format', '=') == ['text', 'json'])
    tap.check('bash: dissectors', b.ask('sluice', 'dissect', '-t', 'pc') == ['pcap-dns'])
    tap.check('bash: commands of help', b.ask('sluice', 'help', 'sch') == ['schema'])
    os.makedirs(f'{place}/a folder')
    open(f'{place}/a file', 'w', encoding='ascii').close()
    tap.check('bash: files, with blanks in their names', sorted(b.ask('sluice', 'dissect', 'a')) == ['a file', 'a folder'], b.ask('sluice', 'dissect', 'a'))
    tap.check('bash: folders where a folder is wanted', b.ask('sluice', 'audit', '--scratch', 'a') == ['a folder'])
    tap.check('bash: datasets, and files', b.ask('sluice', 'schema', 'fl') == ['flow'] and 'a file' in b.ask('sluice', 'schema', ''))
    with open(f'{place}/own.yaml', 'w', encoding='ascii') as f:
        f.write('lake: /l\npipelines:\n  campus: { watch: /w, dissector: nfcapd }\n  names: { watch: /v, dissector: pcap-dns }\n')
    tap.check('bash: pipelines of the configuration on the line', b.ask('sluice', 'load', '-c', 'own.yaml', '-p', '') == ['campus', 'names'], b.ask('sluice', 'load', '-c', 'own.yaml', '-p', ''))
    tap.check('bash: its datasets', b.ask('sluice', 'compact', '--config', '=', 'own.yaml', '-d', '') == ['dns', 'flow'], b.ask('sluice', 'compact', '--config', '=', 'own.yaml', '-d', ''))


def zsh(place):
    if shutil.which('zsh') is None:
        tap.skip('zsh', 'zsh is not installed')
        return
    path = os.path.join(place, '_sluice')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(sluice('help', '--completion', 'zsh').stdout)
    r = run('zsh', '-n', path)
    tap.check('zsh: the syntax is right', r.returncode == 0 and not r.stderr, r.stderr)
    r = run('zsh', '-f', '-c', f'fpath=({place} $fpath); autoload -Uz compinit; compinit -D -u; print -r -- $_comps[sluice]; autoload -Uz +X _sluice && print loaded', cwd=place)
    tap.check('zsh: compinit finds it', r.stdout.split() == ['_sluice', 'loaded'], r.stdout + r.stderr)


def fish(place):
    if shutil.which('fish') is None:
        tap.skip('fish', 'fish is not installed')
        return
    path = os.path.join(place, 'sluice.fish')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(sluice('help', '--completion', 'fish').stdout)

    def ask(line):
        env = {**os.environ, 'HOME': place, 'PATH': f'{os.path.dirname(SLUICE)}:{os.environ["PATH"]}'}
        return [row.split('\t')[0] for row in run('fish', '--no-config', '-c', f"source {path}; complete -C '{line}'", cwd=place, env=env).stdout.splitlines()]
    tap.check('fish: commands', sorted(ask('sluice ')) == sorted(commands()), ask('sluice '))
    for c in ('audit', 'dissect', 'schema'):
        got = [w for w in ask(f'sluice {c} --') if w.startswith('--')]
        tap.check(f'fish: options of {c}', sorted(got) == sorted(f'--{name}' for _, name, _ in options(c)), got)
    tap.check('fish: choices', ask('sluice audit --format ') == ['json', 'text'], ask('sluice audit --format '))
    tap.check('fish: pipelines', ask('sluice load -c own.yaml -p ') == ['campus', 'names'], ask('sluice load -c own.yaml -p '))


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-manuals-') as place:
        found = pages(place)
        complete(found)
        clean(place, found)
        bash(place)
        zsh(place)
        fish(place)
    tap.done()


if __name__ == '__main__':
    main()
