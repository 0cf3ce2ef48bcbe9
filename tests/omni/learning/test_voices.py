"""Voices: one a visitor and subject, sums that follow them, and the step from sums to logits."""

import numpy as np
import pytest

from omni.learning.voices import BOUND, DOUBT, Voices, to_logits

ONE = np.array([1.0])


def voices(max_voices: int = 100) -> Voices:
    """One scope, halved every ten days."""
    return Voices(1, half_life_days=10.0, max_voices=max_voices)


def test_a_hundred_judgements_of_one_visitor_are_one_voice():
    """Weight and evidence stop at 1."""
    heard = voices()
    for _ in range(100):
        heard.add("v", "m", ONE, -ONE, day=5)
    weight, evidence = heard.sums("m", 5)
    assert (weight.item(), evidence.item()) == (1.0, -1.0)


def test_a_visitor_who_changes_their_mind_is_heard_with_the_latest():
    """Later judgements weigh more than earlier ones."""
    heard = voices()
    for said in (-1.0, -1.0, 1.0, 1.0):
        heard.add("v", "m", ONE, np.array([said]), day=5)
    assert heard.sums("m", 5)[1].item() == pytest.approx(0.5)


def test_visitors_add_up():
    """Three against one leaves two."""
    heard = voices()
    for visitor, said in [("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", -1.0)]:
        heard.add(visitor, "m", ONE, np.array([said]), day=5)
    assert [part.item() for part in heard.sums("m", 5)] == [4.0, 2.0]


def test_voices_fade_by_half():
    """What is not said again is forgotten; a new voice counts whole beside a faded one."""
    heard = voices()
    heard.add("a", "m", ONE, ONE, day=0)
    assert heard.sums("m", 10)[1].item() == 0.5
    heard.add("b", "m", ONE, ONE, day=10)
    assert heard.sums("m", 20)[1].item() == 0.75


def test_a_late_arrival_counts_as_faded_as_it_is_old():
    """The order in which judgements come in does not change the sum."""
    one, other = voices(), voices()
    for visitor, day in [("a", 0), ("b", 10)]:
        one.add(visitor, "m", ONE, ONE, day=day)
    for visitor, day in [("b", 10), ("a", 0)]:
        other.add(visitor, "m", ONE, ONE, day=day)
    assert one.sums("m", 10)[1].item() == other.sums("m", 10)[1].item() == 1.5


def test_the_oldest_voice_is_taken_back_when_there_are_too_many():
    """Memory is bounded, and the sums are those of the voices that are left."""
    heard = voices(max_voices=2)
    taken = [heard.add(visitor, subject, ONE, ONE, day=5) for visitor, subject in [("a", "m"), ("b", "n"), ("c", "n")]]
    assert taken == [None, None, "m"]
    assert len(heard) == 2
    assert heard.subjects == ("n",)
    assert heard.sums("m", 5)[0].item() == 0.0
    assert heard.add("d", "n", ONE, -ONE, day=5) == "n"
    assert heard.sums("n", 5)[1].item() == 0.0


@pytest.mark.parametrize(("n_voices", "n_agreeing"), [(1, 1), (4, 4), (100, 60), (10_000, 5_100)])
def test_few_voices_and_divided_ones_change_nothing(n_voices, n_agreeing):
    """Exactly nothing, not little: such evidence is within two standard errors of chance."""
    evidence = float(n_agreeing - (n_voices - n_agreeing))
    assert to_logits(np.array([float(n_voices)]), np.array([evidence])).item() == 0.0


def test_the_step_is_worked_out_by_hand():
    """Nine likes, less two standard errors of three likes each, against the nine and the doubt."""
    assert to_logits(np.array([9.0]), np.array([9.0])).item() == pytest.approx(2 * (9 - 2 * 3) / (9 + DOUBT))


def test_one_voice_more_never_counts_for_much():
    """Whatever others have said: less than 0.06 logits."""
    likes, dislikes = np.meshgrid(np.arange(300.0), np.arange(300.0))
    before = to_logits(likes + dislikes, likes - dislikes)
    after = to_logits(likes + dislikes + 1, likes - dislikes + 1)
    assert np.abs(after - before).max() < 0.13


def test_the_step_is_bounded_and_odd():
    """A million likes give a logit, as many dislikes take it."""
    assert to_logits(np.full(2, 1e6), np.array([1e6, -1e6])).tolist() == [BOUND, -BOUND]
