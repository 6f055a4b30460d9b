"""Teachers of the shipped model: pretrained encoders, several GRUs and a linear model on TF-IDF.

Each is trained on the labelled comments and labels every comment; its answers are cached on disk. The shipped GRU
learns from their weighted mean, and serving does not need them.
"""
