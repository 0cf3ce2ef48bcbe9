"""python -m omni route --batch: lines in, lines out."""

import io
import json
import os
import subprocess
import sys
import threading

import pytest

from omni.__main__ import main
from omni.commands.batch import run_batch
from omni.router import BATCH, Router
from omni.types import Conversation, Preferences


def answers(router: Router, *lines: str, preferences: Preferences | None = None) -> list[dict]:
    target = io.StringIO()
    run_batch(router, preferences or Preferences(), io.StringIO("\n".join(lines)), target)
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_a_line_answers_a_line_in_order(router: Router):
    """With its id, or the number of its line; the figures are those of the decision."""
    prompt = "Prove that there are infinitely many primes."
    first, second = answers(
        router,
        json.dumps({"id": "a7", "prompt": prompt}),
        json.dumps({"messages": [{"role": "user", "content": "Hi"}]}),
    )
    decision = router.route(Conversation.from_prompt(prompt))
    assert first == {
        "id": "a7",
        "chosen": decision.chosen.model_id,
        "quality": decision.chosen.quality,
        "cost_usd": decision.chosen.cost_usd,
        "latency_s": decision.chosen.latency_s,
        "runner_up": decision.candidates[1].model_id,
        "decision_id": decision.decision_id,
    }
    assert second["id"] == 2


def test_a_bad_line_costs_only_itself(router: Router):
    """Not JSON, no prompt, both, an empty one: an error each, and the others are decided."""
    found = answers(
        router,
        "nonsense",
        "[1]",
        json.dumps({"id": 3}),
        json.dumps({"id": 4, "prompt": "x", "messages": []}),
        json.dumps({"id": 5, "prompt": " "}),
        json.dumps({"id": 6, "prompt": 7}),
        json.dumps({"id": 7, "prompt": "Hello"}),
    )
    assert [line["id"] for line in found] == [1, 2, 3, 4, 5, 6, 7]
    assert ["error" in line for line in found] == [True] * 6 + [False]
    assert "not JSON" in found[0]["error"]
    assert "The prompt is empty" in found[4]["error"]


def test_blank_lines_are_passed_over_and_long_input_is_cut_into_batches(router: Router):
    """More lines than fit one batch come out complete."""
    lines = [json.dumps({"id": at, "prompt": f"What is {at} plus one?"}) for at in range(BATCH + 3)]
    found = answers(router, "", *lines, "  ")
    assert [line["id"] for line in found] == list(range(BATCH + 3))


def test_a_line_is_answered_before_the_next_one_comes(router: Router):
    """A caller that waits for each answer does not wait for ever."""
    read, write = os.pipe()
    got = threading.Event()

    class Target(io.StringIO):
        def flush(self) -> None:
            if self.getvalue():
                got.set()

    with os.fdopen(read, encoding="utf-8") as source, os.fdopen(write, "w", encoding="utf-8") as feed:
        worker = threading.Thread(target=run_batch, args=(router, Preferences(), source, Target()), daemon=True)
        worker.start()
        feed.write(json.dumps({"prompt": "Hello"}) + "\n")
        feed.flush()
        assert got.wait(30)
        feed.close()
        worker.join(30)
        assert not worker.is_alive()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--prefer", "cheap", "--quality-per-usd", "1"], "give the preset or the weights"),
        (["--quality-per-s", "-1"], "quality_per_s is -1.0"),
        (["--batch", "no-such-file.jsonl"], "cannot be read"),
        (["--batch", "-", "A prompt"], "leave out the prompt"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words, capsys):
    """One line, exit code 2."""
    assert main(["route", *options]) == 2
    assert words in capsys.readouterr().err


def test_the_whole_command_reads_standard_input():
    """Two processes away: a pipe in, JSON lines out, weights by dial."""
    line = json.dumps({"prompt": "Translate 'good morning' into Korean."})
    done = subprocess.run(
        [sys.executable, "-m", "omni", "route", "--batch", "-", "--quality-per-usd", "100"],
        input=line, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert json.loads(done.stdout)["chosen"]
