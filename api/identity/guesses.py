"""How many guesses a password withstands: run as ``python -m``, a process that imports nothing but zxcvbn.

It reads JSON from standard input, the password and the words of its owner, and prints zxcvbn's score, 0 to 4.
"""

import json
import os
import sys

# Less urgent than any request.
NICENESS = 10


def main() -> None:
    """Read one question and print its score."""
    os.nice(NICENESS)
    from zxcvbn import zxcvbn

    password, words = json.load(sys.stdin)
    sys.stdout.write(str(zxcvbn(password, user_inputs=words)["score"]))


if __name__ == "__main__":
    main()
