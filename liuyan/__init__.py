"""Label the comments that platforms publish to Kafka as positive or negative, and keep every label reviewable.

consumer/ reads and parses events, model/ computes the probability that a text is positive, store/ writes both in one
transaction, and api/ serves them. Each of these folders has a command group of the same name.
"""
