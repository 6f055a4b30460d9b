"""Tests of the teachers: the encoder against the package that packs it, and on tiny sizes; answers and ensembles."""
