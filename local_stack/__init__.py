"""Gets and starts the genuine servers that Liuyan works with, for the demo, the tests and the benchmarks alike.

Kafka comes from Maven Central, MySQL and MariaDB from Debian's packages in a private folder, and all are kept in the
cache folder. Each server is a context manager with a data folder and ports of its own; it can be stopped, killed,
paused and restarted, and never outlives the process that started it.
"""
