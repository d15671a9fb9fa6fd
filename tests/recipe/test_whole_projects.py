"""A project that does nearly everything without the usual words, and one that only has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlint.config import Config
from nnlint.recipe.model import RecipeReport, Status
from nnlint.recipe.walking import walk_recipe
from nnlint.source.discovery import discover

WHOLE = Path(__file__).parent / "whole"
SECTIONS = ("data", "evaluation", "skeleton")
NOT_SHOWN = {"context", "position", "label-noise"}
"""What the project does not do, or what source cannot show."""


def walked(name: str) -> RecipeReport:
    path = str(WHOLE / name)
    return walk_recipe([path], discover([path]), [], Config())


@pytest.fixture(scope="module")
def quiet() -> RecipeReport:
    return walked("quiet")


def test_what_is_done_without_the_usual_words_is_seen(quiet: RecipeReport) -> None:
    missed = [
        verdict.bullet.name
        for section in SECTIONS
        for verdict in quiet.of_section(section)
        if verdict.status is not Status.DONE
    ]
    assert set(missed) == NOT_SHOWN


def test_each_piece_of_evidence_says_where_it_is(quiet: RecipeReport) -> None:
    for verdict in quiet.verdicts:
        for one in verdict.evidence:
            line = Path(one.filename).read_text("utf-8").splitlines()[one.row - 1]
            assert one.code.partition("(")[0] in line, one


def test_words_alone_are_no_evidence() -> None:
    loud = walked("loud")
    done = [v.bullet.name for s in SECTIONS for v in loud.of_section(s) if v.status is Status.DONE]
    # its tensors go into the model as they are: the one thing that it does, by leaving out the rest
    assert done == ["simplify"]
