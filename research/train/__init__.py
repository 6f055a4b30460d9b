"""`python -m research.train`: trainings and experiments that `liuyan model train` does not offer.

It has teachers, negations made by rule, the mean of several artifacts, cross-validation and a search for options.
The training loop itself is in ``model.training``.
"""
