"""Examples of platforms that publish comments to Kafka, to copy and adapt.

Each program is independent of the others and of Liuyan, and needs only aiokafka. README.md shows how to publish from
other languages.
"""
