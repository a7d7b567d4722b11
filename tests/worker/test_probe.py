"""What a run is expected to take, from products that say their own seconds."""

from __future__ import annotations

import pytest
from probe import predicted_seconds
from request import Smaller

SIZE = 1024
WORK = float(SIZE**3)
SMALLER = [Smaller({"n": SIZE // divisor}, float((SIZE // divisor) ** 3)) for divisor in (8, 4, 2)]


class Products:
    """Seconds by size, one after the other where there are several; notes the sizes that were asked for."""

    def __init__(self, **seconds):
        self.seconds = {int(size[1:]): list(values) for size, values in seconds.items()}
        self.asked = []

    def __call__(self, size):
        self.asked.append(size.params["n"])
        values = self.seconds[size.params["n"]]
        return values.pop(0) if len(values) > 1 else values[0]


def test_far_below_the_limit_the_smallest_product_is_enough():
    products = Products(n128=[0.001])
    assert predicted_seconds(WORK, SMALLER, 10.0, products, second_look=True) == pytest.approx(0.512)
    assert products.asked == [128]


def test_only_the_largest_product_refuses():
    products = Products(n128=[0.1], n256=[0.3], n512=[0.4])
    assert predicted_seconds(WORK, SMALLER, 10.0, products, second_look=False) == pytest.approx(3.2)
    assert products.asked == [128, 256, 512]


def test_a_product_that_would_itself_be_over_the_limit_is_not_begun():
    products = Products(n128=[1.0], n256=[8.0])
    assert predicted_seconds(WORK, SMALLER, 10.0, products, second_look=False) == pytest.approx(512.0)
    assert products.asked == [128, 256]


@pytest.mark.parametrize(("again", "expected"), [(0.5, 4.0), (3.0, 16.0)])
def test_a_second_look_takes_the_better_of_both(again, expected):
    products = Products(n128=[0.03], n256=[0.25], n512=[2.0, again])
    assert predicted_seconds(WORK, SMALLER, 10.0, products, second_look=True) == pytest.approx(expected)
    assert products.asked == [128, 256, 512, 512]


def test_without_a_limit_there_is_nothing_to_climb_for():
    products = Products(n128=[100.0])
    assert predicted_seconds(WORK, SMALLER, None, products, second_look=True) == pytest.approx(51200.0)
    assert products.asked == [128]


def test_work_that_does_not_grow_as_the_third_power_is_followed():
    products = Products(n128=[0.5])
    size = [Smaller({"n": 128}, 10.0)]
    assert predicted_seconds(80.0, size, None, products, second_look=False) == pytest.approx(4.0)


def test_one_smaller_size_alone_is_believed():
    products = Products(n128=[0.1])
    assert predicted_seconds(WORK, SMALLER[:1], 10.0, products, second_look=False) == pytest.approx(51.2)
    assert products.asked == [128]
