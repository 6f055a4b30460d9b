"""`liuyan model train`: learns from labelled comments and reviews, and writes an artifact.

Comments are read, cleaned and split by content, a GRU learns from them step by step, and n-grams learn beside it.
``train`` does one training, and ``run`` is the command.
"""
