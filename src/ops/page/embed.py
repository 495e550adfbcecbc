"""Makes one C source of the page: style and script put into it, compressed too, and the policy that names both by their hashes."""
import base64
import gzip
import hashlib
import pathlib
import sys

out, html, style, script = sys.argv[1:]


def hash_of(text):
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def array(name, data):
    lines = [f'static const unsigned char {name}[] = {{']
    lines += ['\t' + ' '.join(f'{b},' for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    return lines + ['};']


css, js = (pathlib.Path(p).read_text(encoding='utf-8') for p in (style, script))
page = pathlib.Path(html).read_text(encoding='utf-8').replace('@STYLE@', css).replace('@SCRIPT@', js).encode()
policy = (f"default-src 'none'; script-src '{hash_of(js)}'; style-src '{hash_of(css)}'; connect-src 'self'; img-src data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
lines = ['/* Made from src/ops/page. */', '#include "ops/page.h"', '', *array('html', page), *array('packed', gzip.compress(page, 9, mtime=0)), '',
         'const struct page page = {', '\t.html = html,', '\t.gzip = packed,', '\t.html_size = sizeof html,', '\t.gzip_size = sizeof packed,',
         f'\t.policy = "{policy}",', '};', '']
pathlib.Path(out).write_text('\n'.join(lines), encoding='utf-8')
