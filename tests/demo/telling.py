"""How the demos talk to the person who watches."""
import json
import os
import subprocess
import sys
import time

BOLD, DIM, OFF = ('\033[1m', '\033[2m', '\033[0m') if sys.stdout.isatty() and 'NO_COLOR' not in os.environ else ('', '', '')


def say(text):
    print(f'\n{BOLD}{text}{OFF}', flush=True)


def show(command):
    print(f'{DIM}$ {command}{OFF}', flush=True)


def status(sluice, config):
    done = subprocess.run([sluice, 'status', '-c', config, '--json'], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None


def totals(state):
    """Files taken, and files that came to an end, over all pipelines."""
    lines = state['pipelines']
    return sum(p['originals'] for p in lines), sum(p['committed'] for p in lines), sum(p['refused'] + p['doubled'] for p in lines)


def progress(sluice, config, began, workers=()):
    """workers: configurations of daemons with a state folder of their own, where the rows they have committed are counted."""
    state = status(sluice, config)
    if state:
        taken, committed, _ = totals(state)
        rows = sum(s['figures']['rows_committed'] for s in [state] + [status(sluice, w) for w in workers] if s)
        print(f'  {time.time() - began:4.0f} s  files: {taken:>3} taken, {committed:>3} queryable   rows: {rows:>9,}', flush=True)


def wait_committed(sluice, config, files, began, log, workers=()):
    """Until that many files came to an end."""
    for _ in range(240):
        state = status(sluice, config)
        if state:
            _, committed, other = totals(state)
            if committed + other >= files:
                progress(sluice, config, began, workers)
                return
        time.sleep(0.5)
    sys.exit(f'demo: not all files were committed within two minutes; see {log}')


def wait_registered(sluice, workers, log):
    """Until nothing that these workers have committed waits for the catalog: rows are safe before that, but nobody finds them through the metastore."""
    for _ in range(240):
        time.sleep(0.5)
        states = [status(sluice, config) for config in workers]
        if all(state and state['catalog']['waiting'] == 0 for state in states):
            return
    sys.exit(f'demo: the metastore was not told of all partitions within two minutes; see {log}')


def compare(given, stored):
    """One line for each dataset; ends the demo when a row is lost or twice there."""
    for name, sent in sorted(given.items()):
        print(f'{name:<5}  {sent:>9,} given, {stored[name]:>9,} rows in the table: {"none lost, none twice" if stored[name] == sent else "NOT EQUAL"}')
    if stored != given:
        sys.exit(1)
