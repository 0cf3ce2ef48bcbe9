"""Model servers: which are connected, what they serve, and one streamed answer with failover."""

from omni.gateway.breaker import BreakerState, Limits
from omni.gateway.client import ModelServer, OpenAIServer, Timeouts
from omni.gateway.discovery import find_servers, finder_for
from omni.gateway.gateway import Gateway, build_gateway, remaining
from omni.gateway.health import HealthBoard
from omni.gateway.hedge import Hedge, Race, Start, race
from omni.gateway.listing import ServedModel
from omni.gateway.matching import How, match_names, match_served
from omni.gateway.messages import Answer, AnswerStatus, Attempt, Chunk, ErrorKind, Question, Target, Usage
from omni.gateway.prices import ActualCost, actual_cost
from omni.gateway.providers import HUGGING_FACE, Credential, Provider, providers_from
from omni.gateway.served import Listing, ServedBoard
from omni.gateway.snapshots import Health, HealthSnapshot
from omni.gateway.status import GatewayStatus, ListingState, ProviderStatus
from omni.gateway.together import watch_together

__all__ = [
    "HUGGING_FACE",
    "ActualCost",
    "Answer",
    "AnswerStatus",
    "Attempt",
    "BreakerState",
    "Chunk",
    "Credential",
    "ErrorKind",
    "Gateway",
    "GatewayStatus",
    "Health",
    "HealthBoard",
    "HealthSnapshot",
    "Hedge",
    "How",
    "Limits",
    "Listing",
    "ListingState",
    "ModelServer",
    "OpenAIServer",
    "Provider",
    "ProviderStatus",
    "Question",
    "Race",
    "ServedBoard",
    "ServedModel",
    "Start",
    "Target",
    "Timeouts",
    "Usage",
    "actual_cost",
    "build_gateway",
    "find_servers",
    "finder_for",
    "match_names",
    "match_served",
    "providers_from",
    "race",
    "remaining",
    "watch_together",
]
