#!/usr/bin/env python3
"""No shell anywhere: a name in a file, a header or an option never meets one. Exit status 1 names each line of src/ and spark/ that could start one."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
C = re.compile(r'\b(?:system|popen|wordexp|execlp|execvp|execvpe|posix_spawnp)\s*\(|"(?:/bin/|/usr/bin/)?(?:sh|bash)"|"-c"')
PYTHON = re.compile(r'shell\s*=\s*True|\bos\.(?:system|popen)\s*\(|\bgetoutput\s*\(|\bgetstatusoutput\s*\(|[\'"](?:/bin/|/usr/bin/)?(?:sh|bash)[\'"]')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)


def bare(text):
    """Without comments, but with their line breaks."""
    return COMMENT.sub(lambda m: '\n' * m[0].count('\n'), text)


def lines_of(folder, endings, pattern, clean=lambda text: text):
    for place, _, names in os.walk(os.path.join(ROOT, folder)):
        for name in sorted(n for n in names if n.endswith(endings)):
            path = os.path.join(place, name)
            with open(path, encoding='utf-8') as f:
                for number, line in enumerate(clean(f.read()).splitlines(), 1):
                    found = pattern.search(line)
                    if found:
                        yield f'{os.path.relpath(path, ROOT)}:{number}: {found[0]}'


def is_name(found):
    """The shells whose completions are printed are named where that is done, and nothing is started there."""
    return found.startswith('src/app/completion.c:') and found.endswith(': "bash"')


def main():
    # The patterns find what they are for: without this a mistake in one would pass as silence.
    for pattern, text in ((C, 'system("x")'), (C, 'popen (a, "r")'), (C, 'argv[] = {"/bin/sh"'), (C, '"-c"'), (PYTHON, 'run(x, shell=True)'), (PYTHON, 'os.system(x)')):
        if not pattern.search(text):
            print(f'the pattern does not find {text}')
            return 1
    wrong = [*(found for found in lines_of('src', ('.c', '.h'), C, bare) if not is_name(found)), *lines_of('src', ('.py',), PYTHON), *lines_of('spark', ('.py',), PYTHON)]
    print('\n'.join(wrong) if wrong else 'no shell')
    return 1 if wrong else 0


sys.exit(main())
