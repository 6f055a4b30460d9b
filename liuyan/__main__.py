"""`python -m liuyan` is `liuyan`."""

from liuyan.cli import main

main()
