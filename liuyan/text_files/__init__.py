"""A strict reader for files of comments: CSV, JSON Lines or plain text, in any encoding that can be detected.

``table.py`` combines the steps: ``decode.py`` detects the encoding, ``separators.py`` the separator, ``csv_rows.py``
and ``json_lines.py`` parse rows, and ``columns.py`` chooses the comments' column. A file is either read completely or
rejected with one sentence.
"""
