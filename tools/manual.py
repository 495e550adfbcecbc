#!/usr/bin/env python3
"""Writes every manual page: manual.py SLUICE DOC OUT [DEPFILE] makes OUT/man1 and OUT/man5 anew, and says in DEPFILE what they were made of.

Pages of commands and of the configuration are what SLUICE says of itself (`sluice help --man`), with what DOC/cli.md adds about a command. Pages of file
formats are pages of DOC, with the columns that `sluice schema` prints. So there is one source for each sentence.
"""
import os
import re
import shutil
import subprocess
import sys

LINE = 76
# page: what it is, the pages of DOC it is made of
FORMATS = {
    'sluice-lake': ('what lies where in a lake', ['formats/lake.md']),
    'sluice-manifest': ('commits, history, compactions and rejects of a lake', ['formats/manifest.md']),
    'sluice-tables': ('columns and Parquet files of the tables', ['formats/parquet.md', 'provenance.md']),
    'sluice-schema': ('the .avsc file that a table is made of', ['formats/schema.md']),
    'sluice-events': ('events on the bus', ['events.md', 'formats/event.md', 'formats/rows-event.md']),
    'sluice-state': ('ledger, embedded bus and figures of an instance', ['formats/ledger.md', 'formats/bus-embedded.md', 'figures.md']),
}
PAGE_OF = {os.path.basename(page): name for name, (_, pages) in FORMATS.items() for page in pages}
CELL = re.compile(r'(?<!\\)\|')
HEADING = re.compile(r'(#+) +(.*)')
ITEM = re.compile(r'( *)(-|\d+\.) +(.*)')
INLINE = re.compile(r'`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])|\[([^\]]*)\]\([^)]*\)')


def escape(text):
    special = {'\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti'}
    return ''.join(special.get(c, c if ord(c) < 128 else f'\\[u{ord(c):04X}]') for c in text)


def page_of(path):
    """A page of DOC that is a manual page too."""
    name = PAGE_OF.get(os.path.basename(path))
    return f'\\fB{escape(name)}\\fP(5)' if name else None


def inline(text):
    """Markdown within a paragraph."""
    out, at = [], 0
    for m in INLINE.finditer(text):
        code, strong, emphasis, link = m.groups()
        out.append(escape(text[at:m.start()]))
        if code is not None:
            out.append(page_of(code) or f'\\fB{escape(code)}\\fP')
        elif strong is not None:
            out.append(f'\\fB{escape(strong.replace("`", ""))}\\fP')
        elif emphasis is not None:
            out.append(f'\\fI{escape(emphasis)}\\fP')
        else:
            out.append(page_of(link) or inline(link))
        at = m.end()
    return ''.join(out) + escape(text[at:])


def flow(text):
    """Lines of a paragraph: short ones, a new one after each sentence."""
    lines, line = [], ''
    for word in inline(text).split():
        # Names are not to be hyphenated.
        word = '\\%' + word if re.search(r'\w[._/:=]\w|\\fB', word) else word
        # A path that no line has room for may be broken between its folders.
        word = word.replace('/', '/\\:') if len(word) > 40 else word
        if line and len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = ''
        line += (' ' if line else '') + word
        if re.search(r'[\w)\]"][.!?](\)|\\\(aq|\\fP)*$', word):
            lines.append(line)
            line = ''
    lines += [line] if line else []
    return ['\\&' + one if one[0] in ".'" else one for one in lines]


def cells(row):
    return [c.strip().replace('\\|', '|') for c in CELL.split(row.strip().strip('|'))]


def table(rows):
    """The first column names what the others say."""
    head, out = cells(rows[0]), []
    for row in rows[2:]:
        first, *rest = cells(row)
        out += ['.TP', inline(first) or '\\&']
        named = [(h, c) for h, c in zip(head[1:], rest) if c]
        text = [f'{h}: {c}' if h and len(named) > 1 else c for h, c in named]
        for i, one in enumerate(text):
            out += (['.br'] if i else []) + flow(one)
        if not text:
            out.append('\\&')
    return out + ['.PP']


