"""The tables of doc/faults.md, and of other pages that name a test, are what the tests ran: each test compares its own.

    matrix.check('Fault points, embedded bus and local lake', ['| `worker.put` | … |', …])

    matrix.check_cells('Fault points, …', ['worker.put', …], ['kill', 'hang'], {('worker.put', 'kill'): 'restarted', …})     a test that runs only some of a table's cells

SLUICE_MATRIX=write puts the rows into the page instead.
"""
import os

import tap

DOC = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'doc')


def _find(lines, heading):
    """Indexes of the first and behind the last row below the heading, without the table's head."""
    at = lines.index(f'## {heading}')
    first = next(i for i in range(at, len(lines)) if lines[i].startswith('| ---')) + 1
    last = next(i for i in range(first, len(lines) + 1) if i == len(lines) or not lines[i].startswith('|'))
    return first, last


def check(heading, rows, page='faults.md'):
    path = os.path.join(DOC, page)
    with open(path, encoding='utf-8') as f:
        lines = f.read().split('\n')
    first, last = _find(lines, heading)
    if os.environ.get('SLUICE_MATRIX') == 'write':
        lines[first:last] = rows
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines))
        first, last = _find(lines, heading)
    there = lines[first:last]
    tap.check(f'doc/{page}: the table "{heading}" is what was run', there == rows,
              '\n'.join([f'ran, not on the page: {r}' for r in rows if r not in there] + [f'on the page, not run: {r}' for r in there if r not in rows]))


def check_cells(heading, names, columns, cells):
    """names: of rows that there may be, in order, in the table's first column `as code`; columns: its others. What was not run stays as it is. A cell may
    say "this or that"."""
    path = os.path.join(DOC, 'faults.md')
    with open(path, encoding='utf-8') as f:
        lines = f.read().split('\n')
    first, last = _find(lines, heading)
    there = {}
    for line in lines[first:last]:
        name, *values = (v.strip() for v in line.strip('|').split('|'))
        there[name.strip('`')] = dict(zip(columns, values))
    if os.environ.get('SLUICE_MATRIX') == 'write':
        for (name, column), value in cells.items():
            there.setdefault(name, {})[column] = value
        lines[first:last] = [f'| `{n}` | ' + ' | '.join(there[n].get(c, '') for c in columns) + ' |' for n in names if n in there]
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines))
    wrong = [f'{name}, {column}: ran "{value}", the page says "{there.get(name, {}).get(column)}"' for (name, column), value in cells.items()
             if value not in there.get(name, {}).get(column, '').split(' or ')]
    wrong += [f'on the page, not a fault point: {name}' for name in there if name not in names]
    tap.check(f'doc/faults.md: the table "{heading}" says what was run', not wrong, '\n'.join(wrong))
