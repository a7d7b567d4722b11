"""The named amounts of measuring."""

from __future__ import annotations

from mambench.model import (
    Limits,
    Preset,
)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            title="a first number within seconds, one round, no interval",
            rounds=1,
            limits=Limits(
                warmups=2,
                min_runs=5,
                max_runs=50,
                max_seconds=3,
                target_spread=0.01,
                max_run_seconds=20,
                probe=True,
                warmup_seconds=0.5,
                budget_seconds=60,
            ),
            timeout_seconds=300,
        ),
        Preset(
            name="standard",
            title="large sizes as in the original article, five rounds, with intervals",
            rounds=5,
            limits=Limits(
                warmups=2,
                min_runs=3,
                max_runs=200,
                max_seconds=15,
                target_spread=0.01,
                max_run_seconds=120,
                probe=True,
                warmup_seconds=2,
                budget_seconds=180,
            ),
            timeout_seconds=1800,
        ),
        Preset(
            name="thorough",
            title="a sweep of sizes, five rounds, 20 s of the largest",
            rounds=5,
            limits=Limits(
                warmups=3,
                min_runs=5,
                max_runs=500,
                max_seconds=60,
                target_spread=0.005,
                max_run_seconds=300,
                probe=True,
                warmup_seconds=5,
                budget_seconds=1200,
            ),
            timeout_seconds=3600,
            sustained_seconds=20,
        ),
    )
}
