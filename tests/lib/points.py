"""The fault points of the program, and which of them were passed."""
import os
import re

SOURCE = os.environ.get('SLUICE_SOURCE', '.')
ROW = re.compile(r'X\((\w+), "([a-z_.]+)", "([^"]*)"\)')


def points():
    """{name: what is true when it is passed}, from the table itself."""
    with open(os.path.join(SOURCE, 'src', 'base', 'fault_points.h'), encoding='utf-8') as f:
        return {name: truth for _, name, truth in ROW.findall(f.read())}


class Marks:
    """The folder in which the program marks what happened."""

    def __init__(self, place):
        self.place = os.path.join(place, 'marks')
        os.makedirs(self.place)

    def env(self, *faults):
        return {'SLUICE_FAULT': ','.join(faults), 'SLUICE_FAULT_MARKS': self.place}

    def pid(self, fault):
        """The process that it happened to, None: it did not happen yet."""
        try:
            with open(os.path.join(self.place, fault.partition('@')[0]), encoding='ascii') as f:
                text = f.read()
        except FileNotFoundError:
            return None
        return int(text) if text.endswith('\n') else None
