"""`python -m local_stack`: download the servers, promtool and the browser for the tests.

Separate from pytest, which would hide the progress and count the download towards a test's timeout. Skips servers that
settings replace.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from liuyan.errors import LiuyanError
from local_stack.chromium import get_chromium
from local_stack.database_clients import PROGRAMS, download_clients
from local_stack.helm import helm
from local_stack.host import install_java
from local_stack.kafka import Kafka
from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL
from local_stack.prometheus import promtool
from local_stack.server import Server


def main() -> int:
    """Download all necessary servers and the browser; report an error in one line."""
    database, database_url = os.environ.get("LIUYAN_TEST_DATABASE", "mysql"), os.environ.get("LIUYAN_TEST_DATABASE_URL")
    needed: list[Callable[[], Server]] = []
    if not os.environ.get("LIUYAN_TEST_KAFKA"):
        needed.append(Kafka)
    for name, kind in {"mysql": MySQL, "mariadb": MariaDB}.items():
        if name != database or not database_url:
            needed.append(kind)
    try:
        # Helm's build needs the processors, downloads need the network.
        with ThreadPoolExecutor(1) as beside:
            building = beside.submit(helm)
            _download(needed)
            building.result()
    except LiuyanError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _download(needed: list[Callable[[], Server]]) -> None:
    get_chromium()
    promtool()
    if Kafka in needed:
        install_java()
    for create in needed:
        server = create()
        try:
            server.download()
        finally:
            server.close()
    for name in PROGRAMS:
        download_clients(name)


if __name__ == "__main__":
    sys.exit(main())
