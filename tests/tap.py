"""What a test script prints: one TAP line a check. The runner (tests/run) counts them.

    import tap
    tap.check('rows are all there', found == wanted, f'{found} instead of {wanted}')
    tap.skip('disk full', 'cannot mount here')
    tap.done()
"""
import sys

_counts = {'all': 0, 'failed': 0}


def _line(result, name, note=''):
    _counts['all'] += 1
    name = ' '.join(str(name).replace('#', '').split())
    print(f'{result} {_counts["all"]} - {name}{note}', flush=True)


def check(name, ok, detail=''):
    """Report one check; the detail is shown when it failed. Returns whether it held."""
    _line('ok' if ok else 'not ok', name)
    if not ok:
        _counts['failed'] += 1
        for line in str(detail).splitlines():
            print(f'#   {line}', flush=True)
    return bool(ok)


def skip(name, reason):
    """Report a check that cannot be made here."""
    _line('ok', name, ' # SKIP ' + ' '.join(str(reason).split()))


def done():
    """The plan, and the exit status: 1 if any check failed."""
    print(f'1..{_counts["all"]}', flush=True)
    sys.exit(1 if _counts['failed'] else 0)
