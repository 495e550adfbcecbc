"""store_client as an object: a store of sluice, one command at a time."""
import os
import subprocess

SOURCE = os.environ.get('SLUICE_SOURCE', '.')
PROGRAM = os.path.join(SOURCE, 'build', 'tests', 'store_client')


def escaped(word):
    return ''.join(chr(b) if 0x20 <= b < 0x7f and b != 0x5c else f'\\x{b:02x}' for b in (word if isinstance(word, bytes) else str(word).encode()))


def plain(text):
    """The bytes behind an escaped word."""
    return text.encode().decode('unicode_escape').encode('latin-1') if text.isascii() else text.encode()


class Client:
    """scheme and place as a lake's URL has them; options as the webhdfs: keys, timeout in ms"""

    def __init__(self, scheme, place, **options):
        words = [f'{k}={v}' for k, v in options.items()]
        self.process = subprocess.Popen([PROGRAM, scheme, place, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.opened = self.reply()

    def reply(self):
        line = self.process.stdout.readline().decode().rstrip('\n')
        rc, _, text = line.partition('\t')
        return rc, text

    def begin(self, *words):
        self.process.stdin.write('\t'.join(map(escaped, words)).encode() + b'\n')
        self.process.stdin.flush()

    def __call__(self, *words):
        self.begin(*words)
        return self.reply()

    def rc(self, *words):
        return self(*words)[0]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.close()
