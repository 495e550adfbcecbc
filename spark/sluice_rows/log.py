"""Lines on standard error, in the form of sluice's own log: one write a line, so that lines of several processes never mix."""
import datetime
import os

LEVELS = ('debug', 'info', 'warn', 'error')

_least = 1


def level(name):
    """The least severe lines that are shown."""
    global _least
    _least = LEVELS.index(name)


def _line(severity, text, fields):
    if LEVELS.index(severity) < _least:
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    when = f'{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z'
    line = ' '.join([f'{when} {severity} rows_worker: {text}'] + [f'{k}={v}' for k, v in fields.items()])
    line = ''.join(c if c >= ' ' and c != '\x7f' else ' ' for c in line)
    try:
        os.write(2, line.encode('utf-8', 'replace')[:4000] + b'\n')
    except OSError:
        pass  # there is nobody left to tell


def debug(text, **fields):
    _line('debug', text, fields)


def info(text, **fields):
    _line('info', text, fields)


def warn(text, **fields):
    _line('warn', text, fields)


def error(text, **fields):
    _line('error', text, fields)
