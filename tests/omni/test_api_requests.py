"""What the bodies of requests may hold."""

import pytest
from pydantic import ValidationError

from omni.api.requests import FeedbackRequest


@pytest.mark.parametrize(("rating", "is_taken"), [(-1, True), (0.5, True), (1, True), (-1.01, False), (1.01, False)])
def test_a_rating_lies_between_minus_one_and_one(rating: float, is_taken: bool) -> None:
    """Both ends belong to it."""
    try:
        given = FeedbackRequest(decision_id="d", rating=rating).rating
    except ValidationError:
        given = None
    assert given == (rating if is_taken else None)
