"""The recordings that shipped parameters are trained on and judged with.

The lists are fixed: a folder that a user puts into `data/recordings` is replayed, but no training reads it.
"""

SOURCE_RECORDINGS = (
    "farel_bench",
    "korbench",
    "lawbench",
    "mmlupro",
    "reasoning_gym",
    "shaberi",
    "structflowbench",
    "zeroeval",
)
"""One source each. Parameters are trained on their fit sides."""
MIXED_RECORDINGS = ("mixed-ks", "mixed-mzk", "mixed-sf", "mixed-zk", "mixed-zkf")
"""Joined from those above on the models that the parts share."""
SHIPPED_RECORDINGS = (*SOURCE_RECORDINGS, *MIXED_RECORDINGS)
"""All that studies read by default."""
