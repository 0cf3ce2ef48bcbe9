"""The fault injector makes faults that are faults, leaves the working tree alone, and its list is up to date."""

import ast

import pytest

from tests.tools.faults import Copy, Fault, named_fault, random_faults, random_files
from tests.tools.mutations import find_mutations
from tests.tools.named import NAMED_FAULTS
from tests.tools.relevant import ROOT, rounds_of_tests

SOURCE = b'''
def f(a: int, b: int = 2) -> int:
    """\xc3\xa4: 1 + 1."""
    if not a < b and a:
        g(x=a, y=b)
    return a + b - 1
'''


def test_every_kind_of_fault_is_found() -> None:
    """Sign, comparison, and/or, constant, not, keywords and early return; docstrings and annotations are left alone."""
    found = {mutation.describe(SOURCE) for mutation in find_mutations(SOURCE)}
    assert found == {
        "sign: '+' -> '-'",
        "sign: '-' -> '+'",
        "comparison: '<' -> '>'",
        "and/or: 'and' -> 'or'",
        "constant: '2' -> '(3)'",
        "constant: '2' -> '(1)'",
        "constant: '1' -> '(2)'",
        "constant: '1' -> '(0)'",
        "not: 'not a < b' -> '(a < b)'",
        "keywords: 'a, y=b' -> 'b, y=a'",
        "early return: '' -> 'return None'",
    }


@pytest.mark.parametrize("path", ["omni/explain.py", "omni/quality/public.py", "evals/tables.py"])
def test_a_file_with_a_fault_still_parses(path: str) -> None:
    """What does not parse would be noticed by any test, and say nothing of these."""
    source = (ROOT / path).read_bytes()
    changed = [mutation.apply(source) for mutation in find_mutations(source)]
    assert len(changed) > 50
    assert all(ast.parse(text) and text != source for text in changed[::7])


@pytest.mark.parametrize("named", NAMED_FAULTS, ids=lambda named: named.what)
def test_a_listed_fault_can_be_made(named: object) -> None:
    """Its text stands once in its file; correct the list where the code was changed."""
    fault = named_fault(named)  # type: ignore[arg-type]
    assert ast.parse(fault.source)


def test_the_same_seed_draws_the_same_faults_on_covered_lines() -> None:
    """So that a miss can be looked at again."""
    path, covered = "omni/figures.py", set(range(15, 40))
    one, again = ([fault.what for fault in random_faults(path, 5, 3, covered)] for _ in range(2))
    assert one == again
    assert len(one) == 5
    assert sum(random_files(20, 3).values()) == 20


def test_tests_are_chosen_by_name_and_by_imports() -> None:
    """The file's own test comes first; a file without one is looked at by its room."""
    assert rounds_of_tests("omni/policy.py")[0][0] == "tests/omni/test_policy.py"
    assert "tests/omni/reading/test_privacy.py" in rounds_of_tests("omni/reading/private/numbers.py")[0]


def test_a_fault_is_noticed_in_a_copy(tmp_path) -> None:
    """The tests fail there with it, pass without it, and the working tree is as it was."""
    path, tests = "omni/figures.py", [["tests/omni/test_sentences.py"]]
    before = (ROOT / path).read_bytes()
    wrong = Fault(path=path, what="", source=before.replace(b"100 * share", b"10 * share"))
    copy = Copy(tmp_path)
    assert copy.judge(wrong, tests) == "noticed"
    assert copy.run(tests[0], coverage_of=path) == "passed"
    assert copy.covered_lines(path)
    copy.close()
    assert (tmp_path / path).read_bytes() == before == (ROOT / path).read_bytes()
