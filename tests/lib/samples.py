"""Memory, descriptors and threads of every process of sluice, sampled every few seconds, and the rule that says whether a long life is flat."""
import os
import random
import statistics
import threading
import time

from spool import children


def tree(supervisor):
    """{name: pid} of a `sluice run` and its children."""
    found = {'run': supervisor}
    for pid in children(supervisor):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                found[f.read().split(b'\0')[1].decode()] = pid
        except (OSError, IndexError):
            pass  # it is gone, or not yet what it will be
    return found


class Samples(threading.Thread):
    """Every process, every few seconds: anonymous memory, descriptors, threads."""

    def __init__(self, processes, every_s):
        """processes: gives {name: pid}"""
        super().__init__()
        self.processes, self.every_s, self.ended, self.began, self.lives = processes, every_s, threading.Event(), time.monotonic(), {}

    def run(self):
        while not self.ended.wait(self.every_s):
            for name, pid in self.processes().items():
                one = look(pid)
                if one is not None:
                    born, *values = one
                    self.lives.setdefault((name, pid, born), []).append((time.monotonic() - self.began, *values))

    def stop(self):
        self.ended.set()
        self.join()

    def write(self, path):
        with open(path, 'w', encoding='ascii') as f:
            f.write('seconds\tprocess\tpid\trss_anon_kb\tdescriptors\tthreads\n')
            f.writelines('\t'.join(map(str, row)) + '\n' for row in sorted((round(at, 1), name, pid, *values) for (name, pid, _), life in self.lives.items() for at, *values in life))


def look(pid):
    """(start, RssAnon in KB, descriptors, threads); None: it is gone, or is no more than a name."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            born = int(f.read().rpartition(')')[2].split()[19])
        with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
            status = dict(line.split(':', 1) for line in f)
        return born, int(status['RssAnon'].split()[0]), len(os.listdir(f'/proc/{pid}/fd')), int(status['Threads'])
    except (OSError, KeyError, IndexError):
        return None


def slope(points):
    """Median of the slopes between all pairs (Theil and Sen), per hour: a few outliers do not move it."""
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1:] if b[0] > a[0]]
    return 3600 * statistics.median(pairs) if pairs else 0.0


def lowest(points, span_s):
    """The lowest of each span: what is lost lifts it for good, what comes and goes does not."""
    spans = {}
    for at, value in points:
        n = int((at - points[0][0]) // span_s)
        spans[n] = min(value, spans.get(n, value))
    return [(points[0][0] + (n + 0.5) * span_s, value) for n, value in sorted(spans.items())]


# What an hour may add to one process: memory in KB, or as a share of what it has; descriptors and threads.
RSS_KB, RSS_SHARE, THINGS = 2048, 0.05, 2
# Long enough for a moment without a fault, a dead connection, or memory that goes back once a minute.
SPAN_S = 120


class Flat:
    """The judgement on one long life: its first fifth is warming up. It grows if all samples do, and their lowest of each two minutes too: a connection that a fault left behind, or
    rows that wait, are in some samples; what is lost is in every later one."""

    def __init__(self, life):
        begin = life[0][0] + (life[-1][0] - life[0][0]) / 5
        kept = [s for s in life if s[0] >= begin]
        self.seconds = life[-1][0] - life[0][0]
        self.median = [statistics.median(s[i] for s in kept) for i in (1, 2, 3)]
        self.most = [max(s[i] for s in kept) for i in (1, 2, 3)]
        self.slope = [slope([(s[0], s[i]) for s in kept]) for i in (1, 2, 3)]
        self.floor = [slope(lowest([(s[0], s[i]) for s in kept], SPAN_S)) for i in (1, 2, 3)]

    def why_not(self):
        out = []
        grown = [min(both) for both in zip(self.slope, self.floor)]
        if grown[0] > max(RSS_KB, RSS_SHARE * self.median[0]):
            out.append(f'memory grows by {grown[0]:.0f} KB an hour')
        return out + [f'{what} grow by {more:.1f} an hour' for what, more in zip(('descriptors', 'threads'), grown[1:]) if more > THINGS]

    def __str__(self):
        return (f'{self.seconds / 60:.0f} min, RssAnon {self.median[0] / 1024:.1f} MiB (most {self.most[0] / 1024:.1f}), {self.slope[0]:+.0f} KB/h; '
                f'descriptors {self.median[1]:.0f} (most {self.most[1]}), {self.slope[1]:+.1f}/h; threads {self.median[2]:.0f} (most {self.most[2]}), {self.slope[2]:+.1f}/h; '
                f'lowest of each {SPAN_S} s: {self.floor[0]:+.0f} KB/h, {self.floor[1]:+.1f}/h, {self.floor[2]:+.1f}/h')


def the_rule_can_fail():
    """[(what, whether it was judged rightly)]: made-up lives of forty minutes, each with noise."""
    rng = random.Random(1)

    def life(rss_fault_kb, fds_fault):
        """What each fault, one in 20 s, leaves behind."""
        return [(t, 30000 + rss_fault_kb * (t // 20) + rng.randint(-1500, 1500), 40 + int(fds_fault * (t // 20)) + rng.randint(0, 3), 9) for t in range(0, 2400, 10)]

    def busier():
        """More and more often something is in hand."""
        return [(t, 30000 + busy * 9000, 40 + busy * 9, 9) for t in range(0, 2400, 10) for busy in [rng.random() < t / 2400]]
    return [('a process that is busy more and more often is flat', not Flat(busier()).why_not()),
            ('a steady process is flat', not Flat(life(0, 0)).why_not()),
            ('32 KB lost in each fault are found', bool(Flat(life(32, 0)).why_not())),
            ('a descriptor lost in every tenth fault is found', bool(Flat(life(0, 0.1)).why_not()))]
