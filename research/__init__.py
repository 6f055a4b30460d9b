"""Build the shipped model: data sets, teachers, training experiments and comparisons.

This package builds on ``model`` and ``model.training``; it is not part of the wheel or the image, and no shipped
package imports it. README.md lists the commands.
"""
