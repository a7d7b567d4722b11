"""The record of a job in the home."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mambench.cluster.job import Absent, Job, Jobs, current
from mambench.errors import HomeError, UsageError

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_job_is_found_by_its_number_and_the_latest_without(tmp_path: Path):
    jobs = Jobs(tmp_path / "slurm")
    for number in ("7", "12"):
        folder = jobs.new_folder(NOON)
        jobs.keep(Job(number, folder, "", folder.name, 4, "mambench slurm run a", (Absent("n9", "down"),)))
    assert [job.folder and job.folder.name for job in jobs.all()] == ["20261129T120000Z-2", "20261129T120000Z"]
    assert jobs.find(None).id == "12"
    assert jobs.find("7").absent == (Absent("n9", "down"),)
    assert jobs.find("4711") == Job("4711")  # submitted by hand


def test_what_changes_in_a_record_is_seen(tmp_path: Path):
    jobs = Jobs(tmp_path)
    job = Job("7", jobs.new_folder(NOON))
    assert current(job) == job
    jobs.keep(replace(job, cancelled="now"))
    assert current(job).cancelled == "now"
    assert current(Job("7")) == Job("7")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 7}', '{"id": "7", "absent": 1}', "null"])
def test_a_broken_record_hides_no_other(tmp_path: Path, text: str):
    jobs = Jobs(tmp_path)
    good = jobs.new_folder(NOON)
    jobs.keep(Job("7", good))
    (jobs.new_folder(NOON) / "job.json").write_text(text)
    assert [job.id for job in jobs.all()] == ["7"]


def test_without_a_job_and_with_a_bad_number_the_next_step_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match="no job was submitted"):
        Jobs(tmp_path / "none").find(None)
    with pytest.raises(UsageError, match="numpy is no id of a job"):
        Jobs(tmp_path).find("numpy")


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "slurm").write_text("")
    with pytest.raises(HomeError, match="cannot write"):
        Jobs(tmp_path / "slurm").new_folder()
