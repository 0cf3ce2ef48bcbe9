"""Recall and precision of the findings: `python -m tests.omni.privacy.check [--split heldout|dev]`."""

import argparse

from scipy.stats import binomtest

from tests.omni.privacy.labelled import compare, load_sentences


def main() -> int:
    """Prints a line a kind: share, 95 % Wilson interval and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("dev", "heldout"), default="heldout")
    sentences = load_sentences(parser.parse_args().split)
    n_without = sum(not sentence.spans for sentence in sentences)
    print(f"{len(sentences)} sentences, {n_without} of them without a label")
    for kind, counts in compare(sentences).items():
        recall = _share(counts.n_found, counts.n_labels)
        print(f"{kind:12} recall {recall}   precision {_share(counts.n_right, counts.n_findings)}")
    masked = compare(sentences, any_kind=True)["all"]
    print(f"{'any kind':12} recall {_share(masked.n_found, masked.n_labels)}   as masking sees it")
    return 0


def _share(n: int, total: int) -> str:
    if not total:
        return f"{'-':24}"
    low, high = binomtest(n, total).proportion_ci(method="wilson")
    return f"{n / total:5.1%} [{low:5.1%}, {high:5.1%}] {n}/{total}"


if __name__ == "__main__":
    raise SystemExit(main())
