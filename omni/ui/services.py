"""What the page shares between visitors, built once by app.py."""

from dataclasses import dataclass, field, fields

from omni.services import Services as SharedServices
from omni.ui.door import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(SharedServices):
    """The shared parts, and what only the page needs."""

    in_space: bool = False
    has_login: bool = False
    """Visitors can sign in and spend their own Hugging Face credit."""
    door: Door = field(default_factory=Door, repr=False)
    """Lets only the page's own requests do something."""

    @classmethod
    def over(cls, shared: SharedServices, *, in_space: bool, has_login: bool) -> "Services":
        """The page's services over the shared ones."""
        parts = {each.name: getattr(shared, each.name) for each in fields(shared)}
        return cls(**parts, in_space=in_space, has_login=has_login)
