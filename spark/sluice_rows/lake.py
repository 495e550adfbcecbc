"""The lake: where tables, manifests and staged files lie. The promises are those of doc/store.md: nothing is replaced, a name is whole or absent,
put_if_absent has one winner.

A lake is opened where it is used, in the driver and in each task; what travels between them is its place. Errors are Again when the same call may
work later, Broken when a person has to look.
"""
import contextlib
import errno
import fcntl
import os
import secrets
import time
import zlib

from .errors import Again, Broken

_LASTING = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EXDEV}


class Sink:
    """A staged file that is being written: counts what a manifest promises of it. Also what pyarrow writes to."""

    def __init__(self, path):
        self.path = path
        self.size = 0
        self.crc32 = 0
        self.closed = False

    def write(self, data):
        data = memoryview(data)
        self._write(data)
        self.size += data.nbytes
        self.crc32 = zlib.crc32(data, self.crc32)
        return data.nbytes

    def tell(self):
        return self.size

    def flush(self):
        """Nothing to do: finish makes it durable."""

    def close(self):
        """pyarrow closes what it wrote to; the file is finished by finish, after its length was looked at."""

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def finish(self):
        """No more bytes; the length where they lie is what was written, and they last."""
        there = self._finish()
        self.closed = True
        if there != self.size:
            raise Again(f'{self.path}: {there} bytes lie there, {self.size} were written')


def check(path):
    """Only names right below the root may come out of a manifest."""
    if path.startswith('/') or any(part in ('', '.', '..') for part in path.split('/')) or '\0' in path:
        raise Broken(f'{path}: is no path of the lake')
    return path


class Lake:
    """What both kinds share. Paths are relative, "/" between parts.

    get, get_range  bytes, or None when there is no such file
    list            names right below a folder in bytewise order, after one of them; an absent folder has none
    size            of a file, None when there is none
    put_if_absent   True: stored. False: the name is taken. Again: look
    rename          'moved', 'taken' or 'absent' (the source)
    """

    def publish(self, moves):
        """Give staged files their names. What was done before is fine, whoever did it. Two lists come back: [(staged, final)] where both are there, and
        [final] where neither is."""
        both, neither = [], []
        with self.guard():
            for staged, final in moves:
                outcome = self.rename(check(staged), check(final))
                if outcome == 'taken':
                    if self.size(staged) is not None:
                        both.append((staged, final))
                elif outcome == 'absent' and self.size(final) is None:
                    neither.append(final)
        self.settle({os.path.dirname(final) for _, final in moves})
        return both, neither

    def guard(self):
        """Held while names are given, so that no compaction exchanges the folder under them."""
        return contextlib.nullcontext()

    def settle(self, folders):
        """Make names last that were given in these folders."""

    def crc32(self, path):
        """Of a whole file."""
        crc, at = 0, 0
        while True:
            part = self.get_range(path, at, 4 << 20)
            if part is None:
                raise Again(f'{path} vanished')
            crc = zlib.crc32(part, crc)
            at += len(part)
            if len(part) < 4 << 20:
                return crc


class _LocalSink(Sink):
    def __init__(self, path, place):
        super().__init__(path)
        self._place = place
        self._file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)

    def _write(self, data):
        try:
            while data.nbytes > 0:
                data = data[os.write(self._file, data):]
        except OSError as e:
            raise _reason(e, self.path) from e

    def _finish(self):
        try:
            os.fsync(self._file)
            size = os.fstat(self._file).st_size
            self._close()
            _sync_folder(os.path.dirname(self._place))
        except OSError as e:
            raise _reason(e, self.path) from e
        return size

    def _close(self):
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def abandon(self):
        try:
            self._close()
            os.unlink(self._place)
        except OSError:
            pass  # swept later


def _reason(e, path):
    kind = Broken if e.errno in _LASTING else Again
    return kind(f'{path}: {e.strerror}')