class Page:
    def __init__(self):
        self.out, self.pending = [], []

    def put(self, *lines):
        self.out += lines

    def paragraph(self):
        if self.pending:
            self.put('.PP', *flow(' '.join(self.pending)))
            self.pending = []

    def example(self, lines):
        self.put('.PP', '.in +4n', '.EX', *('\\&' + escape(line) if line[:1] in ('.', "'") else escape(line) for line in lines), '.EE', '.in')

    def convert(self, text, section='SH'):
        """Blocks of Markdown. Headings of the second level are sections, or subsections under a section of the caller's."""
        lines, at = text.splitlines(), 0
        while at < len(lines):
            line = lines[at]
            at += 1
            heading, item = HEADING.match(line), ITEM.match(line)
            if line.startswith('```'):
                self.paragraph()
                end = next(i for i in range(at, len(lines)) if lines[i].strip() == '```')
                self.example(lines[at:end])
                at = end + 1
            elif line.startswith('|'):
                self.paragraph()
                end = next((i for i in range(at, len(lines)) if not lines[i].startswith('|')), len(lines))
                self.put(*table(lines[at - 1:end]))
                at = end
            elif heading:
                self.paragraph()
                level = section if len(heading[1]) <= 2 else 'SS'
                title = re.sub(r'[`*]', '', heading[2])
                self.put(f'.{level} "{escape(title.upper() if level == "SH" else title)}"'.replace('\\e', '\\\\'))
            elif line.startswith('    ') and not self.pending:
                end = next((i for i in range(at, len(lines)) if not lines[i].startswith('    ')), len(lines))
                self.example([one[4:] for one in lines[at - 1:end]])
                at = end
            elif item:
                self.paragraph()
                body, inside = [item[3]], len(item[1]) + 2
                while at < len(lines) and lines[at].startswith(' ' * inside) and not ITEM.match(lines[at]) and not lines[at].strip().startswith('```'):
                    body.append(lines[at].strip())
                    at += 1
                mark = '\\(bu' if item[2] == '-' else item[2]
                self.put(f'.IP {mark} 4', *flow(' '.join(body)))
            elif not line.strip():
                self.paragraph()
            else:
                self.pending.append(line.strip())
        self.paragraph()

    def text(self):
        """Without a paragraph right after a heading or before one, which would be empty."""
        out = []
        for line in self.out:
            heading = line.startswith(('.SH', '.SS'))
            while out and out[-1] == '.PP' and (heading or line in ('.PP', '.TP') or line.startswith('.IP')):
                out.pop()
            if not (line == '.PP' and out and out[-1].startswith(('.SH', '.SS'))):
                out.append(line)
        while out and out[-1] == '.PP':
            out.pop()
        return '\n'.join(out) + '\n'


def split(path):
    """A page of DOC: its title, and what follows."""
    with open(path, encoding='utf-8') as f:
        title, _, body = f.read().partition('\n')
    return title.lstrip('# ').strip(), body


def notes(doc):
    """What cli.md says about each command."""
    out = {}
    for part in re.split(r'^## ', split(os.path.join(doc, 'cli.md'))[1], flags=re.M)[1:]:
        names, _, body = part.partition('\n')
        out.update({name.strip(): body for name in names.split(',')})
    return out


def columns(sluice, name):
    """A shipped table as `sluice schema` prints it: name, type, where it comes from, how."""
    head, *rows = ask(sluice, 'schema', name).splitlines()
    at = [head.index(word) for word in ('column', 'type', 'from', 'as')] + [None]
    out = []
    for row in rows:
        column, kind, source, how = (row[a:b].strip() for a, b in zip(at, at[1:]))
        out += ['.TP', f'\\fB{escape(column)}\\fP {escape(kind)}', f'of {escape(source)}, {escape(how)}']
    return out


def ask(sluice, *words):
    return subprocess.run([sluice, *words], stdout=subprocess.PIPE, encoding='utf-8', check=True).stdout


def command_page(page, note):
    if not note:
        return page
    p = Page()
    p.put('.SH NOTES')
    p.convert(note, 'SS')
    before, _, after = page.partition('.SH "SEE ALSO"')
    return before + p.text() + '.SH "SEE ALSO"' + after


def format_page(sluice, doc, name, what, pages, title):
    p = Page()
    p.put(title, '.ad l', '.SH NAME', f'{escape(name)} \\- {escape(what)}')
    for i, page in enumerate(pages):
        heading, body = split(os.path.join(doc, page))
        p.put('.SH DESCRIPTION' if i == 0 else f'.SH "{escape(heading.upper())}"')
        p.convert(body, 'SH' if i == 0 else 'SS')
    if name == 'sluice-tables':
        for dataset in sorted(n[:-5] for n in os.listdir(os.path.join(doc, '..', 'schema')) if n.endswith('.avsc')):
            p.put(f'.SH "COLUMNS OF {dataset.upper()}"', *columns(sluice, dataset))
    others = [n for n in FORMATS if n != name]
    p.put('.SH "SEE ALSO"', '.BR sluice (1),', *(f'.BR {escape(n)} (5){"," if n != others[-1] else ""}' for n in others))
    return p.text()


def main():
    sluice, doc, out, *depfile = sys.argv[1:]
    folder = {n: os.path.join(out, f'man{n}') for n in (1, 5)}
    for path in folder.values():
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)

    def write(name, section, text):
        with open(os.path.join(folder[section], f'{name}.{section}'), 'w', encoding='utf-8') as f:
            f.write(text)
    program, note = ask(sluice, 'help', '--man'), notes(doc)
    write('sluice', 1, program)
    for command in ask(sluice, 'help', '--list').split():
        write(f'sluice-{command}', 1, command_page(ask(sluice, 'help', '--man', command), note.get(command)))
    write('sluice.yaml', 5, ask(sluice, 'help', '--man', 'sluice.yaml'))
    title = program.splitlines()[0].replace('.TH SLUICE 1 ', '')
    for name, (what, pages) in FORMATS.items():
        write(name, 5, format_page(sluice, doc, name, what, pages, f'.TH {escape(name.upper())} 5 {title}'))
    for path in depfile:
        pages = ['cli.md', *(page for _, pages in FORMATS.values() for page in pages)]
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'{os.path.join(out, "man1")}: {" ".join(os.path.join(doc, p) for p in pages)}\n')


if __name__ == '__main__':
    main()
