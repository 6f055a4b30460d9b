"""`python -m research.benchmark`: compares a model with what people would install or write instead.

Every model labels the test part of every data set.
The table shows accuracy, recall, calibration and speed.
"""
