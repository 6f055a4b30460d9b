"""Compare a model with alternatives that people could install or write: `python -m research.benchmark`.

Every model labels the test part of every data set. The table shows accuracy, recall, calibration and speed.
"""
