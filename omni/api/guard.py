"""Who may ask the server, and how much at once."""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from omni.bodies import READ_S
from omni.caps import MAX_BODY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who may ask, and how much at once."""

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Empty = everyone."""
    in_space: bool = False
    """Whether a visitor's address is the one that the proxies of a Space noted."""
    max_body_bytes: int = MAX_BODY_BYTES
    """Pictures come inside the request."""
    read_s: float = READ_S
    """For the request to arrive whole."""
    serve_s: float = 1800.0
    """For everything; longer than any answer takes. Whoever has not taken theirs by then is gone."""

    def admits(self, authorization: str | None) -> bool:
        """Whether the header `Authorization: Bearer KEY` holds one of the keys; takes as long for any wrong key."""
        if not self.api_keys:
            return True
        scheme, _, given = (authorization or "").partition(" ")
        digest = sha256(given.strip().encode()).digest()
        matches = [hmac.compare_digest(digest, sha256(key.encode()).digest()) for key in self.api_keys]
        return any(matches) and scheme.lower() == "bearer"
