"""From a comment's text to the probability that it is positive: normalise, segment, look up, GRU and n-grams.

Training writes an artifact folder (weights, vocabulary, configuration, metrics, checksums); serving loads it with the
embedding folded into the input projection and answers frequent texts from a cache.
The shipped artifact lies in ``artifact/``, and nothing here knows Kafka, the database or HTTP.
"""
