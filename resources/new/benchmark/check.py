"""Proof of a sort: s is in rising order, and it holds exactly the numbers that x holds.

verify yields (name, error, the largest error of an honest result), or raises ValueError in words. An error above that
is a wrong result, which never gets a number. It is called some times for each round, with the operands as they are
then. It imports the standard library, and numpy only when it is called; Python 3.9 must understand it.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

# A random float64 number is a float32 one by a chance of 2**-29.
MOST_FLOAT32 = 0.01


def verify(
    operands: Sequence[Any], result: Any, params: dict[str, Any], *, seed: int, thorough: bool
) -> Iterator[tuple[str, float, float]]:
    """Yield the pairs out of order and, if thorough (once), the share of float32 numbers in x.

    A matrix has .name, .shape and .blocks(), and matrix(start, stop) gives those rows as float64. `seed` is one that
    no kernel could know. Raises ValueError where s holds other numbers than x.
    """
    numpy = importlib.import_module("numpy")
    (x,) = operands
    key = random.Random(f"sort {seed}").getrandbits(64)
    wrong, last, wanted, held, narrow = 0, -numpy.inf, 0, 0, 0
    for start, stop, block in result.blocks():
        line = numpy.concatenate(([last], block.reshape(-1)))
        wrong += numpy.count_nonzero(~(line[:-1] <= line[1:]))  # written so that NaN is out of order
        last = line[-1]
        numbers = x(start, stop)
        wanted += checksum(numpy, numbers, key)
        held += checksum(numpy, block, key)
        narrow += numpy.count_nonzero(numbers.astype("float32") == numbers)
    yield "pairs_out_of_order", float(wrong), 0.0
    if (wanted - held) % 2**64:
        raise ValueError("s does not hold the numbers of x: some are missing, changed, or of before the last flip")
    if thorough:
        yield "float32_numbers", narrow / params["n"], MOST_FLOAT32


def checksum(numpy: Any, block: Any, key: int) -> int:
    """Return the sum of a hash of each number's bits: the same in any order, another one for any other numbers.

    The hash is that of SplitMix64 (https://prng.di.unimi.it/splitmix64.c), keyed, so that nobody can make two sets of
    numbers with the same sum.
    """
    bits = (block + 0.0).view("uint64")  # + 0.0 makes one of 0.0 and -0.0
    bits ^= numpy.uint64(key)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits ^= bits >> numpy.uint64(shift)
        bits *= numpy.uint64(factor)
    bits ^= bits >> numpy.uint64(31)
    return int(bits.sum())
