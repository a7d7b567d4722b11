"""What Slurm says, in plain words. Lines of squeue and messages are those of Slurm 22.05.8 where not said otherwise."""

from __future__ import annotations

import pytest

from mambench.cluster import states
from mambench.cluster.states import State

RUNNING = "RUNNING|1:00:00|0:02|2026-11-29T15:20:25|main|2|n[1-2]|None"
PENDING = "PENDING|10:00:00|0:00|N/A|main|1||PartitionTimeLimit"
ENDED = "TIMEOUT|1:00|0:04|2026-11-29T15:27:42|main|3|n[1-3]|TimeLimit"


def test_a_line_of_squeue_is_read():
    running, pending, ended = map(states.queued, (RUNNING, PENDING, ENDED))
    assert (running.name, running.nodes, running.run_time, running.time_limit) == (
        "RUNNING",
        "n[1-2]",
        "0:02",
        "1:00:00",
    )
    assert (running.is_over, running.is_waiting, running.reason) == (False, False, "")
    assert (pending.is_waiting, pending.reason, pending.start) == (True, "PartitionTimeLimit", "")
    assert (ended.is_over, ended.name) == (True, "TIMEOUT")


@pytest.mark.parametrize("line", ["", "RUNNING", "RUNNING|", "|||||||", "a|b|c|d|e|f|g|h|i"])
def test_a_line_that_is_cut_or_longer_is_read_as_far_as_it_goes(line: str):
    assert states.queued(line).name == line.partition("|")[0]
    assert states.accounted(line, name_of=str).name == line.partition("|")[0]


def test_the_accounting_tells_who_cancelled():
    # As the man page of sacct has it: a job that was cancelled names the number of the user.
    state = states.accounted("CANCELLED by 1000|01:00:00|00:00:04|n[1-2]|None", name_of={1000: "eve"}.__getitem__)
    assert (state.name, state.by) == ("CANCELLED", "eve")
    told = states.ending(state)
    assert told is not None and told.words == "was cancelled by eve"
    assert states.ending(State("CANCELLED"), by_us=True) != told


@pytest.mark.parametrize(
    ("reason", "part", "stuck"),
    [
        ("Resources", "at work for others", False),
        ("Priority", "higher priority", False),
        ("BeginTime", "--begin", False),
        ("PartitionTimeLimit", "more time than its partition allows", True),
        ("ReqNodeNotAvail, UnavailableNodes:n3", "down, drained or reserved", False),
        ("ReqNodeNotAvail(Unavailable:n3)", "down, drained or reserved", False),
        ("QOSMaxWallDurationPerJobLimit", "more time than a limit allows", True),
        ("QOSMaxNodePerJobLimit", "more than a limit allows", True),
        ("QOSMaxJobsPerUserLimit", "a limit of its user or account is reached", False),
        ("AssocGrpCpuLimit", "a limit of its user or account is reached", False),
        ("JobHeldUser", "it is held", True),
        ("SomethingNew", "Slurm's reason is SomethingNew", False),
        ("", "", False),
    ],
)
def test_each_reason_to_wait_has_words(reason: str, part: str, stuck: bool):
    told = states.waiting(State("PENDING", reason))
    assert part in told.words and told.stuck == stuck
    assert told.remedy or not stuck


def test_every_ending_but_the_jobs_own_has_words():
    for name in ("CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"):
        told = states.ending(State(name, time_limit="5:00"))
        assert told is not None and told.words and told.remedy
    assert states.ending(State("COMPLETED")) is None and states.ending(State("FAILED")) is None
    told = states.ending(State("TIMEOUT", time_limit="5:00"))
    assert told is not None and "time limit of 5:00" in told.words and "--time" in told.remedy


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid "
         "partition name specified", "--partition"),
        ("allocation failure: Requested node configuration is not available", "no nodes are as it asks for"),
        ("sbatch: error: Invalid --time specification", "--time takes minutes"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
         "--account"),
        ("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's "
         "size and/or time limits)", "limit"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_next_step(text: str, part: str):
    assert part in (states.refusal(text) or "")
    assert not states.is_silence(text)


SILENCE = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"


def test_a_controller_that_is_silent_refuses_nothing():
    assert states.is_silence(SILENCE) and states.refusal(SILENCE) is None
    assert states.is_silence("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    assert not states.is_silence("slurm_load_jobs error: Invalid job id specified")
    assert states.is_unknown("slurm_load_jobs error: Invalid job id specified")


def test_a_complaint_is_one_line_without_names_of_programs():
    text = 'sbatch: error: a b\nsbatch: error: a b\nsbatch: error: c\nTry "sbatch --help" for more information\n'
    assert states.complaint(text) == "a b; c"
    assert states.complaint("slurm_load_jobs error: Invalid job id specified") == "Invalid job id specified"


@pytest.mark.parametrize(
    ("state", "why", "can", "words"),
    [
        ("idle", "none", True, ""),
        ("mixed", "none", True, ""),
        ("idle~", "none", True, ""),
        ("drained", "bad fan", False, "Slurm says drained: bad fan"),
        ("draining@", "none", False, "Slurm says draining"),
        ("down*", "Not responding", False, "Slurm says down and does not answer: Not responding"),
        ("idle*", "none", False, "Slurm says idle and does not answer"),
        ("something_new", "none", False, "Slurm says something_new"),
    ],
)
def test_a_node_that_cannot_work_says_why(state: str, why: str, can: bool, words: str):
    assert states.node("n1", state, why) == ("n1", can, words)
