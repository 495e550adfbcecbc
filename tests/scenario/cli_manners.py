#!/usr/bin/env python3
"""Help, versions, typing errors, colours: what the program is like to somebody who types."""
import os
import pty
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')]
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')
COMMANDS = ['run', 'collect', 'work', 'load', 'dissect', 'status', 'check', 'schema', 'config', 'version', 'help']


def sluice(*words, **kw):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=30, check=False, **kw)


def on_terminal(words, **env):
    """What a command prints when standard output is a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(SLUICE, [SLUICE, *words], {'TERM': 'xterm', 'PATH': os.environ['PATH'], **env})
    out = b''
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.waitpid(pid, 0)
    os.close(fd)
    return out


def main():
    bare, helped = sluice(), sluice('help')
    tap.check('no command: usage on standard error, exit 2', bare.returncode == 2 and 'usage:' in bare.stderr and bare.stdout == '', bare)
    tap.check('help: usage on standard output, exit 0', helped.returncode == 0 and 'usage:' in helped.stdout and helped.stderr == '', helped)
    tap.check('help names every command', all(f'  {c} ' in helped.stdout for c in COMMANDS), helped.stdout)
    tap.check('--help is help', sluice('--help').stdout == helped.stdout)
    version = sluice('version')
    tap.check('version', version.returncode == 0 and version.stdout.startswith('sluice 0.'), version.stdout)
    tap.check('--version is version', sluice('--version').stdout == version.stdout)
    for command in COMMANDS:
        a, b = sluice(command, '--help'), sluice('help', command)
        good = a.returncode == 0 and a.stdout.startswith(f'usage: sluice {command}') and '--help' in a.stdout and a.stdout == b.stdout
        tap.check(f'{command} --help', good, a)
        tap.check(f'{command} --help shows no option of the program\'s own', 'config-fd' not in a.stdout, a.stdout)
        wrong = sluice(command, '--no-such-option')
        tap.check(f'{command} refuses an unknown option with exit 2', wrong.returncode == 2 and '--no-such-option' in wrong.stderr, wrong)
    for typed, meant in (('colect', 'collect'), ('stats', 'status'), ('disect', 'dissect'), ('laod', 'load')):
        r = sluice(typed)
        tap.check(f'{typed}: did you mean {meant}', r.returncode == 2 and f'did you mean "{meant}"' in r.stderr, r.stderr)
    tap.check('nothing is near "xyzzy"', 'did you mean' not in sluice('xyzzy').stderr)
    r = sluice('status', '--jsno')
    tap.check('--jsno: did you mean --json', r.returncode == 2 and 'did you mean --json' in r.stderr, r.stderr)
    r = sluice('status', '-c')
    tap.check('an option without its value', r.returncode == 2 and 'wants a value' in r.stderr, r.stderr)
    r = sluice('check', 'surplus')
    tap.check('a word where none belongs', r.returncode == 2 and 'surplus' in r.stderr, r.stderr)
    tap.check('colours on a terminal', b'\x1b[' in on_terminal(['help']))
    tap.check('no colours with NO_COLOR', b'\x1b[' not in on_terminal(['help'], NO_COLOR='1'))
    tap.check('no colours on TERM=dumb', b'\x1b[' not in on_terminal(['help'], TERM='dumb'))
    tap.check('no colours in a pipe', '\x1b[' not in helped.stdout)
    with open('/dev/full', 'w', encoding='ascii') as full:
        r = subprocess.run([SLUICE, 'config'], stdout=full, stderr=subprocess.PIPE, timeout=30, check=False)
    tap.check('a full disk behind standard output is a failure', r.returncode == 1 and b'write failed' in r.stderr, r)
    flow = sluice('schema', 'flow')
    tap.check('schema flow', flow.returncode == 0 and flow.stdout.splitlines()[1].split()[:2] == ['treceived', 'STRING'], flow)
    ddl = sluice('schema', '--ddl', 'hive', 'flow')
    tap.check('schema --ddl hive', 'CREATE EXTERNAL TABLE' in ddl.stdout and 'PARTITIONED BY' in ddl.stdout, ddl)
    tap.check('schema --avro has no attributes of ours', '"from"' not in sluice('schema', '--avro', 'flow').stdout)
    tap.check('schema --source has them', '"from"' in sluice('schema', '--source', 'flow').stdout)
    tap.check('schema --parquet', 'message' in sluice('schema', '--parquet', 'flow').stdout)
    tap.check('schema --fields lists the catalogue', 'src_addr' in sluice('schema', '--fields', 'nfcapd').stdout)
    r = sluice('schema', 'flwo')
    tap.check('schema of an unknown dataset', r.returncode == 2 and 'did you mean "flow"' in r.stderr, r)
    tap.done()


if __name__ == '__main__':
    main()
