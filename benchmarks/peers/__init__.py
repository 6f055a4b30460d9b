"""Compare Liuyan with what people would build instead: five programs on other libraries, in their own environments.

``programs`` are the peers, each written as its library's documentation recommends, and ``requirements`` pins the
packages of each environment. `make bench-peers` measures them in turns and writes ``benchmarks/results.json`` and
``benchmarks/results.md``.
"""
