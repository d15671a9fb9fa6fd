"""Comments that suppress findings: where they count, and which are reported themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training_scripts import UNSEEDED

from nnlint.config import Config, Selection
from nnlint.engine import Linter, lint
from nnlint.fixing import fix, permits

CALLED = UNSEEDED.replace(
    "model = nn.Linear(8, 1)\n",
    "model = nn.Sequential(  # A\n    nn.Flatten(),  # B\n    nn.Linear(8, 1),  # C\n    # D\n)  # E\n",
)
"""The finding is on the row of C; the statement goes from A to E."""
LOOPED = """import torch
from torch import nn


@torch.compile  # A
def train(model, loader, criterion):  # B
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:  # C
        if criterion(  # D
            model(x),  # E
            y,
        ).backward() is None and optimizer.step(  # F
        ) is None:  # G
            # H
            pass  # I
"""
"""The finding begins on F and ends on G; the header of the `if` goes from D to G."""


def run(tmp_path: Path, text: str, config: Config = Config(), suffix: str = ".py"):
    (tmp_path / f"train{suffix}").write_text(text, encoding="utf-8")
    return lint([str(tmp_path)], config, jobs=1, use_cache=False).findings


def codes(findings) -> list[str]:
    return [f.code for f in findings]


@pytest.mark.parametrize(
    ("text", "mark", "counts"),
    [
        (CALLED, "A", True),
        (CALLED, "B", False),
        (CALLED, "C", True),
        (CALLED, "D", False),
        (CALLED, "E", True),
        (LOOPED, "A", False),
        (LOOPED, "C", False),
        (LOOPED, "D", True),
        (LOOPED, "E", False),
        (LOOPED, "F", True),
        (LOOPED, "G", True),
        (LOOPED, "H", False),
        (LOOPED, "I", False),
    ],
)
def test_first_and_last_line_of_the_statement_count(tmp_path, text, mark, counts):
    (expected,) = codes(run(tmp_path, text))
    commented = text.replace(f"# {mark}\n", f"# nnlint: ignore[{expected}]\n")
    assert commented != text
    found = sorted(codes(run(tmp_path, commented)))
    assert found == ([] if counts else sorted([expected, "NN004"]))


@pytest.mark.parametrize(
    "comment",
    [
        "# nnlint: ignore",
        "#nnlint:ignore[NN101]",
        "# NNLINT: IGNORE[nn101]",
        "# nnlint: ignore[ missing-seed , ]",
        "# nnlint: ignore[NN101] it is only an example",
        "# type: ignore # nnlint: ignore[NN101]",
        "# noqa: NN101",
        "# noqa:E501,NN101",
        "#NOQA : nn101 # and more",
    ],
)
def test_forms(tmp_path, comment):
    assert not run(tmp_path, UNSEEDED.replace("(8, 1)", f"(8, 1)  {comment}"))


@pytest.mark.parametrize(
    ("comment", "code", "message"),
    [
        ("# nnlint: ignore NN101", "NN005", "in no form that nnlint knows"),
        ("# nnlint: ignore[]", "NN005", "in no form"),
        ("# nnlint: disable=NN101", "NN005", "in no form"),
        ("# nnlint: ignore-next-line[NN101]", "NN005", "in no form"),
        ("# nnlint: ignore[mising-seed]", "NN005", "did you mean `missing-seed`"),
        ("# noqa: NN999", "NN005", "no rule is called `NN999`"),
        ("# nnlint: ignore[NN301]", "NN004", "`NN301` is not reported here"),
    ],
)
def test_comments_that_suppress_nothing(tmp_path, comment, code, message):
    found = run(tmp_path, UNSEEDED.replace("(8, 1)", f"(8, 1)  {comment}"))
    assert codes(found) == ["NN101", code] and message in found[1].message
    assert found[1].start == (5, 26)


@pytest.mark.parametrize(
    "comment", ["# nnlint: the linter", "# noqa: F401", "# noqa", "# see nnlint:ignoreland"]
)
def test_comments_that_are_none(tmp_path, comment):
    assert codes(run(tmp_path, UNSEEDED.replace("(8, 1)", f"(8, 1)  {comment}"))) == ["NN101"]


def test_of_the_whole_file(tmp_path):
    assert not run(tmp_path, UNSEEDED + "# nnlint: ignore-file[missing-seed]\n")
    assert not run(tmp_path, "# nnlint: ignore-file\n" + UNSEEDED)
    assert codes(run(tmp_path, "# nnlint: ignore-file[NN3]\n" + UNSEEDED)) == ["NN005", "NN101"]


def test_nothing_hides_what_cannot_be_linted(tmp_path):
    assert codes(run(tmp_path, "# nnlint: ignore-file\nimport torch\nx = (\n")) == ["NN001"]


def test_rules_that_are_off_cannot_be_unused(tmp_path):
    text = UNSEEDED.replace("(8, 1)", "(8, 1)  # nnlint: ignore[NN101]")
    for selection in (Selection(ignore=("NN101",)), Selection(select=("NN3", "NN0"))):
        assert not run(tmp_path, text, Config(selection=selection))


def test_a_comment_for_all_rules_is_judged_when_all_are_asked(tmp_path):
    text = UNSEEDED.replace("(8, 1)", "(8, 1)  # nnlint: ignore")
    assert not run(tmp_path, text)
    assert codes(run(tmp_path, text, Config(selection=Selection(ignore=("NN1",))))) == ["NN004"]
    for selection in (Selection(ignore=("NN1",)), Selection(select=("NN3", "NN0"))):
        assert not run(tmp_path, text, Config(command_line=selection))


def test_reports_about_comments_can_be_turned_off(tmp_path):
    text = "x = 1  # nnlint: ignore[NN301]\n"
    assert codes(run(tmp_path, text)) == ["NN004"]
    assert not run(tmp_path, text, Config(selection=Selection(ignore=("unused-suppression",))))
    assert not run(tmp_path, text, Config(selection=Selection(select=("NN3",))))
    assert not run(tmp_path, text, Config(per_file_ignores=(("train.py", ("NN004",)),)))


def test_a_file_alone_cannot_tell_what_is_unused(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").write_text("")
    (tmp_path / "pkg/data.py").write_text("x = 1  # nnlint: ignore[NN202]\n")

    def of(*names: str) -> list[str]:
        paths = [str(tmp_path / name) for name in names]
        return codes(lint(paths, Config(), jobs=1, use_cache=False).findings)

    assert of(".") == ["NN004"]
    # another module may be what leads to the finding
    assert of("pkg") == of("pkg/data.py") == []


def test_a_finding_that_another_module_leads_to(tmp_path):
    (tmp_path / "data.py").write_text(
        "from torchvision import datasets, transforms as T\n\n\n"
        "def load():\n"
        "    t = T.RandomCrop(32)  # nnlint: ignore[NN202]\n"
        "    return datasets.CIFAR10('d', train=False, transform=t)\n"
    )
    assert not run(tmp_path, "import torch\nfrom data import load\n\nload()\n")


def test_in_a_notebook(tmp_path):
    def notebook(comment: str) -> str:
        first, second = UNSEEDED.split("\n\n")
        second = second.replace("(8, 1)", f"(8, 1)  {comment}")
        cells = [
            {"cell_type": "code", "source": s} for s in ("%matplotlib inline\n" + first, second)
        ]
        return json.dumps({"cells": cells, "nbformat": 4})

    assert not run(tmp_path, notebook("# nnlint: ignore[NN101]"), suffix=".ipynb")
    first, second = run(tmp_path, notebook("# nnlint: ignore[NN301]"), suffix=".ipynb")
    assert (second.code, second.cell, second.start) == ("NN004", 2, (2, 26))
    assert (first.code, first.cell, first.start) == ("NN101", 2, (2, 9))


def fixed(path: Path) -> str | None:
    """What the safe fixes about comments make of a file; None where there are none."""
    config = Config(selection=Selection(select=("NN0", "NN101", "NN401")))
    linter = Linter(lambda folder: config, jobs=1)
    outcome = fix(linter, linter.discover([str(path.parent)]), {}, permits(False))
    assert not outcome.dropped
    made = outcome.contents.get(str(path))
    return None if made is None else made.decode()


@pytest.mark.parametrize(
    ("comment", "result"),
    [
        ("  # nnlint: ignore[NN401]", ""),
        ("  # nnlint: ignore[NN401, NN101]", "  # nnlint: ignore[NN101]"),
        ("  # nnlint: ignore[ NN101,NN401 ]", "  # nnlint: ignore[NN101]"),
        ("  # noqa: E501  # nnlint: ignore[NN401]", "  # noqa: E501"),
        ("  # nnlint: ignore[NN401]  # noqa: E501", "  # noqa: E501"),
        ("  # nnlint: ignore[NN401] - for the demo", "  # for the demo"),
        ("  # by hand  # nnlint: ignore[NN401] for now", "  # by hand for now"),
        ("  # nnlint: ignore-file[NN401]", ""),
        # nothing but the misspelt name can be meant
        ("  # nnlint: ignore[mising-seed]", "  # nnlint: ignore[missing-seed]"),
        ("  # nnlint: ignore[mising-seed, NN401] why", "  # nnlint: ignore[missing-seed] why"),
        ("  # nnlint: ignore-file[missing-sed]", "  # nnlint: ignore-file[missing-seed]"),
        ("  # noqa: E501, NN1011", "  # noqa: E501, NN101"),
        # a rule of nearly that name is not reported here
        ("  # nnlint: ignore[softmax-in-cross-entropy]", None),
        ("  # nnlint: ignore NN401", None),
        ("  # nnlint: ignore[NN101]", None),
    ],
)
def test_what_is_wrong_with_a_comment_is_fixed(tmp_path, comment, result):
    path = tmp_path / "train.py"
    path.write_text(UNSEEDED.replace("(8, 1)", f"(8, 1){comment}"))
    expected = None if result is None else UNSEEDED.replace("(8, 1)", f"(8, 1){result}")
    assert fixed(path) == expected


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("# nnlint: ignore-file\nx = 1\n", "x = 1\n"),
        ("# about x\n# nnlint: ignore[NN401]\nx = 1\n", "# about x\nx = 1\n"),
        ("x = (\n    1,  # nnlint: ignore\n)\n", "x = (\n    1,\n)\n"),
        ("x = (\n    # nnlint: ignore\n    1,\n)\n", "x = (\n    1,\n)\n"),
        ("if x:  # nnlint: ignore\n\ty = 1\n\t# nnlint: ignore\n", "if x:\n\ty = 1\n"),
        ("def f():\n    return 1\n# nnlint: ignore", "def f():\n    return 1"),
        ('x = """\n# nnlint: ignore\n"""\n', None),
    ],
)
def test_unused_comments_go_wherever_they_stand(tmp_path, text, result):
    path = tmp_path / "train.py"
    path.write_text(text)
    assert fixed(path) == result


def test_unused_comments_of_a_notebook_go(tmp_path):
    cells = [
        {"cell_type": "code", "source": "%matplotlib inline\nx = 1  # nnlint: ignore"},
        {"cell_type": "code", "source": "# nnlint: ignore[NN401]\ny = 1"},
    ]
    path = tmp_path / "train.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    made = json.loads(fixed(path) or "")
    assert [c["source"] for c in made["cells"]] == ["%matplotlib inline\nx = 1", "y = 1"]


def test_fixes_of_comments_survive_the_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("x = 1  # nnlint: ignore\n")
    first, again = (lint(["."], Config(), jobs=1).findings for _ in range(2))
    assert first == again and first[0].fix is not None
