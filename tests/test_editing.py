"""One process that lints again and again while files are edited: it says what a fresh one says."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from nnlint.checking import check_file
from nnlint.config import Config
from nnlint.engine import Linter, lint
from nnlint.moving import Moving
from nnlint.project.results import FileResult
from nnlint.source.layout import Layout, Shift
from nnlint.source.reading import content_hash

ROOT = Path(__file__).parent.parent
PROJECTS = [
    ROOT / "examples" / "bird_songs",
    ROOT / "benchmarks" / "editor" / "project",
    ROOT / "fixtures" / "mean-of-batch-means" / "bad_callers_elsewhere",
    ROOT / "fixtures" / "missing-seed" / "bad_project",
    ROOT / "fixtures" / "view-mixes-batch" / "bad_shared_mixer_in_package",
    ROOT / "fixtures" / "softmax-into-cross-entropy" / "bad_inherit",
]
STEPS = 8
COMMENTS = (
    "best",
    "inf",
    "the loss",
    "seed",
    "nnlint: ignore[NN101]",
    "nnlint: ignore",
    "x or 'y'",
)


class Editor:
    """Files that are edited at random, some on disk and some in a buffer alone."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.files = sorted(folder.rglob("*.py"))
        self.overlay: dict[str, bytes] = {}
        self.before: dict[Path, str] = {}
        self.done = ""

    def edit(self) -> None:
        """Change one file."""
        path = self.random.choice(self.files)
        text = self.overlay.get(str(path), path.read_bytes()).decode()
        kinds = [self.comment, self.comment, self.blank, self.behind, self.uncomment]
        kinds += [self.delete, self.double, self.rename, self.number, self.broken]
        kind = self.random.choice(kinds)
        self.done = f"{kind.__name__} {path.name}"
        rows = text.split("\n")
        if path in self.before:
            rows = self.before.pop(path).split("\n")
            self.done = f"mended {path.name}"
        elif kind == self.broken:
            self.before[path] = text
        changed = "\n".join(rows if self.done.startswith("mended") else kind(rows))
        if self.random.random() < 0.5:
            self.overlay[str(path)] = changed.encode()
        else:
            self.overlay.pop(str(path), None)
            path.write_text(changed)

    def at(self, rows: list[str]) -> int:
        return self.random.randrange(len(rows))

    def comment(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        words = re.findall(r"\w{3,}", "\n".join(rows)) or ["x"]
        said = self.random.choice((*COMMENTS, " ".join(self.random.choices(words, k=4))))
        return [*rows[:at], f"{' ' * self.random.choice((0, 4, 8))}# {said}", *rows[at:]]

    def blank(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], *[""] * self.random.randint(1, 5), *rows[at:]]

    def behind(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        said = self.random.choice(COMMENTS)
        return [*rows[:at], f"{rows[at]}  # {said}" if rows[at].strip() else "", *rows[at + 1 :]]

    def uncomment(self, rows: list[str]) -> list[str]:
        return [row for row in rows if row.strip()[:1] not in ("#", "")]

    def delete(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return rows[:at] + rows[at + 1 :]

    def double(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], rows[at], *rows[at:]]

    def rename(self, rows: list[str]) -> list[str]:
        text = "\n".join(rows)
        name = self.random.choice(re.findall(r"\b[a-zA-Z_]\w+", text) or ["x"])
        return re.sub(rf"\b{name}\b", f"{name}_", text).split("\n")

    def number(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], re.sub(r"\d+", "3", rows[at]), *rows[at + 1 :]]

    def broken(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], "def (", *rows[at:]]


def linter() -> Linter:
    config = Config()
    return Linter(lambda folder: config, jobs=1)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_random_edits(tmp_path: Path, project: Path, seed: int = 0, steps: int = STEPS) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    (tmp_path / "pyproject.toml").touch()
    kept = linter()
    editor = Editor(folder, seed)
    done = []
    for _ in range(steps):
        found = kept.discover([str(folder)])
        mine = kept.run(found, dict(editor.overlay))
        fresh = linter().run(found, dict(editor.overlay))
        assert mine.findings == fresh.findings, (seed, done)
        assert dict(mine.passed) == dict(fresh.passed), (seed, done)
        assert mine.digests == fresh.digests
        editor.edit()
        done.append(editor.done)


TEXT = """import torch
from model import Net


def main():
    net = Net()  # the model
    print(
        net,  # in brackets
    )
    '''a
    # b'''


main()
"""


def moved_rows(before: str, after: str) -> dict[int, int] | None:
    shift = Shift.between(before, after)
    if shift is None:
        return None
    rows = range(1, before.count("\n") + 1)
    return {row: to for row in rows if (to := shift.row(row)) is not None}


