"""`nnlint new-rule`: a rule that works, its page, its fixtures and their test, to begin with."""

from __future__ import annotations

import keyword
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nnlint.text import plain, shown_path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_CODE = re.compile(r"[A-Z]{2,8}\d{3}")
_DECLARED = re.compile(r"@rule\(\s*[\"']([A-Z]{2,8})(\d{3})[\"']")

RULE = '''\
from nnlint.rule import Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule("{code}", level=Level.ADVICE, recipe="overfit one batch", on=Calls(kind="loss", family="l1"))
def {function}(loss: Operation, context: Context) -> None:
    """A loss of absolute errors: to be replaced by what this rule is about.

    ## What it does
    Finds every loss of absolute errors. `nnlint debug FILE` shows what a rule can subscribe to.

    ## Why it hurts training
    The gradient has the same size however small the error is.

    ## Example
    ```python
    import torch.nn.functional as F


    def loss_of(predicted, target):
        return F.l1_loss(predicted, target)  # want: {name}
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F


    def loss_of(predicted, target):
        return F.smooth_l1_loss(predicted, target)
    ```

    ## When not to use it
    Where outliers must count no more than their number.

    ## References
    - [torch.nn.L1Loss](https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html)
    """
    context.report(
        loss.site,
        f"`{{loss.site.text}}` pulls as hard at a small error as at a large one",
        help="Use `smooth_l1_loss`.",
    )
'''
PROGRAM = '''\
"""Train a regressor of ages."""

import torch
from torch import nn


def train(model, loader, epochs=10):
    torch.manual_seed(0)
    criterion = nn.{loss}()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    model.train()
    for _ in range(epochs):
        for faces, ages in loader:
            optimizer.zero_grad()
            loss = criterion(model(faces).squeeze(1), ages){marker}
            loss.backward()
            optimizer.step()
'''
TEST = '''\
"""The rules report what the markers in their fixtures and pages want, and nothing else."""

from pathlib import Path

import pytest

from nnlint.testing import cases, check, check_page

HERE = Path(__file__).parent.parent
RULES = [HERE{below}]
FIXTURES = HERE / "fixtures"


@pytest.mark.parametrize("case", cases(FIXTURES), ids=str)
def test_fixture(case):
    # the rule alone; select=["{prefix}"] runs the others too, and fails where they report
    check(case, rules=RULES, select=[case.rule])


@pytest.mark.parametrize("name", sorted(folder.name for folder in FIXTURES.iterdir()))
def test_page(name):
    check_page(name, rules=RULES, select=[name])
'''


@dataclass(frozen=True, slots=True)
class Home:
    """Where a rule goes."""

    top: Path
    """The folder that has the fixtures and tests."""
    package: Path
    """The folder that is given to `--rules`."""
    rules: Path
    """The folder that the rule's file goes into."""
    project: str
    """The name of the pack's distribution, or of the folder."""


@click.command(short_help="Write a rule to begin with, its fixtures and their test.")
@click.argument("name")
@click.option("--code", help="Capital letters and three digits (default: the next free one).")
@click.option(
    "--into",
    type=click.Path(file_okay=False),
    default=".",
    metavar="DIR",
    help="Folder of the pack or of the local rules (default: the current one).",
)
def new_rule(name: str, code: str | None, into: str) -> int:
    """Write the rule NAME, such as unsmoothed-labels, with its page, its fixtures and their test.

    In a rule pack, it goes into the package that the entry point names, else into the folder
    itself. What is there already is not touched. The rule works and its tests pass: change them
    step by step.
    """
    function = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(function):
        raise click.UsageError(f"`{name}` is no name of a rule: write it like `unsmoothed-labels`")
    if code is not None and not _CODE.fullmatch(code):
        raise click.UsageError(f"`{code}` is no code: write it like `ACME001`")
    home = _home(Path(os.path.abspath(into)))
    code = code or _next_code(home)
    _check_is_free(name, code)
    fixtures = home.top / "fixtures" / name
    files = {
        home.rules / f"{function}.py": RULE.format(code=code, function=function, name=name),
        fixtures / "reported.py": PROGRAM.format(loss="L1Loss", marker=f"  # want: {name}"),
        fixtures / "silent.py": PROGRAM.format(loss="SmoothL1Loss", marker=""),
    }
    test = home.top / "tests" / "test_rules.py"
    if not _is_tested(home.top):
        below = "".join(f' / "{part}"' for part in home.package.relative_to(home.top).parts)
        files[test] = TEST.format(prefix=code[:-3], below=below)
    for file in files:
        if os.path.lexists(file):
            raise click.UsageError(f"{shown_path(file)} exists already")
    for file, text in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise click.FileError(str(file), error.strerror or str(error)) from error
        click.echo(f"wrote {plain(shown_path(file))}")
    click.echo(
        f"lint with it: nnlint --rules {shown_path(home.package)} --extend-select {code} PATHS"
    )
    click.echo(f"test it:      python -m pytest {shown_path(home.top / 'tests')}")
    return 0


def _home(folder: Path) -> Home:
    for top in (folder, *folder.parents):
        project = _table(top / "pyproject.toml").get("project")
        points = project.get("entry-points") if isinstance(project, dict) else None
        packs = points.get("nnlint.rules") if isinstance(points, dict) else None
        if not isinstance(packs, dict) or not isinstance(project, dict) or not packs:
            continue
        module = str(next(iter(packs.values()))).partition(":")[0].split(".")
        places = [top.joinpath(*above, *module) for above in ((), ("src",), ("rules",))]
        package = next((place for place in places if place.is_dir()), None)
        if package is None:
            raise click.UsageError(
                f"{shown_path(top / 'pyproject.toml')} names the package `{'.'.join(module)}` of rules, "
                "which is not there"
            )
        inside = folder == package or package in folder.parents
        return Home(top, package, folder if inside else package, str(project.get("name", "")))
    return Home(folder, folder, folder, "")


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise click.UsageError(f"{shown_path(file)} is no valid TOML: {error}") from error


def _next_code(home: Home) -> str:
    """The code after those of the other rules, or the first one of a name of its own."""
    declared = [
        (match[1], int(match[2]))
        for file in home.package.rglob("*.py")
        for match in _DECLARED.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    if declared:
        prefix = Counter(prefix for prefix, _ in declared).most_common(1)[0][0]
        number = max(number for other, number in declared if other == prefix) + 1
    else:
        words = re.sub(r"nnlint|rules?|lint", "", home.project.lower())
        letters = re.sub(r"[^A-Z]", "", words.upper())[:8]
        prefix, number = letters if len(letters) > 1 and letters != "NN" else "HOUSE", 1
    if number > 999:
        raise click.UsageError(f"there is no code left after {prefix}999: give one with --code")
    return f"{prefix}{number:03}"


def _check_is_free(name: str, code: str) -> None:
    from nnlint.registry import every_rule

    for rule in every_rule():
        if rule.name == name or rule.code == code:
            raise click.UsageError(f"there is a rule {rule.code} {rule.name} already")


def _is_tested(top: Path) -> bool:
    """Whether a test of all fixtures is there."""
    return any(
        "nnlint.testing" in file.read_text(encoding="utf-8", errors="replace")
        for file in (top / "tests").glob("test_*.py")
    )
