"""The reader of comment files, and every program that reads them.

``file_cases.py`` next to this folder has the cases that all readers share. Encodings, columns and broken files have a
file of tests each, and ``test_fuzz.py`` damages realistic files at random.
"""