def test_rows_of_code_are_found_again() -> None:
    same = moved_rows(TEXT, TEXT)
    assert same == {row: row for row in (1, 2, 5, 6, 7, 8, 9, 10, 11, 14)}
    more = TEXT.replace("\n\n\ndef", "\n# one\n\n# two\ndef").replace("# the model", "# another")
    assert moved_rows(TEXT, more) == {row: row + (row > 2) for row in same}
    assert moved_rows(more, TEXT) == {row + (row > 2): row for row in same}


@pytest.mark.parametrize(
    "old, new",
    [
        ("Net()", "Net( )"),
        ("# in brackets", "# between brackets"),
        ("# b", "# c"),
        ("    net = Net()", "  net = Net()"),
        ("main()\n", "main()\nmain()\n"),
        ("main():", "main() :"),
        ("import torch\n", "import torch\r\n"),
        ("import torch\n", "import torch\f\n"),
        ("import torch\n", "import (torch\n"),
    ],
)
def test_other_code_is_nowhere_else(old: str, new: str) -> None:
    assert old in TEXT and moved_rows(TEXT, TEXT.replace(old, new, 1)) is None


def test_comments_belong_to_the_code_around_them() -> None:
    shift = Shift.between(
        TEXT, TEXT.replace("# the model", "# best").replace("\n\n\nmain", "\nmain")
    )
    assert shift is not None and shift.changed == ["# the model", "# best"]
    assert Layout.of("") == Layout((), (), ((),))


BAD = """import torch
from model import Net

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(10):
    optimizer.zero_grad()
    net(torch.randn(4, 8)).mean().backward()
    optimizer.step()
"""
MODEL = """import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(BAD)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


class TestWhatIsInterpretedAgain:
    @pytest.fixture
    def checked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        names: list[str] = []

        def counted(display: str, *rest: Any) -> FileResult:
            names.append(Path(display).name)
            return check_file(display, *rest)

        monkeypatch.setattr("nnlint.checking.check_file", counted)
        return names

    @pytest.mark.parametrize(
        "name, old, new, again",
        [
            ("train.py", "net =", "# the net\nnet =", []),
            ("train.py", "Net()\n", "Net()  # nnlint: ignore[NN101]\n", []),
            ("model.py", "import torch", "# a model of Net and train\n\nimport torch", []),
            ("model.py", "Linear(8, 1)", "Linear(8, 2)", ["model.py", "train.py"]),
            ("train.py", "range(10)", "range(11)", ["train.py"]),
            # what tells where a pattern may match
            ("train.py", "net =", "# calls net.forward(x)\nnet =", ["train.py"]),
            (
                "train.py",
                "import torch\n",
                "# coding: utf-8\nimport torch\n",
                ["train.py"],
            ),
        ],
    )
    def test_after_an_edit(
        self, project: Path, checked: list[str], name: str, old: str, new: str, again: list[str]
    ) -> None:
        kept = linter()
        found = kept.discover([str(project)])
        kept.run(found)
        checked.clear()
        path = project / name
        overlay = {str(path): path.read_text().replace(old, new, 1).encode()}
        mine = kept.run(found, overlay)
        assert checked == again
        assert mine.findings == linter().run(found, overlay).findings
        # and back
        assert kept.run(found).findings == linter().run(found).findings

    def test_where_others_rules_look_on_everything_is(
        self, project: Path, checked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nnlint.moving.is_own", lambda rule: False)
        kept = linter()
        found = kept.discover([str(project)])
        kept.run(found)
        checked.clear()
        path = str(project / "train.py")
        kept.run(found, {path: f"# new\n{BAD}".encode()}, [path])
        assert checked == ["train.py"]


def test_findings_move_with_their_rows(project: Path) -> None:
    kept = linter()
    found = kept.discover([str(project)])
    (first,) = kept.run(found).findings
    train = project / "train.py"
    for number in range(1, 4):
        train.write_text("# a row\n" * number + BAD)
        (finding,) = kept.run(found).findings
        assert finding.start.row == first.start.row + number
        assert finding.rows == tuple(row + number for row in first.rows)


def test_a_run_that_is_the_only_one_keeps_no_contents(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    monkeypatch.setattr(Moving, "note", lambda self, path, *rest: noted.append(path))
    assert lint([str(project)], Config(), jobs=1, use_cache=False).findings and not noted
    kept = linter()
    assert kept.run(kept.discover([str(project)])).findings and len(noted) == 2


def test_no_more_contents_are_kept_than_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnlint.moving.LARGEST", 10_000)
    kept = Moving()
    for number in range(50):
        raw = f"{number}\n{BAD}".encode()
        path = str(tmp_path / f"m{number}.py")
        kept.note(path, FileResult(digest=content_hash(raw)), {path: raw})
    assert 5_000 < sum(map(len, kept._contents.values())) == kept._bytes <= 10_000
