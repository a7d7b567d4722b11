"""Pure: counts and warnings in plain English; what terminal, wizard and reports all say."""

from __future__ import annotations

from mambench.model import RowWarning, WarningKind

DRIFTED, WARM_UP_LONGER = "speed drifted over the session (", "); run again with a longer --warmup"


def drift_of(text: str) -> RowWarning | None:
    """The warning behind a sentence about drift, which no single row's rounds tell; None for another sentence."""
    if text.startswith(DRIFTED) and text.endswith(WARM_UP_LONGER):
        return RowWarning(WarningKind.DRIFT, text.removeprefix(DRIFTED).removesuffix(WARM_UP_LONGER))
    return None


def plural(number: int, noun: str) -> str:
    """`package` for 1, else `packages`."""
    return noun if number == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """`1 package`, `1,234 packages`."""
    return f"{number:,} {plural(number, noun)}"


def percent(value: float) -> str:
    """`12 %`."""
    return f"{value:.0f} %"


def sentence(warning: RowWarning) -> str:
    """What happened and what to do; without a number when the warning has none, for rows that each have their own."""
    share = "" if warning.percent is None else f"{percent(warning.percent)} of "
    match warning.kind:
        case WarningKind.SPREAD:
            how = f"by {share}their median" if share else "widely"
            return f"samples spread {how}; close other programs and run again"
        case WarningKind.OUTPACED:
            return f"the fastest run was {warning.text} times as fast as the median; close other programs and run again"
        case WarningKind.REPEATED:
            return f"{warning.text}; it was measured once more at the end, both are in the report"
        case WarningKind.DRIFT:
            return f"{DRIFTED}{warning.text}{WARM_UP_LONGER}"
        case WarningKind.OTHER_PROGRAM:
            who = f"another program, above all {warning.text}," if warning.text else "another program"
            return f"{who} used {share}the CPU; close it and run again"
        case WarningKind.STEAL:
            return f"the host took {share}this virtual machine's CPU; run again when it is less busy"
        case WarningKind.QUOTA:
            how = "" if warning.percent is None else f" in {percent(warning.percent)} of its periods"
            return f"the CPU quota of this container or group stopped the runs{how}; use fewer --threads or lift it"
        case WarningKind.THROTTLED:
            return f"the {warning.text} slowed itself down (heat or power); let it cool, check its fans, run again"
        case WarningKind.BATTERY:
            return "measured on battery; plug in the charger and run again"
        case WarningKind.THREAD_VARIABLES:
            return f"{warning.text} set by you changes the number of threads; unset it or use --threads"
        case WarningKind.SHAPING_VARIABLE:
            return f"{warning.text} set by you changes what libraries do in a python of yours; unset it to compare"
        case WarningKind.FRESH_MEMORY:
            return f"each run took {warning.text} of fresh memory from the system; the price of that is in the figure"
        case WarningKind.UNCHECKED:
            return "the result was not checked; do not rely on this number"
        case WarningKind.UNPROVEN:
            return f"not proven: {warning.text}; neither the kernel's facts nor the loaded libraries show it"
        case WarningKind.WORKER | WarningKind.ENVIRONMENT:
            return warning.text
