"""Rate a password with zxcvbn. Run as a separate process with ``python -m``.

Reads a JSON array from standard input, the password and a list of words that count as known, and prints the score, 0
to 4.
"""

import json
import os
import sys

# Requests have priority.
NICENESS = 10


def main() -> None:
    """Read one password and print its score."""
    os.nice(NICENESS)
    from zxcvbn import zxcvbn

    password, words = json.load(sys.stdin)
    sys.stdout.write(str(zxcvbn(password, user_inputs=words)["score"]))


if __name__ == "__main__":
    main()
