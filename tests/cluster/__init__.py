"""Real servers for tests: a Kafka broker, HDFS, two generations of the Hive Metastore, and Spark. How it works: doc/cluster-tests.md.

    from cluster.session import session

    with session('kafka', 'hdfs', 'metastore') as c:
        c.kafka.bootstrap, c.hdfs.url, c.metastore.url
        c.server('datanode2').kill()
"""
