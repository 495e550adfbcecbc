"""Writes the shipped schemas as one C source, so that the program needs no file beside it."""
import pathlib
import sys

out, *files = sys.argv[1:]
lines = ['/* Made from the shipped .avsc files. */', '#include "app/schemas.h"', '']
rows = []
for number, name in enumerate(sorted(files)):
    data = pathlib.Path(name).read_bytes()
    lines.append(f'static const char text{number}[] = {{')
    for i in range(0, len(data), 20):
        lines.append('\t' + ' '.join(f'{b},' for b in data[i:i + 20]))
    lines.append('\t0};')
    rows.append(f'\t{{"{pathlib.Path(name).stem}", text{number}, {len(data)}}},')
lines += ['', 'const struct shipped_schema shipped_schema[] = {', *rows, '};',
          f'const size_t shipped_schemas = {len(rows)};', '']
pathlib.Path(out).write_text('\n'.join(lines))
