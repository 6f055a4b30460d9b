"""One strict reader for every file of comments: CSV, JSON lines or plain text, in any encoding that can be told.

``table.py`` puts the steps together: ``decode.py`` finds the encoding, ``separators.py`` the separator, ``csv_rows.py``
and ``json_lines.py`` the rows, and ``columns.py`` the column with the comments. A file is read completely or rejected
with one sentence, and nothing here knows the model, the database or HTTP.
"""
