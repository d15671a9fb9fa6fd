"""Rule packs of others: found, run, selected; and what becomes of broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from training_scripts import UNSEEDED

RULE = '''
from nnlint.rule import Context, Level, Programs, rule
{imports}

@rule("{code}", level=Level.WARNING, recipe="none", on=Programs())
def {name}(program, context: Context) -> None:
    """A finding for each step of an optimizer.

    ## What it does
    It fires.

    ## Why it hurts training
    It does not.

    ## Example
    None.

    ## Use instead
    None.

    ## When not to use it
    Always.

    ## References
    None.
    """
    {before}
    for event in program.events("step"):
        context.report(event.site, "a step is taken")
'''


class Pack:
    """A distribution with a rule pack, as an installer lays it down."""

    def __init__(self, site: Path) -> None:
        self.site = site
        (site / "steps/inner").mkdir(parents=True)
        (site / "steps/__init__.py").write_text("")
        (site / "steps/inner/__init__.py").write_text("")
        info = site / "nn_steps-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nn-steps\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[nnlint.rules]\nsteps = steps\n")
        self.rule()

    def rule(self, code="XX001", name="any_step", imports="", before="pass", file="") -> None:
        """Write the rule."""
        text = RULE.format(code=code, name=name, imports=imports, before=before)
        (self.site / f"steps/inner/{file or name}.py").write_text(text)

    def nnlint(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """A run where the pack is installed."""
        path = os.pathsep.join([str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, "-m", "nnlint", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return Pack(tmp_path / "site")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/train.py").write_text(UNSEEDED)
    return tmp_path / "work"


def codes(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [f["code"] for f in json.loads(result.stdout)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["NN101", "XX001"]),
        (["--select", "XX"], ["XX001"]),
        (["--select", "any-step"], ["XX001"]),
        (["--ignore", "XX001"], ["NN101"]),
        (["--select", "NN"], ["NN101", "NN524"]),
    ],
)
def test_its_rules_are_rules_like_others(pack, folder, options, expected):
    assert codes(pack.nnlint("--output-format", "json", *options, folder=folder)) == expected


def test_documentation_and_suppression(pack, folder):
    assert pack.nnlint("rule", "XX001", folder=folder).stdout.startswith("# any-step (XX001)")
    for comment in ("# nnlint: ignore[any-step]", "# noqa: XX001"):
        (folder / "train.py").write_text(UNSEEDED.replace(".step()", f".step()  {comment}"))
        assert codes(pack.nnlint("--output-format", "json", folder=folder)) == ["NN101"]


def test_a_changed_rule_is_noticed_by_a_warm_run(pack, folder):
    options = ("--select", "XX", "--output-format", "json")
    assert codes(pack.nnlint(*options, folder=folder)) == ["XX001"]
    pack.rule(before="return")
    assert codes(pack.nnlint(*options, folder=folder)) == []


def test_packs_of_one_name_in_two_environments_are_two(pack, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")  # what rules are called is kept with bytecode
    other = Pack(tmp_path / "other")
    other.rule(code="XX002")
    options = ("--select", "XX", "--output-format", "json")
    for _ in range(2):
        assert codes(pack.nnlint(*options, folder=folder)) == ["XX001"]
        assert codes(other.nnlint(*options, folder=folder)) == ["XX002"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imports": "import no_such_module"}, "ModuleNotFoundError: No module named 'no_such_mod"),
        ({"imports": "1 / 0"}, "ZeroDivisionError"),
        ({"imports": "x = ("}, "SyntaxError"),
        ({"code": "X1"}, "code 'X1' is not letters and three digits"),
        ({"name": "other_step", "file": "any_step"}, "`other_step` and file any_step.py disagree"),
        ({"code": "NN301"}, "is defined already"),
    ],
)
def test_a_broken_pack_gives_one_line(pack, folder, change, message):
    pack.rule(**change)
    result = pack.nnlint(folder=folder)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: rule pack `") and message in line


def test_what_is_being_written_takes_the_place_of_what_is_installed(pack, folder):
    local = folder.parent / "local"
    local.mkdir()
    text = (pack.site / "steps/inner/any_step.py").read_text()
    (local / "any_step.py").write_text(text.replace("a step is taken", "it is ours"))
    options = ("--rules", str(local), "--select", "XX", "--output-format", "json")
    [finding] = json.loads(pack.nnlint(*options, folder=folder).stdout)
    assert finding["message"] == "it is ours"
    (local / "any_step.py").write_text(text.replace("XX001", "XX002"))
    result = pack.nnlint(*options, folder=folder)
    (line,) = result.stderr.splitlines()
    assert "XX002 any-step is defined already, in" in line and str(pack.site) in line


def test_a_crashing_rule_is_named_and_the_run_goes_on(pack, folder):
    pack.rule(before="raise KeyError('of\\nthe rule')")
    result = pack.nnlint("--output-format", "json", folder=folder)
    assert result.returncode == 2 and codes(result) == ["NN007", "NN101"]
    message = json.loads(result.stdout)[0]["message"]
    assert "any-step" in message and "KeyError" in message and "\n" not in message
    assert "Traceback" not in result.stderr
    assert "any_step.py" in pack.nnlint("--verbose", folder=folder).stderr


def test_every_crashing_rule_of_a_file_is_named(pack, folder):
    pack.rule(before="raise KeyError")
    pack.rule(code="XX002", name="other_step", before="raise ValueError")
    result = pack.nnlint("--output-format", "json", folder=folder)
    assert codes(result) == ["NN007", "NN007", "NN101"]


def test_a_process_that_dies_takes_one_file_along(pack, folder):
    for i in range(40):
        (folder / f"train{i}.py").write_text(UNSEEDED)
    pack.rule(
        imports="import os, signal",
        before="program.module.name == 'train7' and os.kill(os.getpid(), signal.SIGKILL)",
    )
    options = ("--output-format", "json", "--jobs", "2", "--no-cache")
    result = pack.nnlint(*options, folder=folder)
    findings = json.loads(result.stdout)
    dead = [f["filename"] for f in findings if f["code"] == "NN007"]
    assert result.returncode == 2 and dead == ["train7.py"]
    places = {p["filename"] for f in findings for p in (f, *f["related"])}
    assert sorted(places - {"train7.py"}) == sorted(
        ["train.py", *(f"train{i}.py" for i in range(40) if i != 7)]
    )
    assert "died" in next(f["message"] for f in findings if f["code"] == "NN007")


def test_fixing_leaves_a_file_alone_whose_check_died(pack, folder):
    (folder / "bad.py").write_text(UNSEEDED)
    for i in range(40):
        (folder / f"train{i}.py").write_text(UNSEEDED)
    pack.rule(
        imports="import os, signal",
        before="program.module.name == 'bad' and os.kill(os.getpid(), signal.SIGKILL)",
    )
    options = ("--output-format", "json", "--jobs", "2", "--no-cache", "--fix", "--unsafe-fixes")
    result = pack.nnlint(*options, folder=folder)
    findings = json.loads(result.stdout)
    assert result.returncode == 2
    assert [f["filename"] for f in findings if f["code"] == "NN007"] == ["bad.py"]
    assert "manual_seed" in (folder / "train0.py").read_text()
