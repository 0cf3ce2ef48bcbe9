"""python -m omni route, as a process would see it."""

import json

import pytest

from omni.__main__ import main

KEYS = {"decision_id", "catalog_version", "profile", "chosen", "candidates", "excluded", "explanation"}
PROFILE_KEYS = {"language", "tasks", "difficulty", "input_tokens", "privacy", "safety"}


def run_json(capsys, *args: str) -> dict:
    """The parsed JSON of a call that succeeds."""
    assert main(["route", "--json", *args]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_the_agreed_keys(capsys):
    """Other tools read these names."""
    decision = run_json(capsys, "Why is the sky blue?")
    assert set(decision) >= KEYS
    assert set(decision["profile"]) >= PROFILE_KEYS
    assert decision["chosen"] == decision["candidates"][0]["model_id"]
    assert [c["rank"] for c in decision["candidates"]] == list(range(1, len(decision["candidates"]) + 1))


def test_two_calls_print_the_same(capsys):
    """Bit for bit."""
    assert run_json(capsys, "Name three rivers.") == run_json(capsys, "Name three rivers.")


def test_plain_output_explains_and_lists(capsys):
    """Without --json a person reads the reason and the first candidates."""
    assert main(["route", "Name three rivers."]) == 0
    out = capsys.readouterr().out
    assert "The runner-up is" in out
    assert "  1  " in out


def test_messages_come_from_a_file(capsys, tmp_path):
    """A request with an image is read from JSON."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:x"}}]
    path = tmp_path / "request.json"
    path.write_text(json.dumps([{"role": "user", "content": content}]), encoding="utf-8")
    decision = run_json(capsys, "--messages", str(path))
    assert {e["reason"] for e in decision["excluded"]} >= {"modality"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([""], "empty"),
        ([], "No prompt"),
        (["--prefer", "luck", "Hi"], "balanced"),
        (["--max-cost", "free", "Hi"], "--max-cost"),
        (["--messages", "missing.json"], "cannot be read"),
        (["--messages", "missing.json", "Hi"], "one of them"),
        (["--allow", "nobody/*", "Hi"], "No model"),
    ],
)
def test_bad_input_exits_2_with_one_line(capsys, args, said):
    """What was wrong stands in a single line on standard error."""
    assert main(["route", *args]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