def _sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class LocalLake(Lake):
    """A folder on this machine."""

    def __init__(self, root):
        self.root = root
        if not os.path.isdir(root):
            raise Again(f'{root}: no such folder')

    def _at(self, path):
        return os.path.join(self.root, path)

    @contextlib.contextmanager
    def guard(self):
        """As local_guard of src/store/local: shared with publishers. Beyond a second it is done without, so that nobody who stands still stops others."""
        folder = os.open(self._at('_sluice'), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            until = time.monotonic() + 1
            while True:
                try:
                    fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        break
                    time.sleep(0.001)
            yield
        finally:
            os.close(folder)

    def _folder(self, path):
        """The folder of a path, made durably where it is missing."""
        folder = os.path.dirname(self._at(path))
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for each in reversed(missing):
            try:
                os.mkdir(each, 0o750)
            except FileExistsError:
                if not os.path.isdir(each):
                    raise
            _sync_folder(os.path.dirname(each))

    def get_range(self, path, offset, size):
        try:
            with open(self._at(path), 'rb') as f:
                f.seek(offset)
                return f.read(size)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            raise _reason(e, path) from e

    def get(self, path, most):
        raw = self.get_range(path, 0, most + 1)
        if raw is not None and len(raw) > most:
            raise Broken(f'{path}: larger than {most} bytes')
        return raw

    def list(self, folder, after=None):
        try:
            names = sorted(os.fsencode(n) for n in os.listdir(self._at(folder)))
            # who lists acts on the names, so they must last: their writer may have died before it could sync
            _sync_folder(self._at(folder))
        except FileNotFoundError:
            return []
        except OSError as e:
            raise _reason(e, folder) from e
        names = [os.fsdecode(n) for n in names]
        return [n for n in names if after is None or n > after]

    def size(self, path):
        try:
            return os.stat(self._at(path), follow_symlinks=False).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            raise _reason(e, path) from e

    def create(self, path):
        try:
            self._folder(path)
            return _LocalSink(path, self._at(path))
        except OSError as e:
            raise _reason(e, path) from e

    def put_if_absent(self, path, raw):
        temporary = f'_sluice/tmp/{os.getpid()}.{time.time_ns()}.{secrets.token_hex(8)}'
        sink = self.create(temporary)
        try:
            sink.write(raw)
            sink.finish()
            self._folder(path)
            taken = False
            try:
                os.link(self._at(temporary), self._at(path))
            except FileExistsError:
                taken = True
            # also when it is taken: its writer may have died before the sync, and the caller builds on it
            _sync_folder(os.path.dirname(self._at(path)))
            return not taken
        except OSError as e:
            raise _reason(e, path) from e
        finally:
            sink.abandon()

    def rename(self, source, target):
        """By link and unlink, which never replace. Who dies in between leaves two names of one file, which the next call recognises."""
        try:
            if self.size(source) is not None:
                self._folder(target)
            os.link(self._at(source), self._at(target), follow_symlinks=False)
        except FileExistsError:
            try:
                if not os.path.samestat(os.lstat(self._at(source)), os.lstat(self._at(target))):
                    return 'taken'
            except FileNotFoundError:
                return 'taken' if self.size(target) is not None else 'absent'
            except OSError as e:
                raise _reason(e, target) from e
        except FileNotFoundError:
            return 'absent'
        except OSError as e:
            raise _reason(e, target) from e
        self.remove(source)
        return 'moved'

    def settle(self, folders):
        for folder in folders:
            try:
                _sync_folder(self._at(folder))
            except OSError as e:
                raise _reason(e, folder) from e

    def remove(self, path):
        """A file, or a folder that is empty; absent is fine."""
        at = self._at(path)
        try:
            if os.path.isdir(at) and not os.path.islink(at):
                os.rmdir(at)
            else:
                os.unlink(at)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise _reason(e, path) from e


def open_lake(place):
    """A lake by its place: (scheme, ...) as settings made it."""
    if place['scheme'] == 'file':
        return LocalLake(place['root'])
    from .webhdfs import WebHdfsLake
    return WebHdfsLake(place)
