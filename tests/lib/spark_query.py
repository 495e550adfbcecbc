"""Spark SQL over a Hive Metastore, in a process of its own: run with the Python that has pyspark.

Standard input is a JSON object {"metastore": URI, "warehouse": folder, "queries": [SQL, …]}; standard output has a line for each query:
{"columns": [[name, type], …], "rows": [[…], …], "files": how many the scan lists after pruning} or {"error": text}.
"""
import json
import sys


def main():
    from pyspark.sql import SparkSession

    job = json.load(sys.stdin)
    builder = SparkSession.builder.master('local[2]').appName('query')
    for key, value in {
            'spark.ui.enabled': 'false', 'spark.driver.host': '127.0.0.1', 'spark.driver.bindAddress': '127.0.0.1', 'spark.sql.session.timeZone': 'UTC',
            'spark.sql.shuffle.partitions': '2', 'spark.driver.memory': '700m', 'spark.sql.warehouse.dir': job['warehouse'],
            'spark.hadoop.hive.metastore.uris': job['metastore']}.items():
        builder = builder.config(key, value)
    spark = builder.enableHiveSupport().getOrCreate()
    spark.sparkContext.setLogLevel('ERROR')
    for query in job['queries']:
        try:
            frame = spark.sql(query)
            answer = {'columns': [[f.name, f.dataType.simpleString()] for f in frame.schema.fields], 'rows': [list(r) for r in frame.collect()],
                      'files': len(frame.inputFiles()) if query.lstrip().lower().startswith('select') else None}
        except Exception as e:  # whatever Spark says is the answer
            answer = {'error': str(e).split('JVM stacktrace')[0].strip()}
        print(json.dumps(answer, default=str), flush=True)
    spark.stop()


main()
