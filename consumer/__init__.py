"""Read comment events from Kafka, label them and store them: source, worker, batcher, writer.

The database stores each partition's offset and every batch compares it before writing, so a crash, a redelivery or a
resumed zombie neither loses a comment nor stores it twice. run.py connects the steps; event.py defines the contract.
"""
