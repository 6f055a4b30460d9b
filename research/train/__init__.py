"""`python -m research.train`: everything that `liuyan model train` does, and experiments beyond it.

It adds teachers, negations made by rule, the mean of several artifacts, cross-validation and a search for options.
The training loop itself is in ``model.training``.
"""
