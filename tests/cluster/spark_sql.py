"""Runs under Spark's Python: a session with the Hive catalogue of the environment; each line of standard input is {"sql": …}, each answer a line."""
import json
import os
import sys

from pyspark.sql import SparkSession


def session():
    b = SparkSession.builder.appName('sluice tests').master('local[2]')
    for name, value in json.loads(os.environ['SPARK_SETTINGS']).items():
        b = b.config(name, value)
    return b.enableHiveSupport().getOrCreate()


def main():
    # what Java prints must not come between the answers
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    spark = session()
    print(json.dumps({'ready': spark.version}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            rows = [list(row) for row in spark.sql(json.loads(line)['sql']).collect()]
            answer = {'rows': rows}
        except Exception as e:  # pylint: disable=broad-except  # told to the test
            answer = {'error': f'{type(e).__name__}: {e}'}
        print(json.dumps(answer, default=str), file=answers, flush=True)
    spark.stop()


main()
