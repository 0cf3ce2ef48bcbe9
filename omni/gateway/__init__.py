"""Model servers: which are connected, what they serve, and one streamed answer with failover."""

from omni.gateway.breaker import BreakerState, Limits
from omni.gateway.client import ModelServer, OpenAIServer, Timeouts
from omni.gateway.gateway import Gateway, build_gateway
from omni.gateway.health import Health, HealthBoard, HealthSnapshot
from omni.gateway.messages import Answer, AnswerStatus, Attempt, Chunk, ErrorKind, Question, Target, Usage
from omni.gateway.prices import ActualCost, actual_cost
from omni.gateway.providers import Provider, providers_from
from omni.gateway.served import Listing, ServedBoard, match_names
from omni.gateway.together import watch_together

__all__ = [
    "ActualCost",
    "Answer",
    "AnswerStatus",
    "Attempt",
    "BreakerState",
    "Chunk",
    "ErrorKind",
    "Gateway",
    "Health",
    "HealthBoard",
    "HealthSnapshot",
    "Limits",
    "Listing",
    "ModelServer",
    "OpenAIServer",
    "Provider",
    "Question",
    "ServedBoard",
    "Target",
    "Timeouts",
    "Usage",
    "actual_cost",
    "build_gateway",
    "match_names",
    "providers_from",
    "watch_together",
]
