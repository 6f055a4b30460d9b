"""Download and start real servers for the demo, the tests and the benchmarks.

Kafka comes from Maven Central and MySQL and MariaDB from Debian packages; all are unpacked into the cache folder. Each
server is a context manager with separate data and ports; it can be stopped, killed, paused and restarted, and ends with
the process that started it.
"""
