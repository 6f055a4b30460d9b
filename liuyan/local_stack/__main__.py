"""`python -m liuyan.local_stack` downloads what the tests will start, unless the settings name servers to use instead.

Within pytest nobody would see the progress, and a slow network would count against the time of a single test.
"""

import os
import sys

from liuyan.errors import LiuyanError
from liuyan.local_stack.kafka import Kafka
from liuyan.local_stack.mariadb import MariaDB
from liuyan.local_stack.mysql import MySQL
from liuyan.local_stack.server import Server


def main() -> int:
    """Get every server that is needed; what cannot be had is said in one line."""
    given = {
        Kafka: os.environ.get("LIUYAN_TEST_KAFKA"),
        MySQL: os.environ.get("LIUYAN_TEST_DATABASE", "mysql") == "mysql"
        and os.environ.get("LIUYAN_TEST_DATABASE_URL"),
        MariaDB: os.environ.get("LIUYAN_TEST_DATABASE") == "mariadb" and os.environ.get("LIUYAN_TEST_DATABASE_URL"),
    }
    needed: list[type[Server]] = [kind for kind, address in given.items() if not address]
    try:
        for kind in needed:
            server = kind()
            try:
                server.get()
            finally:
                server.close()
    except LiuyanError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
