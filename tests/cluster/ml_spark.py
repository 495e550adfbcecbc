"""Run by Spark's Python for ml_queries.py: each query of standard input (JSON: name -> SQL, or path: of Parquet files) to rows on standard output."""
import json
import sys

from pyspark.sql import SparkSession


def main():
    given = json.load(sys.stdin)
    builder = SparkSession.builder.master('local[2]').appName('queries')
    for key, value in given['conf'].items():
        builder = builder.config(key, value)
    spark = builder.enableHiveSupport().getOrCreate()
    out = {}
    for name, query in given['queries'].items():
        df = spark.read.parquet(query['path']).where(query['where']).select(*query['select']) if 'path' in query else spark.sql(query['sql'])
        out[name] = {'types': [f'{f.name} {f.dataType.simpleString()}' for f in df.schema.fields], 'rows': [list(r) for r in df.collect()]}
    print(json.dumps(out))
    spark.stop()


main()
