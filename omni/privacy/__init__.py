"""Privacy: placeholders instead of private values on the way to a model, and nothing of them in logs and errors."""

from omni.privacy.anonymise import Anonymiser, Masked, MaskedBody
from omni.privacy.chunks import ChunkRestorer
from omni.privacy.redact import install_log_redaction, redact, without_echo
from omni.privacy.restore import Restorer

__all__ = [
    "Anonymiser",
    "ChunkRestorer",
    "Masked",
    "MaskedBody",
    "Restorer",
    "install_log_redaction",
    "redact",
    "without_echo",
]
