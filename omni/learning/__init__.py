"""What people's judgements teach the router: small corrections of quality, bounded so that no visitor can swing it."""

from omni.learning.board import FeedbackBoard, load_board
from omni.learning.votes import Vote, to_vote

__all__ = ["FeedbackBoard", "Vote", "load_board", "to_vote"]
