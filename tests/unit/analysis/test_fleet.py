"""A fleet: who is slow and who only seems so, what a slow node departs in, and the order of the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import a_device, a_trial
from digests import a_failed_row
from fleets import a_node, simulated, steady, with_facts

from mambench.analysis.departures import Departure
from mambench.analysis.digest import Digest, DigestRow
from mambench.analysis.fleet import STOPPED, UNFINISHED, Fleet, Missing, fleet
from mambench.analysis.fleet_answer import Topic, headline, lines
from mambench.analysis.slowness import split, yardstick
from mambench.model import WrongEntry

FLEETS = 50
MOST_ALARMS = 2
LEAST_FOUND = 48
LARGE = pytest.param(200, 8, marks=pytest.mark.long)


def flags(told: Fleet) -> bool:
    return bool(told.slow or told.kinds)


# ------------------------------------------------------------------------------------------- simulated fleets


@pytest.mark.parametrize(("nodes", "rows"), [(3, 1), (3, 8), (4, 8), (10, 8), (50, 2), (200, 1), LARGE])
def test_equal_nodes_are_hardly_ever_named(nodes: int, rows: int) -> None:
    assert sum(flags(fleet(simulated(seed, nodes, rows))) for seed in range(FLEETS)) <= MOST_ALARMS


@pytest.mark.parametrize("nodes", [3, 4, 10, 50, 200])
def test_equal_nodes_that_scatter_as_in_clouds_are_hardly_ever_named(nodes: int) -> None:
    alarms = [
        flags(fleet(simulated(seed, nodes, 2, between_rounds=0.03, between_nodes=0.048))) for seed in range(FLEETS)
    ]
    assert sum(alarms) <= MOST_ALARMS


@pytest.mark.parametrize("rows", [1, 2, pytest.param(8, marks=pytest.mark.long)])
def test_one_node_in_200_slower_by_5_percent_is_found(rows: int) -> None:
    told = [
        fleet(simulated(seed, 200, rows, slower=lambda number: 1 / 0.95 if number == 17 else 1.0))
        for seed in range(FLEETS)
    ]
    assert sum("n17" in [each.node for each in slow.slow] for slow in told) >= LEAST_FOUND
    assert sum(len(slow.slow) > 1 for slow in told) <= MOST_ALARMS


def test_few_nodes_show_great_differences_only() -> None:
    def named(by: float) -> list[str]:
        told = fleet(simulated(1, 4, 4, slower=lambda number: by if number == 2 else 1.0))
        return [each.node for each in told.slow]

    assert named(1.06) == [] and named(1.3) == ["n2"]


@pytest.mark.parametrize("slower_ones", [60, 90, 100, 110, 140])
def test_halves_after_an_update_are_two_kinds_and_no_hundred_slow_nodes(slower_ones: int) -> None:
    def slower(number: int) -> float:
        return 1.1 * (1.06 if number == 7 else 1.0) if number < slower_ones else 1.0

    told = fleet(simulated(3, 200, 1, slower=slower))
    ((_, kinds),) = told.kinds
    assert len(kinds.slower) == slower_ones and kinds.ratio == pytest.approx(1 / 1.1, abs=0.005)
    assert [each.node for each in told.slow] == ["n7"], "slow among its own kind"
    assert told.slower_than(0.05) and not told.slower_than(0.2)


def test_a_few_slow_nodes_are_no_kind() -> None:
    told = fleet(simulated(3, 200, 1, slower=lambda number: 1.1 if number < 15 else 1.0))
    assert len(told.slow) == 15 and told.kinds == ()


def test_rounds_that_lie_apart_make_nobody_slow() -> None:
    quiet = [a_node(f"n{number}", steady()) for number in range(50)]
    restless = steady(1.1)
    assert restless.seconds is not None
    wide = replace(restless, seconds=replace(restless.seconds, low=0.09, high=0.13))
    assert fleet([*quiet, a_node("n50", restless)]).slow
    assert not fleet([*quiet, a_node("n50", wide)]).slow


def test_a_rule_knows_its_limit() -> None:
    told = yardstick([0.0, 0.001, -0.001] * 60, values=180)
    assert not told.is_slow(-0.029, 0.0) and told.is_slow(-0.04, 0.0)
    assert 0.03 <= told.seen_from < 0.04
    assert yardstick([0.0, 0.001, -0.001], values=3).seen_from <= 0.2
    assert split([0.0, 0.2] * 9) is None and split([0.0, 0.2] * 10) == pytest.approx(0.1)


# -------------------------------------------------------------------------------------------- what is compared


def many(row: DigestRow, count: int = 20, start: int = 0) -> list[Digest]:
    return [a_node(f"n{number}", row) for number in range(start, start + count)]


def test_different_hardware_is_never_compared() -> None:
    new, old = steady(device_name="A new one"), steady(1.5, device_name="An old one")
    told = fleet([*many(new), *many(old, start=20)])
    assert not flags(told) and [group.device_name for group in told.groups] == ["A new one", "An old one"]
    assert not flags(fleet([*many(steady()), *[replace(each, methodology=1) for each in many(steady(1.5), start=20)]]))


def test_the_value_of_a_node_is_the_median_over_its_sessions() -> None:
    sessions = [
        replace(a_node("n20", steady(by)), run_id=str(by), created=f"2026-11-2{day}T10:00:00Z")
        for day, by in enumerate((1.0, 1.3, 1.01))
    ]
    (group,) = fleet([*many(steady()), *sessions]).groups
    (value,) = [each for each in group.values if each.node == "n20"]
    assert value.sessions == 3 and not value.slow and value.ratio == pytest.approx(1 / 1.01)


def test_one_or_two_nodes_tell_nothing_and_that_is_said() -> None:
    for count in (1, 2):
        told = fleet(many(steady(), count - 1) + [a_node("other", steady(2.0))])
        assert not flags(told) and told.groups[0].seen_from is None
        assert "cannot be told" in headline(told)
        assert any(line.topic == Topic.NOTE and "nothing can be told" in line.text for line in lines(told))


def test_a_gpu_that_is_slow_is_named_and_its_neighbours_are_not() -> None:
    def node(number: int) -> Digest:
        by = [1.08 if (number, gpu) == (5, 3) else 1.0 for gpu in range(4)]
        rows = [steady(by[gpu], trial=a_trial("torch-cuda@pypi", f"cuda:{gpu}")) for gpu in range(4)]
        return a_node(f"n{number}", *rows)

    (slow,) = fleet(map(node, range(30))).slow
    assert [str(group.trial.device) for group, _ in slow.values] == ["cuda:3"]
    (line,) = [each.text for each in lines(fleet(map(node, range(30)))) if each.topic == Topic.SLOW]
    assert line.startswith("n5: slow on cuda:3 in 1 of its 4 rows, by 7.4 %")


# ----------------------------------------------------------------------------------------------- what differs


def test_what_a_slow_node_has_and_others_have_not_is_told_with_their_number() -> None:
    usual = with_facts(steady(), microcode="0x2b000603", governor="performance", kernel="6.8.0-45")
    odd = with_facts(steady(), microcode="0x2b000603", governor="performance", kernel="6.8.0-31")
    slow = with_facts(steady(1.1), microcode="0x2b000461", governor="powersave", kernel="6.8.0-45")
    slow = replace(slow, readings=(("CPU clock", 2000.0),), other_cpu_percent=31.0, disturbed_rounds=3)
    quick = replace(usual, readings=(("CPU clock", 3000.0),))
    told = fleet([*many(quick, 198), a_node("n198", odd), a_node("n199", slow)])
    (node,) = told.slow
    words = [each.words for each in node.departures]
    assert words == [
        "microcode 0x2b000461, all 199 others 0x2b000603",
        "governor powersave, all 199 others performance",
        "disturbed rounds 3 of 5, all 199 others 0 of 5",
        "CPU clock 2,000 MHz, the median of others 3,000 MHz",
        "background load 31 % of the CPU, the median of others 0 % of the CPU",
    ]
    assert Departure("kernel", "a", "b", 198, 199).words == "kernel a, 198 of 199 others b"


def test_packages_and_what_is_not_told_differ_too() -> None:
    usual, slow = with_facts(steady(), firmware="2.1"), with_facts(steady(1.1))
    slow = replace(slow, surroundings=replace(slow.surroundings, packages=(("numpy", "2.4.5"),)))
    (node,) = fleet([*many(usual, 30), a_node("slow", slow)]).slow
    assert [each.words for each in node.departures] == [
        "firmware not told, all 30 others 2.1",
        "numpy 2.4.5, all 30 others 2.4.6",
    ]


def test_two_kinds_are_told_by_what_most_of_each_have() -> None:
    before, after = with_facts(steady(), kernel="45"), with_facts(steady(1.08), kernel="50")
    told = fleet([*many(before, 25), *many(after, 24, start=25), a_node("n50", with_facts(steady(1.08), kernel="45"))])
    ((_, kinds),) = told.kinds
    assert [each.words for each in kinds.departures] == ["kernel 50, all 25 others 45"]
    (line,) = [each.text for each in lines(told) if each.topic == Topic.KINDS]
    assert "25 (n25, n26," in line and "7.4 % slower than the other 25" in line
    assert "two kinds" in headline(told)


def test_a_slow_node_of_which_nothing_else_is_known_says_so() -> None:
    told = fleet([*many(steady()), a_node("n20", steady(1.2))])
    assert "nothing else differs" in lines(told)[0].text


# ------------------------------------------------------------------------------------- wrong, failed, missing


def a_wrong_row() -> DigestRow:
    trial = a_trial("torch-cpu@pypi", dtype="float32", m=4096, n=4096, k=4096)
    return replace(a_failed_row(), trial=trial, message="wrong", wrong_entry=WrongEntry((12, 345), 1.25, 0.98))


def test_a_wrong_product_is_first_and_loud() -> None:
    crashed = replace(a_failed_row(reason="crashed"), message="killed by SIGSEGV")
    digests = [*many(steady()), a_node("n20", steady(1.2)), a_node("n21", crashed), a_node("n17b", a_wrong_row())]
    told = fleet(digests, missing=[Missing("n99", "it was drained")])
    first, what_to_do, *others = lines(told)
    assert first.text.startswith(
        "n17b: WRONG RESULT: torch-cpu@pypi float32 n = 4096 on cpu:0: entry [12, 345] is 1.25, should be 0.98"
    )
    assert what_to_do.text.startswith("Take n17b out of use") and "memory and processor" in what_to_do.text
    topics = [line.topic for line in (first, what_to_do, *others)]
    assert list(dict.fromkeys(topics)) == [Topic.WRONG, Topic.FAILED, Topic.MISSING, Topic.SLOW]
    assert "1 computed a WRONG RESULT (n17b)" in headline(told)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (WrongEntry((0, 1), None, 0.5), "entry [0, 1] is not a finite number, should be 0.5"),
        (WrongEntry((2, 0, 1), 1.0, None), "entry [2, 0, 1] is 1"),
        (WrongEntry((0, 0), 1.0000000001, 1.0), "entry [0, 0] is 1.0000000001, should be 1.0"),
        (None, "on cpu:0: wrong (run"),
    ],
)
def test_an_entry_is_told_as_far_as_it_is_known(entry: WrongEntry | None, words: str) -> None:
    told = fleet([a_node("n1", replace(a_wrong_row(), wrong_entry=entry))])
    assert words in lines(told)[0].text


def test_a_product_that_was_wrong_once_stays_wrong() -> None:
    row = a_wrong_row()
    right = replace(steady(), trial=row.trial)
    sessions = [
        a_node("n1", row, run_id="a", created="2026-11-21T10:00:00Z"),
        a_node("n1", right, run_id="b", created="2026-11-22T10:00:00Z"),
    ]
    told = fleet(sessions)
    assert len(told.wrong) == 1 and not told.failed


def test_the_latest_session_counts_for_failures() -> None:
    failed, fine = a_failed_row(reason="crashed"), steady()
    days = [{"run_id": day, "created": f"2026-11-2{day}T10:00:00Z"} for day in "12"]
    assert fleet([a_node("n1", failed, **days[0]), a_node("n1", fine, **days[1])]).failed == ()
    (row,) = fleet([a_node("n1", fine, **days[0]), a_node("n1", failed, **days[1])]).failed
    assert (row.node, row.reason) == ("n1", "crashed")


@pytest.mark.parametrize("reason", ["mislabelled", "implausible", "timed_out"])
def test_whatever_has_no_number_that_counts_is_a_failure(reason: str) -> None:
    (row,) = fleet([*many(steady()), a_node("n20", a_failed_row(reason=reason))]).failed
    assert row.reason == reason.replace("_", " ")
    unchecked = replace(steady(), verified=False)
    (row,) = fleet([a_node("n20", unchecked)]).failed
    assert row.reason == "not checked"


def test_what_is_unavailable_everywhere_is_no_failure_and_on_one_node_it_is() -> None:
    gone = replace(a_failed_row(reason="no_device"), status="unavailable")
    assert fleet(many(gone)).failed == ()
    assert [each.node for each in fleet([*many(steady()), a_node("n20", gone)]).failed] == ["n20"]


def test_a_run_that_did_not_come_to_its_end_is_not_complete() -> None:
    running = a_node("n1", steady(), complete=False, finished=None)
    stopped = a_node("n2", steady(), complete=False)
    told = fleet([running, stopped, a_node("n3", steady())])
    assert [(each.node, each.why) for each in told.incomplete] == [("n1", UNFINISHED), ("n2", STOPPED)]
    again = replace(running, complete=True, run_id="again", created="2026-11-22T10:00:00Z")
    assert fleet([running, again]).incomplete == ()


def test_a_gpu_that_fell_off_its_bus_is_missed() -> None:
    rows = [steady(trial=replace(a_trial(), device=a_device(f"cuda:{gpu}"))) for gpu in range(2)]
    whole = [a_node(f"n{number}", *rows) for number in range(10)]
    (lacking,) = fleet([*whole, a_node("n10", rows[0])]).incomplete
    assert lacking.node == "n10" and "lacks a row on cuda:1" in lacking.why
    other = replace(a_node("n10", rows[0]), processor="Another processor")
    assert fleet([*whole, other]).incomplete == ()


def test_the_same_trouble_of_many_nodes_is_one_line() -> None:
    failed = replace(a_failed_row(reason="timed_out"), message="after 600 s")
    told = lines(fleet(many(failed, 100)))
    assert [line.text.partition(": ")[0] for line in told] == ["n0, n1, n2, n3, n4, n5, n6, n7 and 92 more"]
    many_slow = fleet([*many(steady(), 300), *(a_node(f"s{n}", steady(1.2 + n / 100)) for n in range(30))])
    told = [line for line in lines(many_slow) if line.topic == Topic.SLOW]
    assert len(told) == 21 and told[-1].text.startswith("10 more")


def test_nodes_are_in_the_order_of_their_numbers() -> None:
    assert fleet([a_node(name, steady()) for name in ("n10", "n9", "n1")]).nodes == ("n1", "n9", "n10")


def test_all_is_well() -> None:
    told = fleet(many(steady(), 30))
    assert headline(told) == "30 nodes: all is well, none is slow." and lines(told) == []
