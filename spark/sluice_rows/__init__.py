"""The Spark worker of sluice: takes rows events from Kafka and commits them as the native worker does. doc/spark.md."""
