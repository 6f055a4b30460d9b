"""The peers: programs that label comments from Kafka into a MySQL table.

Each is written as its library's documentation recommends. They import nothing of Liuyan, because each runs in an
environment of its own.
"""
