"""`python -m local_stack` downloads what the tests will start, unless the settings name servers to use instead.

Within pytest nobody would see the progress, and a slow network would count against the time of a single test.
"""

import os
import sys
from collections.abc import Callable

from liuyan.errors import LiuyanError
from local_stack.chromium import get_chromium
from local_stack.host import install_java
from local_stack.kafka import Kafka
from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL
from local_stack.server import Server


def main() -> int:
    """Get every server that is needed, and the browser; what cannot be had is said in one line."""
    database, database_url = os.environ.get("LIUYAN_TEST_DATABASE", "mysql"), os.environ.get("LIUYAN_TEST_DATABASE_URL")
    needed: list[Callable[[], Server]] = []
    if not os.environ.get("LIUYAN_TEST_KAFKA"):
        needed.append(Kafka)
    for name, kind in {"mysql": MySQL, "mariadb": MariaDB}.items():
        if name != database or not database_url:
            needed.append(kind)
    try:
        get_chromium()
        if Kafka in needed:
            install_java()
        for make in needed:
            server = make()
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
