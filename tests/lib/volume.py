"""A small file system of its own, ext4 in a sparse image, for tests that fill a disk. Wants root and a loop device.

    with Volume(folder, image, megabytes) as v:
        v.mounted                      False: it cannot be made here, and the folder is a plain one
        with v.filled(leave_kb=40): …
"""
import contextlib
import os
import subprocess


def _done(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


class Volume:
    def __init__(self, folder, image, megabytes):
        self.folder, self.image, self.megabytes, self.mounted = folder, image, megabytes, False
        os.makedirs(folder, exist_ok=True)

    def __enter__(self):
        with open(self.image, 'wb') as f:
            f.truncate(self.megabytes << 20)
        # no blocks are kept for root, who else would not see the disk full
        self.mounted = _done('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', self.image) and _done('mount', '-o', 'loop', self.image, self.folder)
        if self.mounted:
            os.rmdir(os.path.join(self.folder, 'lost+found'))
        return self

    @contextlib.contextmanager
    def filled(self, leave_kb):
        """All of it but so much is taken for a while."""
        ballast = os.path.join(self.folder, 'ballast')
        about = os.statvfs(self.folder)
        try:
            with open(ballast, 'wb') as f, contextlib.suppress(OSError):  # somebody else may take the rest first
                os.posix_fallocate(f.fileno(), 0, max(4096, about.f_bavail * about.f_frsize - leave_kb * 1024))
            yield
        finally:
            os.unlink(ballast)

    def __exit__(self, *_):
        if self.mounted:
            _done('umount', '-l', self.folder)
