"""A disk that can be full."""
import os
import subprocess


class Tmpfs:
    """A small file system of its own, mounted for one test."""

    def __init__(self, place, megabytes):
        self.place, self.megabytes = place, megabytes
        os.makedirs(place, exist_ok=True)

    def __enter__(self):
        self.mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={self.megabytes}m', 'tmpfs', self.place], capture_output=True, check=False).returncode == 0
        return self

    def grow(self, megabytes):
        subprocess.run(['mount', '-o', f'remount,size={megabytes}m', self.place], check=True)

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(['umount', '-l', self.place], check=False)


def fill(place, leave_kb):
    """Take all but leave_kb of the file system with one file."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    with open(os.path.join(place, 'ballast'), 'wb') as f:
        f.write(b'\0' * max(0, free - leave_kb * 1024))
