"""Small projects, each made for one bullet: what they say of it, and where.

`tests/recipe/projects/<bullet>/<project>/` holds a whole project. A comment `# done: <bullet>`
or `# contradicted: <bullet>` marks a line that is evidence; any other status stands anywhere,
as `# missing: <bullet>`. `# stage: <stage>` sets the stage. A file of another format than
Python says it in its own comments.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nnlint.config import Config, Selection
from nnlint.engine import Linter
from nnlint.finding import Stage
from nnlint.recipe.bullets import BULLETS, codes
from nnlint.recipe.model import Status, Verdict
from nnlint.recipe.walking import walk_recipe

PROJECTS = Path(__file__).parent / "projects"
_MARKER = re.compile(r"(?:#|//)\s*([a-z-]+):\s*([a-z-]+)")
_WITH_PLACES = (Status.DONE, Status.CONTRADICTED)


def _projects() -> list[Path]:
    return sorted(folder for bullet in PROJECTS.iterdir() for folder in bullet.iterdir())


@pytest.mark.parametrize(
    "project", _projects(), ids=lambda folder: f"{folder.parent.name}-{folder.name}"
)
def test_a_project_has_the_status_that_is_marked(project: Path) -> None:
    bullet = project.parent.name
    wanted, places, stage = _expected(project, bullet)
    verdict = _walked(project, bullet, stage)
    found = {(Path(one.filename).name, one.row) for one in verdict.evidence if one.status is wanted}
    assert verdict.status is wanted, verdict
    if wanted in _WITH_PLACES:
        assert found == places, verdict


def _walked(project: Path, bullet: str, stage: Stage | None) -> Verdict:
    config = Config(selection=Selection(select=tuple(sorted(codes(bullet)))), stage=stage)
    linter = Linter(lambda folder: config, jobs=1, cache_dir=None, follows_edits=False)
    found = linter.discover([str(project)])
    findings = linter.run(found).findings if codes(bullet) else ()
    report = walk_recipe([str(project)], found, findings, config, only=bullet)
    return next(v for v in report.verdicts if v.bullet.name == bullet)


def _expected(project: Path, bullet: str) -> tuple[Status, set[tuple[str, int]], Stage | None]:
    """The status that the markers of a project give a bullet, the places, and the stage."""
    statuses: list[Status] = []
    places: set[tuple[str, int]] = set()
    stage = None
    for file in sorted(file for file in project.rglob("*") if file.is_file()):
        for row, line in _lines(file):
            for word, told in _MARKER.findall(line):
                if word == "stage":
                    stage = Stage(told)
                elif told == bullet:
                    statuses.append(Status(word))
                    places.add((file.name, row))
    assert len(set(statuses)) == 1, f"{project} needs markers of one status of {bullet}"
    return statuses[0], places, stage


def _lines(file: Path) -> list[tuple[int, str]]:
    """The lines of a file with their numbers; those of a notebook count within their cell."""
    text = file.read_text("utf-8")
    if file.suffix != ".ipynb":
        return list(enumerate(text.splitlines(), 1))
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    return [pair for cell in cells for pair in enumerate(cell.splitlines(), 1)]


def test_every_folder_of_projects_is_a_bullet() -> None:
    assert {folder.name for folder in PROJECTS.iterdir()} <= {bullet.name for bullet in BULLETS}
