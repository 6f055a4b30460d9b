"""Predict whether a comment is positive: normalise, segment, look up, GRU and character n-grams.

Training writes an artifact folder with weights, vocabulary, configuration, metrics and checksums; serving loads it (the
shipped one is in ``artifact/``), multiplies the embedding into the input projection and caches the predictions of
frequent texts. This package does not depend on Kafka, the database or HTTP.
"""
