"""Runs under Spark's Python: a session with the Hive catalogue of the environment.

Each line of standard input is {"sql": text, "files": whether they are wanted}, each answer a line: {"columns": [[name, type], …], "rows": [[…], …],
"files": how many the scan lists after pruning} or {"error": text}.
"""
import json
import os
import sys

from pyspark.sql import SparkSession


def session():
    b = SparkSession.builder.appName('sluice tests').master('local[2]')
    for name, value in json.loads(os.environ['SPARK_SETTINGS']).items():
        b = b.config(name, value)
    return b.enableHiveSupport().getOrCreate()


def answered(spark, question):
    frame = spark.sql(question['sql'])
    answer = {'columns': [[f.name, f.dataType.simpleString()] for f in frame.schema.fields], 'rows': [list(row) for row in frame.collect()]}
    return answer | ({'files': len(frame.inputFiles())} if question['files'] else {})


def main():
    # what Java prints must not come between the answers
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    spark = session()
    print(json.dumps({'ready': spark.version}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer = answered(spark, json.loads(line))
        except Exception as e:  # pylint: disable=broad-except  # told to the test
            answer = {'error': f'{type(e).__name__}: {e}'.split('JVM stacktrace')[0].strip()}
        print(json.dumps(answer, default=str), file=answers, flush=True)
    spark.stop()


main()
