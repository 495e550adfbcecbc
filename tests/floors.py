#!/usr/bin/env python3
"""Floors: a folder of src/ includes only folders on lower floors, as the table of doc/floors.md says. Exit status 1 names each line that does not."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')


def main():
    with open(os.path.join(ROOT, 'doc', 'floors.md'), encoding='utf-8') as f:
        floor = {folder: int(n) for n, folder in re.findall(r'^\|\s*(\d+)\s*\|\s*(\w+)\s*\|', f.read(), re.M)}
    folders = {d.name for d in os.scandir(os.path.join(ROOT, 'src')) if d.is_dir()}
    wrong = [f'doc/floors.md: no line for src/{d}' for d in sorted(folders - floor.keys())]
    wrong += [f'doc/floors.md: src/{d} is not there' for d in sorted(floor.keys() - folders)]
    for place, _, names in os.walk(os.path.join(ROOT, 'src')):
        own = os.path.relpath(place, os.path.join(ROOT, 'src')).split(os.sep)[0]
        for name in (n for n in names if n.endswith(('.c', '.h')) and own in floor):
            path = os.path.relpath(os.path.join(place, name), ROOT)
            with open(os.path.join(place, name), encoding='utf-8') as f:
                for number, line in enumerate(f, 1):
                    include = re.match(r'\s*#\s*include\s*"([^"]*)"', line)
                    other = include and include[1].split('/')[0]
                    if include and '/' not in include[1]:
                        wrong.append(f'{path}:{number}: "{include[1]}" does not name its folder')
                    elif include and other != own and floor.get(other, 99) >= floor[own]:
                        wrong.append(f'{path}:{number}: {own} must not include {other}')
    print('\n'.join(wrong) if wrong else f'{len(folders)} folders')
    return 1 if wrong else 0


sys.exit(main())
