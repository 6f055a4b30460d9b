"""Entry point of `liuyan` and `python -m liuyan`."""

import sys
from collections.abc import Callable

from liuyan.errors import LiuyanError
from liuyan.packages import check_location, check_owners
from liuyan.terminal import write_line


def main() -> None:
    """Check that Liuyan's packages are its own, then run the command line."""
    try:
        check_location()
        run = _command_line()
    except LiuyanError as error:
        write_line(f"liuyan: {error}", err=True)
        sys.exit(error.exit_status)
    run()


def _command_line() -> Callable[[], None]:
    try:
        from liuyan.cli import main as run
    except ImportError:
        check_owners()  # The usual cause is another distribution that overwrote files.
        raise
    return run


if __name__ == "__main__":
    main()
