"""Read comment events from Kafka, label them and store them: source, worker (prepare), batcher, worker (label), writer.

The database stores each partition's offset and every transaction first checks that it is where the batch begins, so a
crash, a redelivery or a consumer that wakes up late neither loses a comment nor stores it twice. run.py connects the
steps; event.py defines the contract.
"""
