"""Local rules: taken from a folder of the command line, and from nowhere else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from training_scripts import SEEDED

from nnlint import packs
from nnlint.cli import run
from nnlint.config import Config, Selection
from nnlint.engine import Linter
from nnlint.listing import pack_sources
from nnlint.processes import Processes
from nnlint.registry import load_rules

RULE = '''from nnlint.rule import Builds, Calls, Context, Level, Matches, Programs, rule


@rule("ACME001", level=Level.WARNING, on={on})
def our_rule(subject, context: Context) -> None:
    """{documentation}"""
    {body}
'''
ROW = 4 if sys.version_info >= (3, 11) else 5
"""Where Python says that the rule is decorated: at `@rule`, or at `def`."""
REPORT = 'context.report(subject.site, f"`{subject.site.text}` is ours")'
LOADER = """from torch.utils.data import DataLoader


def make(data):
    return DataLoader(data, batch_size=128)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script and a folder of rules, to work in."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app/data.py").write_text(LOADER)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    packs.use(())


def write(on='Builds(kind="loader")', documentation="Ours.", body=REPORT, folder="rules") -> None:
    """Write the rule."""
    text = RULE.format(on=on, documentation=documentation, body=body)
    Path(folder, "our_rule.py").write_text(text)


def reported(capfd: pytest.CaptureFixture[str], *options: str) -> list[tuple[str, int, str]]:
    """Where which rule reports something in the folder `app`."""
    run([*options, "app", "--output-format", "json"])
    found = json.loads(capfd.readouterr().out)
    return [(Path(f["filename"]).name, f["location"]["row"], f["code"]) for f in found]


