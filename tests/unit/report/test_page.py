"""The page of a report: text in, text out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import time
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from builders import a_machine, a_report, a_round, a_spec, a_trial, an_environment
from comparisons import a_comparison, a_row, across_benchmarks
from test_document import a_full_report

from mambench.analysis import colours
from mambench.analysis.results import summarise
from mambench.analysis.summary import SummaryOptions
from mambench.app.pages import materials
from mambench.model import Failure, Package, Reason, Report, Result, RowWarning, Sample, WarningKind
from mambench.report import charts, document, html, page
from mambench.system import resources

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "\u202etfel ot thgir",
    "x" * 10_000,
    "' onmouseover='alert(1)",
)


def page_of(report: Report) -> str:
    return html.page(report, materials(), name="r.json")


def payload_of(text: str) -> list[dict[str, Any]]:
    match = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    return list(json.loads(match[1]))


class Outline(HTMLParser):
    """Tags, the text that a reader sees, and whether every element is closed."""

    VOID = {"meta"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(" ".join(data.split()))


def test_the_answer_comes_first_and_says_what_by_how_much_and_whether_to_believe_it() -> None:
    text = page_of(a_comparison())
    (title,) = re.findall(r"<h1>(.*?)</h1>", text)
    assert title.startswith("On this computer numpy-openblas@pypi is the fastest: ")
    assert "GFLOPS in float64" in title and "1.31 times numpy-mkl@conda; the difference is real" in title
    parts = ("ranking", "samples", "table", "ran", "machine", "again", "meaning")
    places = [text.index(f'<h2 id="{part}">') for part in parts]
    assert text.index("<h1>") < places[0]
    assert places == sorted(places)


def test_one_round_claims_no_more_than_it_saw() -> None:
    report = a_comparison(results=(a_row(rounds=1), a_row("numpy-mkl@conda", 0.131, rounds=1)))
    assert "was the fastest this time" in page_of(report) and "; the difference is real" not in page_of(report)


def test_of_a_sweep_over_threads_the_answer_is_about_the_fastest() -> None:
    rows = [
        a_row(stack, seconds / t, threads=t) for stack, seconds in (("a@pypi", 0.1), ("b@pypi", 0.2)) for t in (1, 4)
    ]
    (title,) = re.findall(r"<h1>(.*?)</h1>", page_of(a_comparison(results=tuple(rows))))
    assert "a@pypi is the fastest" in title and "(n = 512, 4 threads)" in title


def test_a_tie_and_a_disturbed_row_are_told_as_such() -> None:
    tie = a_comparison(results=(a_row(), a_row("numpy-mkl@conda", 0.1001)))
    assert "this measurement can see no difference" in page_of(tie)
    noisy = replace(a_row(), warnings=(RowWarning(WarningKind.OTHER_PROGRAM, percent=40.0),))
    text = page_of(a_comparison(results=(noisy, a_row("numpy-mkl@conda", 0.131))))
    assert "Do not rely on it yet" in text and "result verified, measurement disturbed" in text
    assert "another program used 40 % of the CPU" in text


def test_a_report_without_rows_numbers_or_an_end_has_a_page() -> None:
    assert "holds no rows" in page_of(a_report())
    failed = Result(a_trial(), "unavailable", failure=Failure("unavailable", Reason.NO_DEVICE, "no GPU was found"))
    text = page_of(a_report(results=(failed,)))
    assert "nothing could be measured" in text and "no GPU was found" in text and "stopped before its end" in text


def test_a_page_of_several_benchmarks_has_the_summary_before_its_charts() -> None:
    assert 'id="summary"' not in page_of(a_comparison())
    report = across_benchmarks("a@pypi", "<b>@pypi")
    text = page_of(report)
    assert text.index('<h2 id="summary">') < text.index('<h2 id="ranking">')
    assert "geometric mean" not in text and "<b>" not in text
    asked = html.page(report, materials(), name="r.json", across=SummaryOptions("<b>", score=True))
    outline = Outline(asked.removeprefix("<!doctype html>"))
    words = " ".join(filter(None, outline.words))
    assert outline.open == []
    assert "Speed over <b>: more is faster" in words and "stream float64 4096 cpu:0 default 1.00x 1.20x" in words
    assert "geometric mean 1.00x 1.20x" in words


def test_every_element_is_closed_and_tables_have_headers() -> None:
    outline = Outline(page_of(a_full_report()).removeprefix("<!doctype html>"))
    assert outline.open == []
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in outline.tags if tag == "th")
    assert ("html", {"lang": "en"}) in outline.tags


def test_the_tables_say_everything_without_scripts() -> None:
    bare = replace(materials(), scripts=())
    text = html.page(a_full_report(), bare, name="r.json")
    words = " ".join(Outline(text.removeprefix("<!doctype html>")).words)
    assert "<script" not in text and "data-chart" not in text and "Charts are missing" in words
    assert all(word in words for word in ("openblas 0.3.30", "numpy 2.4.6", "a lock", "it ended; café", "A processor"))


def test_the_policy_allows_the_pages_own_scripts_by_hash_and_no_network() -> None:
    text = page_of(a_comparison())
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    policy = policy.replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 4
    for script in (*scripts, *re.findall(r"<style>(.*?)</style>", text, re.DOTALL)):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    loading = [
        a for _, attributes in Outline(text.removeprefix("<!doctype html>")).tags for a in attributes if a == "src"
    ]
    assert loading == []


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:12])
def test_hostile_texts_are_texts(hostile: str) -> None:
    spec = a_spec(title=hostile)
    environment = an_environment(
        spec, packages=(Package(hostile, hostile),), lock_file=hostile, variables={hostile: hostile}
    )
    failure = Failure("failed", Reason.RAISED, hostile, hostile)
    rows = (
        a_row(),
        replace(a_row("existing:" + hostile), warnings=(RowWarning(WarningKind.WORKER, hostile),)),
        Result(a_trial(dtype="float32"), "failed", failure=failure),
    )
    machine = replace(a_machine(), hostname=hostile, os=hostile, notes=(hostile,))
    argv, warnings = ("run", hostile), (hostile,)
    text = page_of(a_report(results=rows, machine=machine, environments=(environment,), argv=argv, warnings=warnings))
    tame = page_of(a_report(results=(rows[0],), environments=(an_environment(),)))
    assert text.count("</script>") == text.count("<script") == tame.count("</script>")
    tags = Outline(text.removeprefix("<!doctype html>")).tags
    assert not [tag for tag, attributes in tags if tag == "img" or any(name.startswith("on") for name in attributes)]
    assert "49" not in re.sub(r"\d{3,}", "", text.partition('<h2 id="meaning">')[2][:200])
    assert hostile[:20] in json.dumps(payload_of(text), ensure_ascii=False) or "<" not in hostile
    assert len(text) < 1_500_000


def test_the_attached_json_is_the_report() -> None:
    report = a_full_report()
    (href,) = re.findall(r'href="data:application/json;base64,(.*?)"', page_of(report))
    assert json.loads(base64.b64decode(href)) == document.to_dict(report)


def test_a_long_json_is_attached_compressed_and_one_that_is_too_long_is_named() -> None:
    long = json.dumps({"x": list(range(60_000))})
    packed = page.attached("r.json", long)
    assert packed.name == "r.json.gz"
    assert json.loads(gzip.decompress(base64.b64decode(packed.href.partition(",")[2]))) == json.loads(long)
    noise = json.dumps([hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(20_000)])
    assert page.attached("r.json", noise).href == ""


def a_large_report(rows: int, samples: int, rounds: int) -> Report:
    stacks = [f"stack-{number}@pypi" for number in range(10)]
    results = []
    for number in range(rows):
        trial = a_trial(stacks[number % 10], n=512 + number // 10, m=512 + number // 10)
        made = []
        for index in range(rounds):
            times = [
                Sample(1.0 + i * 0.1234567890123, 0.1 + ((i * 7919 + number) % 997) * 1.234567e-5)
                for i in range(samples)
            ]
            made.append(a_round(index, samples=tuple(times)))
        results.append(summarise(trial, [replace(each, samples=s.samples) for each, s in zip(made, made, strict=True)]))
    return a_report(results=tuple(results))


def test_forty_rows_make_a_page_of_at_most_1_5_mb() -> None:
    for samples in (10, 60, 200):
        assert len(page_of(a_large_report(40, samples, 3)).encode()) <= 1_500_000


def test_a_thousand_rows_are_thinned_and_the_page_says_so() -> None:
    text = page_of(a_large_report(1000, 60, 3))
    drawn = sum(len(chart["specification"]["datasets"].get("samples", ())) for chart in payload_of(text))
    assert drawn < 3 * charts.MAX_POINTS
    assert "Thinned: of each round every" in text and "more groups of rows are not drawn" in text
    assert len(text.encode()) < 4_000_000


def test_thinning_keeps_the_fastest_and_the_slowest_run() -> None:
    times = [0.1] * 30_000
    times[1234], times[17_171] = 0.05, 0.5
    row = summarise(a_trial(), [a_round(0, seconds=times)])
    (chart,) = charts.samples([row])
    drawn = [datum["rate"] for datum in chart.data if datum["kind"] == "run"]
    assert len(drawn) < 10_000
    assert (max(drawn), min(drawn)) == tuple(float(f"{row.trial.work / s:.6g}") for s in (0.05, 0.5))


def test_there_are_charts_over_size_and_threads_only_where_there_are_several() -> None:
    one = [a_row(), a_row("numpy-mkl@conda")]
    assert (charts.sizes(one), charts.threads(one)) == ([], [])
    several = [a_row(n=n, m=n, k=n, threads=t) for n in (256, 512) for t in (1, 2)]
    assert [chart.specification for chart in charts.sizes(several)] == ["sizes", "sizes"]
    assert [chart.title for chart in charts.threads(several)] == [
        "float64 on cpu:0, n = 256",
        "float64 on cpu:0, n = 512",
    ]


def test_a_panel_of_the_ranking_holds_the_largest_size_with_interval_and_rounds() -> None:
    (panel,) = charts.ranking([a_row(n=256, m=256, k=256), a_row(), a_row("numpy-mkl@conda", 0.131)])
    medians = [datum for datum in panel.data if datum["kind"] == "median"]
    assert [datum["stack"] for datum in medians] == ["numpy-openblas", "numpy-mkl"]
    assert all(datum["low"] < datum["rate"] < datum["high"] for datum in medians)
    assert len([datum for datum in panel.data if datum["kind"] == "round"]) == 6


def test_a_stack_has_one_colour_in_every_chart() -> None:
    payload = payload_of(page_of(a_comparison()))
    kinds = {tuple(chart["colours"]) for chart in payload if len(chart["colours"]) == 2}
    assert kinds == {(colours.colour("numpy-mkl"), colours.colour("numpy-openblas"))}
    assert colours.colour("numpy-openblas") != colours.colour("numpy-mkl")


def test_colours_keep_a_contrast_of_3_to_1_on_both_backgrounds() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    style = materials().style
    papers = re.findall(r"--panel: (#\w{6})", style)[:2] + re.findall(r"--paper: (#\w{6})", style)[:2]
    for colour in colours.PALETTE:
        for paper in papers:
            dark, light = sorted((luminance(colour), luminance(paper)))
            assert (light + 0.05) / (dark + 0.05) >= 3, (colour, paper)


def test_the_scripts_are_the_pinned_ones() -> None:
    folder = resources.report()
    for pin in tomllib.loads((folder / "scripts.toml").read_text(encoding="utf-8"))["script"]:
        content = (folder / "scripts" / pin["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == pin["sha256"], "run scripts/fetch_charts.py"
        assert b"</script" not in content
        assert (folder / "scripts" / f"{pin['package']}.LICENSE").is_file()


def test_a_page_is_made_in_reasonable_time() -> None:
    """One second is promised; no test may depend on speed, so this only catches what grows out of bounds."""
    began = time.process_time()
    page_of(a_large_report(40, 60, 3))
    assert time.process_time() - began < 30
