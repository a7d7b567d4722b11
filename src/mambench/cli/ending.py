"""The exit code of a measurement, from its rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.model import Report, Result


def exit_code(
    report: Report, *, environments: Collection[str], dtypes: Collection[str], fail_on_noise: bool = False
) -> ExitCode:
    """0 if every row that was asked for is ok or excused, 3 if nothing could be measured, else 4.

    `environments` and `dtypes` are those that were named: what `--all` or a preset brought along is excused. With
    `fail_on_noise` a row that something disturbed is not ok.
    """
    if not any(result.status == "ok" for result in report.results):
        return ExitCode.NOTHING
    broken = any(_is_broken(result, environments, dtypes) for result in report.results)
    if fail_on_noise and not broken:
        from mambench.analysis.answer import disturbed

        broken = any(disturbed(result) for result in report.results)
    return ExitCode.NOT_OK if broken else ExitCode.OK


def _is_broken(result: Result, environments: Collection[str], dtypes: Collection[str]) -> bool:
    if result.status != "unavailable" or result.failure is None:
        return result.status == "failed"
    from mambench.model import Reason

    stack = result.trial.stack.name
    is_named = stack in environments or result.trial.stack.source == "existing"
    return is_named and not (result.failure.reason == Reason.DTYPE and result.trial.dtype not in dtypes)
