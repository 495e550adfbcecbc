"""The headers of an event on the bus, read with suspicion: another program may write to the topic. Names and types: doc/events.md, src/pipe/event.h."""
import re

from .escape import escape, unescape

_MOST = {'name': 1024, 'path': 8192}
PARTS_MAX = 1 << 16  # of one original
HOUR_MAX = 1 << 40
_NUMBER = re.compile(r'-?[0-9]{1,19}')


class NotOurs(Exception):
    """The event names no original: it is left out, because none is lost by it."""


class Event:
    """One event without its value and report. key: what tells originals apart."""
    __slots__ = ('offset', 'kind', 'original', 'again', 'name', 'path', 'size', 'part', 'parts', 'dissector', 'schema', 'hour', 'rows', 'report')

    @property
    def key(self):
        return self.original, self.again


def _text(headers, name, most):
    raw = headers.get(name)
    if raw is None:
        raise NotOurs(f'header "{name}" is missing')
    if len(raw) > most or 0 in raw:
        raise NotOurs(f'header "{name}" is {"too long" if len(raw) > most else "not text"}')
    return raw.decode('utf-8', 'surrogateescape')


def _number(headers, name, least, most):
    text = _text(headers, name, 23)
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise NotOurs(f'header "{name}" makes no sense')
    return int(text)


def _escaped(headers, name):
    """The header as we would have escaped it, so that what a manifest says is well formed whatever came."""
    try:
        raw = unescape(_text(headers, name, 4 * _MOST[name]))
    except ValueError as e:
        raise NotOurs(f'header "{name}" makes no sense') from e
    if len(raw) > _MOST[name] or 0 in raw:
        raise NotOurs(f'header "{name}" makes no sense')
    return escape(raw)


def _digest(headers):
    text = _text(headers, 'original', 64)
    if not re.fullmatch('[0-9a-fA-F]{64}', text):
        raise NotOurs('header "original" makes no sense')
    return text.lower()


def read(offset, headers):
    """An event from its headers, [(name, bytes)]; of two with one name the first counts. report: whether there is one."""
    first = {}
    for name, value in headers:
        first.setdefault(name, value if value is not None else b'')
    e = Event()
    e.offset = offset
    e.kind = _text(first, 'kind', 8)
    if e.kind == 'flush':
        e.original = None
        return e
    if e.kind not in ('rows', 'file'):
        raise NotOurs('header "kind" makes no sense')
    e.original = _digest(first)
    e.name = _escaped(first, 'name')
    e.path = _escaped(first, 'path')
    e.size = _number(first, 'size', 0, 2**63 - 1)
    e.parts = _number(first, 'parts', 1, PARTS_MAX)
    e.part = _number(first, 'part', 0, e.parts - 1)
    e.again = _number(first, 'again', 0, 2**32 - 1)
    e.dissector = _text(first, 'dissector', 128)
    if e.kind == 'file':
        return e
    schema = _text(first, 'schema', 16)
    if not re.fullmatch('[0-9a-fA-F]{16}', schema):
        raise NotOurs('header "schema" makes no sense')
    e.schema = int(schema, 16)
    hour = _text(first, 'hour', 23)
    e.hour = None if hour == '' else _number(first, 'hour', -HOUR_MAX, HOUR_MAX)
    e.rows = _number(first, 'rows', 0, HOUR_MAX)
    if (e.hour is None) != (e.rows == 0):
        raise NotOurs('header "rows" makes no sense')
    e.report = 'report' in first
    return e
