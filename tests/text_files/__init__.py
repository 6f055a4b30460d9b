"""Test the reader of comment files.

``file_cases.py`` next to this folder has the cases that all programs with file input share. ``test_fuzz.py`` damages
realistic files at random.
"""
