"""One trial over time: its points in order, and where something changed."""

from __future__ import annotations

from dataclasses import replace

from digests import a_digest, a_digest_row, a_failed_row, scaled

from mambench.analysis.digest import DigestRow, Surroundings
from mambench.analysis.history import Point, beside_the_one_before, histories


def at(day: int, row: DigestRow, **changes: object) -> object:
    return a_digest(row, created=f"2026-11-{day:02d}T10:00:00Z", run_id=f"{day:032x}", **changes)  # type: ignore[arg-type]


def points(*digests: object) -> list[Point]:
    (only,) = histories(digests).values()  # type: ignore[arg-type]
    return only


def packed(by: float = 1.0, facts: tuple[tuple[str, str], ...] = (), numpy: str = "2.4.5") -> DigestRow:
    return a_digest_row(scaled(by), surroundings=Surroundings((("numpy", numpy),), facts))


def test_the_oldest_comes_first_and_has_nothing_before_it() -> None:
    seen = points(at(3, packed()), at(1, packed()), at(2, packed()))
    assert [point.digest.created[8:10] for point in seen] == ["01", "02", "03"]
    assert seen[0].difference is None and beside_the_one_before(seen[0]) == ""
    assert [point.verdict for point in seen[1:]] == ["same", "same"]


def test_a_package_a_driver_and_a_methodology_are_marked_where_they_changed() -> None:
    seen = points(
        at(1, packed()),
        at(2, packed(numpy="2.4.6")),
        at(3, packed(numpy="2.4.6", facts=(("driver of GPU cuda:0", "580"),))),
        at(4, packed(numpy="2.4.6", facts=(("driver of GPU cuda:0", "580"),)), methodology=3),
    )
    told = ["; ".join(change.words for change in point.changes) for point in seen]
    assert told == [
        "",
        "numpy 2.4.5, now 2.4.6",
        "driver of GPU cuda:0 not told, now 580",
        "methodology 2, now 3",
    ]
    assert seen[3].difference is None, "numbers of another methodology are not compared"


def test_a_slower_point_is_proven_or_not_said() -> None:
    seen = points(at(1, packed()), at(2, packed(2.0)), at(3, packed(2.01)), at(4, a_digest_row([0.1])))
    assert [point.verdict for point in seen] == [None, "slower", "same", None]
    assert beside_the_one_before(seen[1]) == "0.50x, slower"
    assert beside_the_one_before(seen[3]).endswith("too few rounds")


def test_a_failed_point_stays_and_the_next_is_compared_with_the_one_before_it() -> None:
    seen = points(at(1, packed()), at(2, a_failed_row()), at(3, packed(2.0)))
    assert [point.rate is None for point in seen] == [False, True, False]
    assert seen[2].verdict == "slower" and seen[1].difference is None


def test_background_load_is_no_change_and_another_machine_is() -> None:
    seen = points(at(1, packed()), at(2, replace(packed(), other_cpu_percent=60.0)), at(3, packed(), machine="other"))
    assert seen[1].changes == ()
    assert [change.words for change in seen[2].changes] == ["machine host, now other"]


def test_an_interval_is_in_gflops() -> None:
    (point,) = points(at(1, packed()))
    assert point.interval is not None and point.rate is not None
    assert point.interval[0] < point.rate < point.interval[1]
