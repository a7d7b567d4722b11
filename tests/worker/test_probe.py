"""What a run is expected to take, from products that say their own seconds."""

from __future__ import annotations

import pytest
from probe import predicted_seconds

SIZE = 1024
PARAMS = {"m": SIZE, "n": SIZE, "k": SIZE}


class Products:
    """Seconds by size, one after the other where there are several; notes the sizes that were asked for."""

    def __init__(self, **seconds):
        self.seconds = {int(size[1:]): list(values) for size, values in seconds.items()}
        self.asked = []

    def __call__(self, shape):
        self.asked.append(shape["n"])
        values = self.seconds[shape["n"]]
        return values.pop(0) if len(values) > 1 else values[0]


def test_far_below_the_limit_the_smallest_product_is_enough():
    products = Products(n128=[0.001])
    assert predicted_seconds(PARAMS, 10.0, products, second_look=True) == pytest.approx(0.512)
    assert products.asked == [128]


def test_only_the_largest_product_refuses():
    products = Products(n128=[0.1], n256=[0.3], n512=[0.4])
    assert predicted_seconds(PARAMS, 10.0, products, second_look=False) == pytest.approx(3.2)
    assert products.asked == [128, 256, 512]


def test_a_product_that_would_itself_be_over_the_limit_is_not_begun():
    products = Products(n128=[1.0], n256=[8.0])
    assert predicted_seconds(PARAMS, 10.0, products, second_look=False) == pytest.approx(512.0)
    assert products.asked == [128, 256]


@pytest.mark.parametrize(("again", "expected"), [(0.5, 4.0), (3.0, 16.0)])
def test_a_second_look_takes_the_better_of_both(again, expected):
    products = Products(n128=[0.03], n256=[0.25], n512=[2.0, again])
    assert predicted_seconds(PARAMS, 10.0, products, second_look=True) == pytest.approx(expected)
    assert products.asked == [128, 256, 512, 512]


def test_without_a_limit_there_is_nothing_to_climb_for():
    products = Products(n128=[100.0])
    assert predicted_seconds(PARAMS, None, products, second_look=True) == pytest.approx(51200.0)
    assert products.asked == [128]
