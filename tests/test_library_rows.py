"""Library rows of rule packs and local folders: what they add, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from program_text import analysed

from nnlint import packs
from nnlint.packs import RulePackError
from nnlint.semantics.library import _FIELD_TYPES, Entry, load_library
from nnlint.testing import findings_of

FOCAL = (
    '"acme.losses.FocalLoss" = { kind = "loss", family = "focal", call = "class", '
    'parameters = "gamma=2.0", expects = "logits" }\n'
)
TRAIN = """import torch
from {module} import FocalLoss


def loss_of(model, clips, tags):
    criterion = FocalLoss(gamma=3.0)
    return criterion(torch.sigmoid(model(clips)), tags)
"""
OWN_LOSS = """from torch import nn


class FocalLoss(nn.Module):
    def forward(self, logits, target):
        return undetermined(logits, target)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that rows are taken from."""
    (tmp_path / "rules").mkdir()
    with packs.using([str(tmp_path / "rules")]):
        yield tmp_path / "rules"


def write(folder: Path, text: str, name: str = "rows.toml") -> Path:
    """Write rows; a folder is looked at once in a process, so it is done before."""
    (folder / name).write_text(text)
    return folder / name


def names(files: list[Path]) -> list[tuple[str, int, str]]:
    return [(Path(f.filename).name, f.start.row, f.name) for f in findings_of(files, "")]


def test_a_row_tells_rules_what_an_api_means(folder, tmp_path):
    write(folder, FOCAL)
    file = tmp_path / "train.py"
    file.write_text(TRAIN.format(module="acme.losses"))
    assert names([file]) == [("train.py", 7, "sigmoid-into-bce-with-logits")]
    with packs.using([]):
        assert names([file]) == []


@pytest.mark.parametrize("module", ["acme.losses", ".losses", "acme"])
def test_a_row_speaks_of_the_linted_package_too(folder, tmp_path, module):
    name = "acme.FocalLoss" if module == "acme" else "acme.losses.FocalLoss"
    write(folder, FOCAL.replace("acme.losses.FocalLoss", name))
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("from .losses import FocalLoss\n")
    (package / "losses.py").write_text(OWN_LOSS)
    (package / "train.py").write_text(TRAIN.format(module=module))
    found = names(sorted(package.iterdir()))
    assert found == [("train.py", 7, "sigmoid-into-bce-with-logits")]


def test_another_spelling_stands_for_what_is_known(folder, tmp_path):
    write(folder, '[aliases]\n"acme.losses.OurLoss" = "torch.nn.CrossEntropyLoss"\n')
    operations = analysed(
        "from acme.losses import OurLoss\n\n\ndef f(x, y):\n    return OurLoss()(x, y)\n"
    ).operations
    assert "cross_entropy" in [operation.entry.family for operation in operations]


def test_a_package_with_rows_is_no_foreign_one(folder):
    write(folder, FOCAL)
    library = load_library()
    assert library.is_added("acme.losses.FocalLoss") and not library.is_foreign("acme.data")
    assert not library.is_added("torch.nn.Linear")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"a.b" = { kind = "los" }', "`a.b`: `kind` cannot be 'los'; did you mean `loss`?"),
        ('"a.b" = { kind = "xyz" }', "`a.b`: `kind` cannot be 'xyz'; it is one of arrays, "),
        ('"a.b" = { knd = "loss" }', "`a.b`: unknown field `knd`; did you mean `kind`?"),
        ('"a.b" = { kind = 3 }', "`a.b`: `kind` must be a string"),
        ('"a.b" = { random = "yes" }', "`a.b`: `random` must be true or false"),
        ('"a.b" = { dimensions = true }', "`a.b`: `dimensions` must be a whole number"),
        ('"a.b" = { bases = "c" }', "`a.b`: `bases` must be a list of strings"),
        ('"a.b" = { options = 1 }', "`a.b`: `options` must be a table"),
        (
            '"a.b" = { event_methods = { f = 1 } }',
            "`event_methods` has a `f` that must be a string",
        ),
        ('"a.b" = { expects = "logit" }', "`a.b`: `expects` cannot be 'logit'; did you mean"),
        (
            '"a.b" = { seeds = ["torche"] }',
            "`a.b`: `seeds` cannot be 'torche'; did you mean `torch`",
        ),
        ('"a.b" = { parameters = "x y" }', "`a.b`: `parameters` has a bad parameter list: 'x y'"),
        ('"a.b" = { options = { call = "(" } }', "`a.b`: `options` has a bad parameter list: '('"),
        ('a.b = { kind = "loss" }', "`a` is the beginning of a name: a name with dots in it"),
        ("kind = 1", "`kind` is no row: a row is a table under the qualified name of an API"),
        ("x = [", "is no valid TOML: "),
        ("aliases = 1", "`aliases` must be a table"),
        ("packages = 1", "`packages` must be a list of strings"),
        ("[classes]\na = 1", "`classes` has a `a` that must be a list of strings"),
        (
            '[aliases]\n"a.b" = "torch.nn.Linea"',
            "`a.b` stands for `torch.nn.Linea`, of which nothing",
        ),
        ('"torch.nn.Linear" = { kind = "layer" }', "`torch.nn.Linear` is known to nnlint already"),
        (
            '"torch.nn.modules.linear.Linear" = { kind = "layer" }',
            "`torch.nn.modules.linear.Linear` is known to nnlint already",
        ),
    ],
)
def test_a_row_that_is_none_is_told(folder, text, told):
    file = write(folder, text)
    with pytest.raises(RulePackError) as caught:
        load_library()
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and told in message and "\n" not in message


def test_two_files_that_differ_are_told(folder):
    write(folder, FOCAL, "one.toml")
    other = write(folder, FOCAL.replace("focal", "bce"), "two.toml")
    with pytest.raises(RulePackError, match="is something else in"):
        load_library()
    other.write_text(FOCAL)
    assert "acme.losses.FocalLoss" in load_library().names()


def test_settings_are_no_rows(folder):
    for name in ("pyproject.toml", "nnlint.toml"):
        write(folder, 'stage = "overfit"\n', name)
    assert packs.row_files() == ()


def test_each_field_of_an_entry_can_be_given_with_a_value_of_its_type() -> None:
    sorts = {str: "str", bool: "bool", int: "int", tuple: "tuple[str, ...]"}
    wanted = {
        f.name: "Mapping" if f.default is MISSING else sorts[type(f.default)]
        for f in fields(Entry)
        if f.name not in ("name", "signature")
    }
    found = {
        key: kind.partition("[")[0] if "Mapping" in kind else kind
        for key, kind in _FIELD_TYPES.items()
    }
    assert found == {**wanted, "parameters": "str"}