def refusal(capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that says why a run with the rules is refused."""
    assert run(["--rules", "rules", "app", "--no-cache"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    [line] = err.splitlines()
    return line


def test_a_rule_needs_a_file_and_a_line(work, capfd):
    write()
    assert reported(capfd, "--rules", "rules") == [("data.py", 5, "ACME001")]
    assert reported(capfd) == []


@pytest.mark.parametrize(
    ("on", "text", "row"),
    [
        ('Builds(kind="optimizer")', SEEDED, 7),
        ('Builds(kind="optimizer", family="sgd")', SEEDED, 7),
        (
            'Builds(kind="layer", family="embedding")',
            "f = lambda: 0\nimport torch.nn as nn\n\n\n"
            "def table(size):\n    return nn.Embedding(size, 8)\n",
            6,
        ),
        (
            'Builds(kind="scheduler")',
            "from torch.optim.lr_scheduler import StepLR\n\n\n"
            "def plan(optimizer):\n    return StepLR(optimizer, step_size=3)\n",
            5,
        ),
        (
            'Builds(kind="loss")',
            "from torch import nn\n\n\ndef goal():\n    return nn.MSELoss()\n",
            5,
        ),
        (
            'Calls(family="einsum")',
            "import torch\n\n\ndef mix(a, b):\n    return torch.einsum('ij,jk->ik', a, b)\n",
            5,
        ),
        (
            'Calls(kind="operation", family="matmul")',
            "import torch\n\n\nclass Mixer:\n"
            "    def mix(self, a, b):\n        return torch.matmul(a, b)\n",
            6,
        ),
    ],
)
def test_it_gets_what_it_subscribes_to(work, capfd, on, text, row):
    write(on=on)
    (work / "app/other.py").write_text(text)
    found = reported(capfd, "--rules", "rules", "--select", "ACME", "--no-cache")
    assert ("other.py", row, "ACME001") in found


def test_what_is_not_subscribed_to_is_not_given(work, capfd):
    write(on='Builds(kind="optimizer", family="adam")')
    (work / "app/other.py").write_text(SEEDED)
    assert reported(capfd, "--rules", "rules", "--no-cache") == []


@pytest.mark.parametrize(
    ("on", "told"),
    [
        (
            'Calls(kind="los")',
            "our_rule.py:4: our-rule: there is no kind `los`; did you mean `loss`?",
        ),
        ('Calls(family="cros_entropy")', "did you mean `cross_entropy`?"),
        ('Calls(kind="loss", family="conv")', "there is no family `conv` of the kind loss"),
        ('Builds(kind="optimiser")', "did you mean `optimizer`?"),
        ('Calls(kind="optimizer")', "an optimizer is built and not called: subscribe to `Builds("),
        ('Builds(kind="operation")', "an operation is called and not built: subscribe to `Calls("),
    ],
)
def test_a_subscription_to_nothing_is_refused(work, capfd, on, told):
    write(on=on)
    assert told in refusal(capfd)


def test_subscriptions_of_the_built_in_rules_exist():
    from nnlint.subscribing import check_subscriptions

    for rule in load_rules():
        check_subscriptions(rule)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nnlint\nx = (\n", "broken.py:2: SyntaxError: '(' was never closed"),
        ("import nnlint\n\n1 / 0\n", "broken.py:3: ZeroDivisionError: division by zero"),
        (
            "import nnlint\nfrom .helper import y\n",
            "broken.py:2: ImportError: cannot import name 'y'",
        ),
        ("import nnlint\nimport no_such\n", "broken.py:2: ModuleNotFoundError: No module named"),
    ],
)
def test_a_broken_file_is_named_with_its_row(work, capfd, text, told):
    (work / "rules/helper.py").write_text("x = 1\n")
    (work / "rules/broken.py").write_text(text)
    line = refusal(capfd)
    assert line.startswith(f"error: local rules in {work / 'rules'} cannot be imported: ")
    assert told in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"documentation": ""}, f"our_rule.py:{ROW}: our-rule: the docstring starts with a one-"),
        ({"folder": "rules/inner"}, "there are neither rules nor library rows"),
    ],
)
def test_a_rule_that_is_none_is_told(work, capfd, change, told):
    (work / "rules/inner").mkdir()
    write(**change)
    assert told in refusal(capfd)


def test_a_message_is_needed(work, capfd):
    write(body='context.report(subject.site, " ")')
    assert reported(capfd, "--rules", "rules", "--no-cache") == [("data.py", 1, "NN007")]


def test_a_page_may_have_some_sections(work, capfd):
    write(documentation="Ours.\n\n    ## Use instead\n    Smaller batches.\n    ")
    assert run(["rule", "our-rule", "--rules", "rules"]) == 0
    page = capfd.readouterr().out
    assert page.startswith("# our-rule (ACME001)\n\nOurs.\n\n**Level:** warning · **Fix:** none\n")
    assert "## Use instead\n\nSmaller batches." in page


def test_own_rules_need_the_whole_page():
    from nnlint.rule import Level, Programs, RuleDefinitionError, rule

    def test_local_rules(program, context):
        """Ours."""

    assert rule("ACME001", level=Level.ADVICE, on=Programs())(test_local_rules).sections == {}
    with pytest.raises(RuleDefinitionError, match="needs the sections"):
        rule("NN999", level=Level.ADVICE, recipe="none", on=Programs())(test_local_rules)


@pytest.mark.parametrize("name", ["nnlint.toml", "pyproject.toml"])
def test_no_configuration_file_brings_rules(work, capfd, name):
    write(body="raise SystemExit('run')")
    table = "[tool.nnlint]\n" * (name == "pyproject.toml")
    (work / "app" / name).write_text(f'{table}rules = ["../rules"]\n')
    assert run(["app"]) == 2
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert "`rules` cannot be set in a file" in err and "give `--rules DIR`" in err


def test_nothing_is_shadowed_and_no_script_is_run(work, capfd):
    write(body=f"from .types import MESSAGE\n    {REPORT}")
    (work / "rules/types.py").write_text("MESSAGE = 'ours'\n")
    script = "x = 1  # nnlint: ignore[NN301]\nraise SystemExit('a script was run')\n"
    for name in ("train.py", "app/__init__.py", "app/main.py", "tests/__init__.py"):
        (work / "rules" / name).parent.mkdir(exist_ok=True)
        (work / "rules" / name).write_text(script)
    (work / "rules/tests/help.py").write_text("import nnlint\nraise SystemExit('help was run')\n")
    (work / "rules/test_ours.py").write_text("import nnlint\nraise SystemExit('a test was run')\n")
    (work / "app/other.py").write_text("import torch, types\n")
    assert reported(capfd, "--rules", "rules") == [("data.py", 5, "ACME001")]


def test_packages_in_a_folder_have_rules_too(work, capfd):
    write()
    (work / "rules/data").mkdir()
    (work / "rules/data/__init__.py").write_text("")
    (work / "rules/our_rule.py").rename(work / "rules/data/our_rule.py")
    assert reported(capfd, "--rules", "rules") == [("data.py", 5, "ACME001")]


def test_rules_are_part_of_what_results_depend_on(work, capfd):
    write(body=f"from .limits import MOST\n    if MOST < 100: {REPORT}")
    (work / "rules/limits.py").write_text("MOST = 64\n")
    assert reported(capfd, "--rules", "rules") == [("data.py", 5, "ACME001")]
    own = {str(work / "rules" / name) for name in ("our_rule.py", "limits.py")}
    assert own <= set(pack_sources())
    with packs.using([]):
        assert own.isdisjoint(pack_sources())


@pytest.mark.parametrize("way", ["forks", "fresh processes"])
def test_workers_have_them(work, way):
    write()
    for i in range(26):
        (work / f"app/data{i}.py").write_text(LOADER)
    config = Config(selection=Selection(select=("ACME",)))
    packs.use(["rules"])
    executor = None if way == "forks" else Processes(2, [str(work / "app")])
    linter = Linter(lambda folder: config, jobs=2, executor=executor)
    try:
        result = linter.run(linter.discover(["app"]))
    finally:
        if executor is not None:
            executor.shutdown()
    assert {f.code for f in result.findings} == {"ACME001"} and len(result.findings) == 27


def test_a_warm_run_notices_a_changed_rule(work):
    import subprocess
    import sys

    def codes() -> list[str]:
        command = [sys.executable, "-m", "nnlint", "--rules", "rules", "app"]
        result = subprocess.run(
            [*command, "--output-format", "json"], capture_output=True, text=True, env=os.environ
        )
        return [f["code"] for f in json.loads(result.stdout)]

    write()
    assert codes() == ["ACME001"]
    write(body="return")
    assert codes() == []


OPTIONED = '''from nnlint.rule import Builds, Context, Level, rule


@rule(
    "ACME001",
    level=Level.WARNING,
    on=Builds(kind="loader"),
    options={"limit": 256, "words": ["a"], "share": 0.5},
)
def our_rule(loader, context: Context) -> None:
    """Ours."""
    values = [context.option(name) for name in ("limit", "words", "share")]
    if values[0] < 128:
        context.report(loader.site, f"the options are {values}")
'''


class TestOptions:
    @pytest.fixture(autouse=True)
    def rule(self, work: Path) -> None:
        (work / "rules/our_rule.py").write_text(OPTIONED)

    def said(self, capfd, text: str) -> str:
        """The message of the finding, or the error."""
        Path("app/nnlint.toml").write_text(text)
        run(["--rules", "rules", "--select", "ACME", "app", "--output-format", "json"])
        out, err = capfd.readouterr()
        return json.loads(out)[0]["message"] if out.strip("[]\n") else err

    def test_a_configuration_sets_them(self, capfd):
        assert self.said(capfd, "") == ""
        set_ = '[options.our-rule]\nlimit = 3\nwords = ["b", "c"]\n'
        assert self.said(capfd, set_) == "the options are [3, ['b', 'c'], 0.5]"
        # what is remembered was found with others
        assert self.said(capfd, "[options.ACME001]\nlimit = 4\nshare = 1\n").endswith(
            "[4, ['a'], 1]"
        )
        assert self.said(capfd, "") == ""
        run(["rule", "our-rule", "--rules", "rules"])
        assert (
            '**Options:** `limit = 256`, `words = ["a"]`, `share = 0.5`' in capfd.readouterr().out
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "[options.our-rul]\nlimit = 3",
                "no rule is called `our-rul`; did you mean `our-rule`?",
            ),
            (
                "[options.our-rule]\nlimits = 3",
                "our-rule has no option `limits`; did you mean `limit`",
            ),
            ("[options.our-rule]\nlimit = true", "`limit` of our-rule cannot be True: it is 256"),
            ("[options.our-rule]\nwords = [1]", "`words` of our-rule cannot be (1,): it is ['a']"),
            ("[options]\nour-rule = 3", "`options`: `our-rule` must be a table"),
            ("[options.missing-seed]\nx = 1", "missing-seed has no option `x`"),
        ],
    )
    def test_what_is_no_option_is_told(self, capfd, text, message):
        told = self.said(capfd, text)
        assert message in told and told.count("\n") == 1

    def test_what_cannot_be_an_option_is_refused(self, capfd, work):
        text = OPTIONED.replace('"limit": 256', '"limit": None')
        (work / "rules/our_rule.py").write_text(text)
        assert "`limit` = None is no option" in self.said(capfd, "")
        (work / "rules/our_rule.py").write_text(OPTIONED.replace('("limit",', '("none",'))
        assert "there is no option `none`" in self.said(capfd, "")
