"""Many hosts on one machine: ingest instances of sluice that share only Kafka, HDFS and a metastore. Every daemon has a state folder of its own."""
import json
import os
import signal
import subprocess
import time

DISSECTORS = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}


class Daemon:
    """One `sluice collect` or `sluice work`."""

    def __init__(self, farm, word, instance, name, rows='native', **keys):
        """rows: who takes the rows events of its pipelines"""
        self.farm, self.word, self.name, self.rows = farm, word, name, rows
        self.place = os.path.join(farm.place, name)
        os.makedirs(self.place, exist_ok=True)
        self.config, self.process = os.path.join(self.place, 'sluice.yaml'), None
        self.write(instance, **keys)

    def write(self, instance, **keys):
        """The configuration; instance names the watched folders and the topics."""
        values = {**self.farm.keys, **keys}
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'instance: {instance}\nstate: {self.place}/state\n' + ''.join(f'{k}: {v}\n' for k, v in values.items()) + 'pipelines:\n')
            for dataset, dissector in DISSECTORS.items():
                folder = self.farm.watched(instance, dataset)
                os.makedirs(folder, exist_ok=True)
                f.write(f'  {dataset}: {{ watch: {folder}, dissector: {dissector}, rows_worker: {self.rows} }}\n')
        return self

    def start(self):
        with open(f'{self.place}/log', 'ab') as log:
            self.process = subprocess.Popen([self.farm.sluice, self.word, '-c', self.config], stdout=log, stderr=log)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=60):
        """The exit status; None when it had to be killed."""
        if self.alive():
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def status(self):
        """What `sluice status --json` says; None when it cannot say."""
        done = subprocess.run([self.farm.sluice, 'status', '-c', self.config, '--json'], capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout) if done.stdout else None

    def log(self):
        with open(f'{self.place}/log', encoding='utf-8', errors='replace') as f:
            return f.read()


class Farm:
    """All daemons, and the lake that they fill."""

    def __init__(self, c, place, name, **keys):
        """name: of the lake's folder in HDFS, of the database, and first part of the instances'"""
        self.c, self.place, self.name, self.sluice = c, place, name, os.environ.get('SLUICE', 'build/sluice')
        self.root, self.database = f'/{name}', name.replace('-', '_')
        self.daemons, self.dropped = [], {}
        self.keys = {
            'lake': f'webhdfs://{c.hdfs.http.removeprefix("http://")}{self.root}',
            'webhdfs': f'{{ user: {c.hdfs.user} }}',
            'bus': f'kafka://{c.kafka.bootstrap}',
            # so that a member that was killed is missed in seconds
            'kafka': '{ session.timeout.ms: 6000, heartbeat.interval.ms: 1000 }',
            'catalog': f'{c.metastore.url}/{self.database}',
            'catalog.location': c.hdfs.rpc + self.root,
            'catalog.user': c.hdfs.user,
            'workers': 2,
            'commit': '{ max_age: 500ms }',
            'collect': '{ settle: 0 }',
        } | keys

    def watched(self, instance, dataset):
        return os.path.join(self.place, 'spool', instance, dataset)

    def daemon(self, word, instance, name, **keys):
        made = Daemon(self, word, f'{self.name}-{instance}', name, **keys)
        self.daemons.append(made)
        return made.start()

    def named(self, name):
        return next(d for d in self.daemons if d.name == name)

    def drop(self, instance, dataset, name, path):
        """Rename a file into a watched folder; path must be on the same file system, and is gone afterwards."""
        target = os.path.join(self.watched(f'{self.name}-{instance}', dataset), name)
        os.rename(path, target)
        self.dropped.setdefault(dataset, []).append(target)
        return target

    def done(self):
        """(files that came to an end, files that were dropped), as the collectors see it"""
        ended = 0
        for d in self.daemons:
            state = d.status() if d.word == 'collect' else None
            ended += sum(p['committed'] + p['refused'] + p['doubled'] + p['aside'] for p in state['pipelines']) if state else 0
        return ended, sum(map(len, self.dropped.values()))

    def settled(self, seconds):
        """Waits until every file came to an end and the metastore knows of it. None, or what is missing after so long."""
        end = time.monotonic() + seconds
        while True:
            ended, dropped = self.done()
            waiting = [d.name for d in self.daemons if ended == dropped and d.word == 'work' and d.alive()
                       and (d.status() or {'figures': {'partitions_waiting': 1}})['figures']['partitions_waiting']]
            if ended == dropped and not waiting:
                return None
            if time.monotonic() > end:
                return f'{ended} of {dropped} files after {seconds} s; not registered: {waiting}\n' + '\n'.join(f'{d.name}: {d.log()[-1500:]}' for d in self.daemons)
            time.sleep(1)

    def stop(self):
        """All of them, in order. Those that did not end well, by name."""
        for d in self.daemons:
            if d.alive():
                d.process.send_signal(signal.SIGTERM)
        return {d.name: code for d in self.daemons if (code := d.stop()) not in (0, -signal.SIGKILL)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """A test that fails leaves nothing running."""
        for d in self.daemons:
            d.stop(signal.SIGKILL)

    def mirror(self, hdfs, to):
        """A copy of the lake in a local folder, for foreign readers; its path."""
        for path in hdfs.walk(self.root):
            target = os.path.join(to, path.removeprefix(self.root + '/'))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            hdfs.fetch(path, target)
        return to
