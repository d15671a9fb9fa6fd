"""Comments that suppress findings: where they count, and which are reported themselves."""

from __future__ import annotations

import json
import re
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
        (CALLED, "D", True),
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
        "# noqa",
        "# NOQA  # by hand",
        "# noqa: NN1",
        "# noqa: E501, NN10",
        "# nnlint: ignore[NN1]",
        "# nnlint: ignore[warning]",
        "# nnlint: ignore[ALL]",
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
    "comment",
    [
        "# nnlint: the linter",
        "# noqa: F401",
        "# noqa: why",
        "# noqa-like",
        "# see nnlint:ignoreland",
    ],
)
def test_comments_that_are_none(tmp_path, comment):
    assert codes(run(tmp_path, UNSEEDED.replace("(8, 1)", f"(8, 1)  {comment}"))) == ["NN101"]


LOSSES = """import torch.nn.functional as F


def first(x, y):
    # A
    p = x.softmax(1)
    # B
    loss = F.cross_entropy(p, y)
    # C
    return loss


# D
def second(x, y):
    # E
    if y is None:
        # F
        return F.cross_entropy(
            # G
            x.softmax(1),
            y,
        )
    # H
    return F.cross_entropy(x.softmax(1), y)
# I
"""
"""NN401 on three rows: in `first`, in the block of the `if`, and on the last one."""


@pytest.mark.parametrize(
    ("marks", "left"),
    [
        ({}, [6, 12, 16]),
        ({"B": "ignore[NN401]"}, [12, 16]),
        ({"B": "ignore[NN4] it is shown to fail"}, [12, 16]),
        ({"B": "ignore"}, [12, 16]),
        ({"F": "ignore[NN401]"}, [6, 16]),
        ({"H": "ignore[softmax-into-cross-entropy]"}, [6, 12]),
        ({"A": "disable[NN401]"}, [12, 16]),
        ({"A": "disable[NN4]", "B": "enable[nn4]"}, [6, 12, 16]),
        ({"B": "disable[NN401]", "C": "enable[NN401]"}, [12, 16]),
        ({"D": "disable[NN401]"}, [6]),
        ({"D": "disable", "I": "enable"}, [6]),
        ({"E": "disable[NN401]", "H": "enable[NN401]"}, [6, 16]),
        ({"F": "disable[error]"}, [6, 16]),
    ],
)
def test_above_a_line_and_in_a_block(tmp_path, marks, left):
    text = LOSSES
    for mark, comment in marks.items():
        text = text.replace(f"# {mark}\n", f"# nnlint: {comment}\n")
    # the rows are those of a text without the other comments
    kept = [r for r in text.split("\n") if not re.fullmatch(r"\s*# [A-I]", r)]
    found = run(tmp_path, "\n".join(kept), Config(selection=Selection(select=("NN401", "NN0"))))
    rows = [f.start.row for f in found if f.code == "NN401"]
    added = [row for row, line in enumerate(kept, 1) if "# nnlint" in line]
    assert [r - sum(a < r for a in added) for r in rows] == left
    unused = [f for f in found if f.code != "NN401"]
    assert bool(unused) == (left == [6, 12, 16] and bool(marks))


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("x = 1  # nnlint: disable[NN401]", "NN005"),
        ("# nnlint: disable[]", "NN005"),
        ("# nnlint: enable[NN401]", "NN004"),
        ("# nnlint: disable[NN401]\nx = 1\n# nnlint: enable[NN402]", "NN004"),
        ("# nnlint: ignore[NN401]\nx = 1", "NN004"),
    ],
)
def test_what_begins_or_ends_nothing_is_told(tmp_path, comment, code):
    assert set(codes(run(tmp_path, f"{comment}\ny = 2\n"))) == {code}


def test_a_comment_on_its_own_row_counts_behind_others(tmp_path):
    text = UNSEEDED.replace("\nmodel", "\n# nnlint: ignore[NN101]\n\n# about it\nmodel")
    assert not run(tmp_path, text)
    # `noqa` speaks of its own row, as everywhere else
    text = UNSEEDED.replace("\nmodel", "\n# noqa: NN101\nmodel")
    assert codes(run(tmp_path, text)) == ["NN101"]


def test_a_comment_ends_with_its_cell(tmp_path):
    first, second = UNSEEDED.split("\n\n")
    for comment, left in (("ignore", ["NN004", "NN101"]), ("disable", ["NN004", "NN101"])):
        cells = [
            {"cell_type": "code", "source": s} for s in (f"{first}\n# nnlint: {comment}", second)
        ]
        assert (
            codes(run(tmp_path, json.dumps({"cells": cells, "nbformat": 4}), suffix=".ipynb"))
            == left
        )


def test_of_the_whole_file(tmp_path):
    assert not run(tmp_path, UNSEEDED + "# nnlint: ignore-file[missing-seed]\n")
    assert not run(tmp_path, "# nnlint: ignore-file\n" + UNSEEDED)
    assert codes(run(tmp_path, "# nnlint: ignore-file[NN3]\n" + UNSEEDED)) == ["NN004", "NN101"]
    assert codes(run(tmp_path, "# nnlint: ignore-file[NN9]\n" + UNSEEDED)) == ["NN005", "NN101"]
    assert not run(tmp_path, "# nnlint: ignore-file[NN1]\n" + UNSEEDED)


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
