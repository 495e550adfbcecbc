#!/usr/bin/env python3
"""The Spark worker: takes the rows topics of pipelines that say "rows_worker: spark" and commits them as sluice's own worker does. doc/spark.md.

    spark-submit --jars JARS rows_worker.py -c sluice.yaml [--once]

Exit status: 0 done or stopped; 1 something could not go on (named on standard error); 2 usage or configuration.
"""
import argparse
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from sluice_rows import log  # noqa: E402
from sluice_rows.errors import Usage  # noqa: E402
from sluice_rows.settings import Settings  # noqa: E402

CONFIG = '/etc/sluice/sluice.yaml'


def arguments():
    parser = argparse.ArgumentParser(description='Take rows events from Kafka and commit them to the lake.')
    parser.add_argument('-c', '--config', default=CONFIG, metavar='FILE', help=f'sluice\'s configuration ({CONFIG})')
    parser.add_argument('--once', action='store_true', help='commit what lies on the topics now, and end')
    parser.add_argument('--schemas', metavar='FOLDER', action='append', default=[], help='where shipped DATASET.avsc files lie')
    return parser.parse_args()


def session(settings):
    """A Spark session with what this worker relies on; the rest is spark-submit's."""
    from pyspark.sql import SparkSession
    builder = (SparkSession.builder.appName(f'sluice rows {settings.instance}').config('spark.sql.session.timeZone', 'UTC')
               .config('spark.sql.execution.arrow.pyspark.enabled', 'true').config('spark.sql.streaming.numRecentProgressUpdates', '2')
               .config('spark.sql.ui.retainedExecutions', '20').config('spark.ui.retainedJobs', '50').config('spark.ui.retainedStages', '50')
               .config('spark.redaction.regex', '(?i)secret|password|token|access[.]?key|jaas|keystore'))
    spark = builder.getOrCreate()
    if settings.log_level != 'debug':
        spark.sparkContext.setLogLevel('ERROR')  # what matters is said by this worker
    return spark


def ship(spark, folder):
    """The tasks need our modules wherever they run."""
    path = os.path.join(folder, 'sluice_rows.zip')
    with zipfile.ZipFile(path, 'w') as z:
        package = os.path.join(HERE, 'sluice_rows')
        for name in sorted(os.listdir(package)):
            if name.endswith('.py'):
                z.write(os.path.join(package, name), f'sluice_rows/{name}')
    spark.sparkContext.addPyFile(path)


def register(catalog, seconds):
    """What the metastore was not told yet, for a while. False: some of it waits still."""
    end = time.monotonic() + seconds
    while not catalog.flush(now=True):
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def work(settings, once, stop):
    """Until stopped or done. The reasons of what could not go on."""
    from sluice_rows import kafka
    from sluice_rows.catalog import HiveCatalog, NoCatalog
    from sluice_rows.pipeline import Pipeline
    client = kafka.properties(settings.brokers, settings.kafka)
    spark = session(settings)
    with tempfile.TemporaryDirectory(prefix='sluice-rows-') as folder:
        ship(spark, folder)
        catalog = HiveCatalog(settings.catalog) if settings.catalog is not None else NoCatalog()
        broker = kafka.Kafka(spark, client)
        threads = [Pipeline(spark, settings, p, broker, catalog, once, stop) for p in settings.pipelines]
        log.info('takes rows', pipelines=','.join(p.name for p in settings.pipelines), spark=spark.version, master=spark.sparkContext.master)
        for t in threads:
            t.start()
        for t in threads:
            while t.is_alive():
                t.join(0.5)
        failed = [t.failed for t in threads if t.failed is not None]
        if once and not stop.is_set() and not register(catalog, settings.stop_timeout / 3000):
            failed.append('partitions are not registered yet')
        spark.stop()
    return failed


def main():
    a = arguments()
    folders = a.schemas + [os.path.join(HERE, 'schema'), os.path.join(HERE, '..', 'schema')]
    try:
        settings = Settings(a.config, folders)
        log.level(settings.log_level)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        failed = work(settings, a.once, stop)
    except Usage as e:
        log.error(f'cannot go on: {e}')
        return 2
    for reason in failed:
        log.error(f'could not be committed: {reason}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
