"""--fix, --unsafe-fixes and --diff: what is changed, what is kept, and what is dropped."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from training_scripts import UNSEEDED

from nnlint import checking, workers
from nnlint.cli import run
from nnlint.config import Config
from nnlint.engine import Linter, lint
from nnlint.finding import Applicability, Level
from nnlint.fixing import MOST_ROUNDS, fix, permits
from nnlint.registry import load_rules
from nnlint.rewriting import edits_of
from nnlint.rule import Programs, changes, reference
from nnlint.source import rewrite

FIXTURES = Path(__file__).parent.parent / "fixtures"
SOFTMAX = """import torch.nn.functional as F


def loss_of(model, x, y):
    return F.cross_entropy(F.softmax(model(x), dim=1), y)
"""
"""NN401, with an unsafe fix."""
FIXED = SOFTMAX.replace("F.softmax(model(x), dim=1)", "model(x)")


def made_up_rule(name: str, check, safety: Applicability = Applicability.SAFE):
    """A rule that is asked about every program."""
    return replace(
        load_rules()[0],
        code=f"XX{len(name):03}",
        name=name,
        level=Level.WARNING,
        check=check,
        on=(Programs(),),
        fix=safety,
    )


@pytest.fixture
def use(monkeypatch, tmp_path):
    """Lint with made-up rules only, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def chosen(*rules) -> None:
        monkeypatch.setattr(workers, "select_rules", lambda config: rules)
        codes = tuple(rule.code for rule in rules)
        monkeypatch.setattr("nnlint.engine.selected_codes", lambda config: codes)

    return chosen


def steps(program):
    """Sites of the steps of optimizers."""
    return [event.site for event in program.events("step")]


def fixed(folder: Path | str = ".", unsafe: bool = False):
    """What fixing a folder comes to."""
    linter = Linter(lambda folder: Config(), jobs=1)
    return fix(linter, linter.discover([str(folder)]), {}, permits(unsafe))


def text_of(outcome, name: str = "train.py") -> str:
    return outcome.contents[os.path.abspath(name)].decode()


def test_what_does_not_hold_is_sought_in_the_files_that_it_spoils(use, monkeypatch):
    def name_it(program, context):
        for site in steps(program):
            if "closure" not in site.module.source.text:
                change = changes.insert_before(site, "closure = None")
                context.report(site, "no closure", fix=("Name one", change))
            elif site.module.name.startswith("bad"):
                context.report(site, "no closure")

    use(made_up_rule("closure", name_it))
    for name in ("a", "b", "bad_c", "d", "e", "f", "bad_g", "h"):
        Path(f"{name}.py").write_text(UNSEEDED)
    tried = []
    run_all = Linter.run

    def counted(linter, found, overlay=None):
        tried.append(set(map(os.path.basename, overlay or {})))
        return run_all(linter, found, overlay)

    monkeypatch.setattr(Linter, "run", counted)
    outcome = fixed()
    assert sorted(f.filename for f, _ in outcome.dropped) == ["bad_c.py", "bad_g.py"]
    assert len(outcome.fixed) == 6 and len(outcome.contents) == 6
    # all, those of the other files, then both that are left, and each of them
    assert [len(names) for names in tried] == [0, 8, 6, 8, 7, 7]


def test_a_fix_is_applied_and_its_finding_gone(use):
    def check(program, context):
        for site in steps(program):
            if "closure" not in site.text:
                change = changes.replace(site, "optimizer.step(closure)")
                context.report(site, "no closure", fix=("Pass one", change))

    use(made_up_rule("closure", check))
    Path("train.py").write_text(UNSEEDED)
    outcome = fixed()
    assert text_of(outcome) == UNSEEDED.replace("step()", "step(closure)")
    assert not outcome.result.findings and len(outcome.fixed) == 1 and not outcome.dropped
    assert Path("train.py").read_text() == UNSEEDED


def test_conflicting_fixes_are_made_in_rounds(use):
    def wrap(name):
        def check(program, context):
            for site in steps(program):
                if f"{name}()" not in site.module.source.text:
                    change = changes.insert_before(site, f"{name}()")
                    context.report(site, f"no {name}", fix=(f"Call {name}", change))

        return check

    use(*(made_up_rule(name, wrap(name)) for name in ("a", "bb", "ccc")))
    Path("train.py").write_text(UNSEEDED)
    outcome = fixed()
    assert {f"    {n}()" for n in ("a", "bb", "ccc")} < set(text_of(outcome).splitlines())
    assert len(outcome.fixed) == 3 and not outcome.result.findings


def test_two_fixes_share_the_import_that_both_need(use):
    def check(word):
        def seeded(program, context):
            for site in steps(program):
                name, imported = reference(site, "random.seed")
                if f"{name}({word})" not in site.module.source.text:
                    change = changes.insert_after(site, f"{name}({word})")
                    if word == "2":
                        change = changes.insert_before(site, f"{name}({word})")
                    context.report(site, word, fix=("Seed", changes.together(imported, change)))

        return seeded

    use(made_up_rule("one", check("1")), made_up_rule("other", check("2")))
    Path("train.py").write_text(UNSEEDED)
    outcome = fixed()
    assert text_of(outcome).count("import random\n") == 1
    assert "random.seed(2)\n    optimizer.step()\n    random.seed(1)" in text_of(outcome)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("optimizer.step(0)", "still there"),
        ("F.softmax(x, -1) and optimizer.step(closure)", "XX007 clipped"),
    ],
)
def test_a_fix_that_does_not_hold_is_dropped(use, text, reason):
    def check(program, context):
        for site in steps(program):
            if "closure" not in site.text:
                change = changes.replace(site, text)
                context.report(site, "no closure", fix=("Pass one", change))

    def clipped(program, context):
        for site in steps(program):
            if "softmax" in site.module.source.text:
                context.report(site, "clipped")

    use(made_up_rule("clipped", clipped), made_up_rule("closures", check))
    Path("train.py").write_text(UNSEEDED)
    outcome = fixed()
    assert not outcome.contents and not outcome.fixed
    ((finding, why),) = outcome.dropped
    assert finding.name == "closures" and reason in why
    assert [f.name for f in outcome.result.findings] == ["closures"]


def test_only_the_culprit_is_dropped(use):
    def check(program, context):
        for site in steps(program):
            if not site.text.endswith("closure)"):
                text = "optimizer.step(0 if closure else 1)"
                if program.module.name != "bad":
                    text = "optimizer.step(closure)"
                context.report(site, "no closure", fix=("Pass one", changes.replace(site, text)))

    use(made_up_rule("closure", check))
    for name in ("a", "b", "bad", "c", "d"):
        Path(f"{name}.py").write_text(UNSEEDED)
    outcome = fixed()
    assert {Path(p).name for p in outcome.contents} == {"a.py", "b.py", "c.py", "d.py"}
    assert [f.filename for f, _ in outcome.dropped] == ["bad.py"]
    assert [f.filename for f in outcome.result.findings] == ["bad.py"]


def test_fixes_that_undo_each_other_come_to_an_end(use):
    def turn(old, new):
        def check(program, context):
            for site in steps(program):
                if site.text.endswith(f"({old})"):
                    change = changes.replace(site, f"optimizer.step({new})")
                    context.report(site, old, fix=("Turn", change))

        return check

    # each is gone after its own fix, and only the other has come
    use(made_up_rule("t", turn("1", "2")), made_up_rule("tt", turn("2", "1")))
    Path("train.py").write_text(UNSEEDED.replace("step()", "step(1)"))
    outcome = fixed()
    assert len(outcome.dropped) == 1 and not outcome.contents
    assert len(outcome.fixed) < MOST_ROUNDS


def test_a_fix_across_files_is_seen_by_the_others(use):
    def check(program, context):
        if any(
            "tools.fix" in e.name or "closure" in e.site.text
            for e in program.events("opaque", "step")
        ):
            return
        for site in steps(program):
            context.report(site, "x", fix=("Fix", changes.replace(site, "optimizer.step(closure)")))

    use(made_up_rule("closure", check))
    Path("tools.py").write_text(UNSEEDED)
    Path("train.py").write_text("import torch\nimport tools\n")
    outcome = fixed()
    assert {Path(p).name for p in outcome.contents} == {"tools.py"}


def test_safety(use):
    def check(program, context):
        for site in steps(program):
            if "closure" not in site.text:
                change = changes.replace(site, "optimizer.step(closure)")
                context.report(site, "no closure", fix=("Pass one", change))

    use(made_up_rule("closure", check, Applicability.UNSAFE))
    Path("train.py").write_text(UNSEEDED)
    assert not fixed().contents
    assert fixed(unsafe=True).contents


def test_a_level_graver_than_the_declared_one_is_refused(use):
    def graver(program, context):
        for site in steps(program):
            context.report(site, "x", level=Level.ERROR)

    use(replace(made_up_rule("graver", graver), level=Level.ADVICE))
    Path("train.py").write_text(UNSEEDED)
    (crash,) = fixed().result.findings
    assert crash.code == "NN007" and "declares less" in crash.message


def test_undeclared_fixes_and_those_elsewhere(use):
    def undeclared(program, context):
        for site in steps(program):
            context.report(site, "x", fix=("Fix", changes.replace(site, "y")))

    use(replace(made_up_rule("undeclared", undeclared), fix=None))
    Path("train.py").write_text(UNSEEDED)
    (crash,) = fixed().result.findings
    assert crash.code == "NN007" and "does not declare" in crash.message

    def elsewhere(program, context):
        found = steps(program)
        other = [e.site for e in program.events("build") if e.site.module is not program.module]
        for site in found:
            if other and site.module is program.module:
                context.report(site, "x", fix=("Fix", changes.replace(other[0], "y")))

    use(made_up_rule("elsewhere", elsewhere))
    Path("model.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Linear(8, 1)\n"
    )
    Path("train.py").write_text(
        UNSEEDED.replace("nn.Linear(8, 1)", "build()").replace(
            "\nx", "from model import build\n\nx", 1
        )
    )
    (finding,) = fixed().result.findings
    assert finding.name == "elsewhere" and finding.fix is None


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("train.py").write_text(SOFTMAX)

    def nnlint(self, capfd, *arguments: str):
        status = run([*arguments])
        return status, *capfd.readouterr()

    def test_fix(self, capfd):
        status, out, _ = self.nnlint(capfd)
        assert status == 1 and "1 can be fixed with `--fix --unsafe-fixes`." in out
        assert self.nnlint(capfd, "--fix")[0] == 1 and Path("train.py").read_text() == SOFTMAX
        status, out, err = self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert (status, err) == (0, "")
        assert out == "Fixed 1 finding.\nNo findings left in 1 file.\n"
        assert Path("train.py").read_text() == FIXED
        assert self.nnlint(capfd, "--fix", "--unsafe-fixes")[1] == "No findings in 1 file.\n"

    def test_what_is_left_decides(self, capfd):
        Path("other.py").write_text(UNSEEDED)
        status, out, _ = self.nnlint(capfd, "--fix", "--unsafe-fixes", "--select", "NN4,NN311")
        assert status == 0 and "Fixed 1 finding." in out

    def test_diff(self, capfd):
        status, out, err = self.nnlint(capfd, "--diff", "--unsafe-fixes")
        assert status == 1 and err == "Would fix 1 finding in 1 file.\n"
        assert out == (
            "--- train.py\n+++ train.py\n@@ -2,4 +2,4 @@\n \n \n def loss_of(model, x, y):\n"
            "-    return F.cross_entropy(F.softmax(model(x), dim=1), y)\n"
            "+    return F.cross_entropy(model(x), y)\n"
        )
        assert Path("train.py").read_text() == SOFTMAX
        assert self.nnlint(capfd, "--diff") == (0, "", "Would fix nothing.\n")

    def test_diff_is_a_patch(self, capfd):
        before = SOFTMAX.replace("\n", "\r\n").rstrip().encode()
        Path("train.py").write_bytes(before)
        run(["--diff", "--unsafe-fixes"])
        patch = capfd.readouterr().out
        result = subprocess.run(
            ["patch", "--binary", "train.py"], input=patch.encode(), capture_output=True
        )
        assert result.returncode == 0, result
        assert Path("train.py").read_bytes() == FIXED.replace("\n", "\r\n").rstrip().encode()

    def test_stdin(self):
        command = [sys.executable, "-m", "nnlint", "-", "--unsafe-fixes"]
        raw = b"\xef\xbb\xbf" + SOFTMAX.replace("\n", "\r\n").encode()
        result = subprocess.run([*command, "--fix"], input=raw, capture_output=True)
        assert result.returncode == 0 and b"Fixed 1 finding" in result.stderr
        assert result.stdout == b"\xef\xbb\xbf" + FIXED.replace("\n", "\r\n").encode()
        clean = subprocess.run([*command, "--fix"], input=result.stdout, capture_output=True)
        assert clean.stdout == result.stdout
        result = subprocess.run([*command, "--diff"], input=raw, capture_output=True)
        assert result.returncode == 1 and b"+++ stdin.py" in result.stdout

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_bytes_are_kept(self, capfd, end, mark):
        Path("train.py").write_bytes(mark + (SOFTMAX + "# \u00e9\t").replace("\n", end).encode())
        Path("train.py").chmod(0o755)
        self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert (
            Path("train.py").read_bytes()
            == mark + (FIXED + "# \u00e9\t").replace("\n", end).encode()
        )
        assert stat.S_IMODE(Path("train.py").stat().st_mode) == 0o755

    def test_notebook(self, capfd):
        cells = [
            {
                "cell_type": "code",
                "source": ["%load_ext autoreload\n", "import torch.nn.functional as F"],
            },
            {"cell_type": "code", "source": SOFTMAX.splitlines(keepends=True)[3:]},
        ]
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        raw = json.dumps(notebook, indent=1) + "\n"
        Path("train.py").unlink()
        Path("a.ipynb").write_text(raw)
        status, out, _ = self.nnlint(capfd, "--diff", "--unsafe-fixes")
        assert status == 1 and out.startswith(
            "--- a.ipynb:cell 2\n+++ a.ipynb:cell 2\n@@ -1,2 +1,2 @@\n"
        )
        assert self.nnlint(capfd, "--fix", "--unsafe-fixes")[0] == 0
        assert Path("a.ipynb").read_text() == raw.replace("F.softmax(model(x), dim=1)", "model(x)")

    def test_known_findings_are_left_alone(self, capfd):
        self.nnlint(capfd, "--write-baseline", "known.json")
        assert self.nnlint(capfd, "--fix", "--unsafe-fixes", "--baseline", "known.json")[0] == 0
        assert Path("train.py").read_text() == SOFTMAX

    def test_suppressed_findings_are_left_alone(self, capfd):
        text = SOFTMAX.replace(", y)\n", ", y)  # nnlint: ignore\n")
        Path("train.py").write_text(text)
        assert self.nnlint(capfd, "--fix", "--unsafe-fixes")[0] == 0
        assert Path("train.py").read_text() == text

    def test_a_file_that_cannot_be_written(self, capfd, monkeypatch):
        def fail(**options):
            raise OSError(13, "Permission denied")

        monkeypatch.setattr("tempfile.mkstemp", fail)
        status, _, err = self.nnlint(capfd, "--fix", "--unsafe-fixes", "--no-cache")
        assert status == 2 and err == "error: train.py is not fixed: Permission denied\n"
        assert Path("train.py").read_text() == SOFTMAX

    def left_alone(self, capfd, reason: str, *arguments: str) -> None:
        """The file is not changed, which is told, and its finding is still reported."""
        before = Path("train.py").read_bytes()
        for option in ("--diff", "--fix"):
            status, out, err = self.nnlint(capfd, "-n", "--unsafe-fixes", option, *arguments)
            assert err.startswith("warning: train.py:5:12: NN401 softmax-into-cross-entropy is ")
            assert f"is not fixed: {reason}" in err
            assert Path("train.py").read_bytes() == before
            if option == "--fix":
                assert status == 1 and "NN401" in out and "Fixed" not in out

    def test_a_file_that_changed_since_it_was_linted(self, capfd, monkeypatch):
        linted = Linter.run

        def run_and_edit(*arguments):
            result = linted(*arguments)
            Path("train.py").write_text("# more\n" + SOFTMAX)
            return result

        monkeypatch.setattr(Linter, "run", run_and_edit)
        Path("train.py").write_text(SOFTMAX)
        status, out, err = self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")
        assert status == 1 and "it was changed since it was linted" in err and "Fixed" not in out
        assert Path("train.py").read_text() == "# more\n" + SOFTMAX

    def test_a_file_that_changed_with_its_times_kept(self, capfd):
        self.nnlint(capfd)
        times = Path("train.py").stat()
        os.utime("train.py", ns=(times.st_atime_ns, times.st_mtime_ns - 10**10))
        self.nnlint(capfd)
        other = SOFTMAX.replace("model(x)", "model(z)")
        Path("train.py").write_text(other)
        os.utime("train.py", ns=(times.st_atime_ns, times.st_mtime_ns - 10**10))
        # the cache cannot tell it; the fix does
        _, _, err = self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert "it was changed since it was linted" in err
        assert Path("train.py").read_text() == other

    def test_a_file_that_changes_while_it_is_fixed(self, capfd, monkeypatch):
        replaced = rewrite.replace_file

        def edit_first(*arguments):
            Path("train.py").write_text("# more\n" + SOFTMAX)
            replaced(*arguments)

        monkeypatch.setattr("nnlint.cli.fixes.replace_file", edit_first)
        status, out, err = self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")
        assert err == "error: train.py is not fixed: it was changed in the meantime\n"
        assert status == 2 and "NN401" in out and "Fixed" not in out
        assert Path("train.py").read_text() == "# more\n" + SOFTMAX

    @pytest.mark.parametrize("mode", [0o444, 0o555])
    def test_a_read_only_file(self, capfd, mode):
        Path("train.py").chmod(mode)
        self.left_alone(capfd, "it is read-only")
        assert stat.S_IMODE(Path("train.py").stat().st_mode) == mode

    def test_a_file_with_hard_links(self, capfd):
        os.link("train.py", "again.txt")
        self.left_alone(capfd, "it has other names (hard links)")
        assert Path("train.py").samefile("again.txt")

    def test_a_link_that_leads_out(self, capfd, tmp_path_factory):
        other = tmp_path_factory.mktemp("other") / "model.py"
        Path("train.py").rename(other)
        Path("train.py").symlink_to(other)
        self.left_alone(capfd, "it is a link that leads out of what is linted, to ")
        # unless the user names it
        assert self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes", "train.py")[0] == 0
        assert Path("train.py").is_symlink() and other.read_text() == FIXED

    def test_a_folder_that_leads_out(self, capfd, tmp_path_factory):
        other = tmp_path_factory.mktemp("other")
        Path("train.py").rename(other / "train.py")
        Path("sub").symlink_to(other)
        _, _, err = self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")
        assert "leads out of what is linted" in err and (other / "train.py").read_text() == SOFTMAX

    def test_a_link_within_stays_one(self, capfd):
        Path("lib").mkdir()
        Path("train.py").rename("lib/model.txt")
        Path("train.py").symlink_to("lib/model.txt")
        assert self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")[0] == 0
        assert os.readlink("train.py") == "lib/model.txt"
        assert Path("lib/model.txt").read_text() == FIXED

    def test_others_are_fixed_all_the_same(self, capfd):
        Path("other.py").write_text(SOFTMAX)
        Path("train.py").chmod(0o444)
        status, out, err = self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")
        assert status == 1 and "Fixed 1 finding." in out and err.count("is not fixed") == 1
        assert Path("other.py").read_text() == FIXED

    def test_the_owner_is_kept(self, capfd):
        # only root gives files away; others may choose among their groups
        root = os.geteuid() == 0
        owner, group = (12345, 23456) if root else (os.geteuid(), os.getgroups()[-1])
        os.chown("train.py", owner, group)
        Path("train.py").chmod(0o640)
        assert self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")[0] == 0
        status = Path("train.py").stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (owner, group, 0o640)

    @pytest.mark.parametrize("step", ["os.fsync", "shutil.copystat", "os.replace"])
    def test_nothing_is_half_written(self, capfd, monkeypatch, step):
        def fail(*arguments, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(step, fail)
        status, out, err = self.nnlint(capfd, "-n", "--fix", "--unsafe-fixes")
        assert status == 2 and err == "error: train.py is not fixed: No space left on device\n"
        assert "Fixed" not in out and os.listdir() == ["train.py"]
        assert Path("train.py").read_text() == SOFTMAX

    def test_dropped_fixes_are_told(self, capfd, monkeypatch):
        monkeypatch.setattr("nnlint.fixing._fault", lambda *_: "it leads to XX001 nothing")
        status, _, err = self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert status == 1
        assert err == (
            "warning: train.py:5:12: NN401 softmax-into-cross-entropy is not fixed: "
            "it leads to XX001 nothing\n"
        )

    def test_only_fixes_that_hold_are_offered(self, capfd, use):
        def hopeless(program, context):
            for site in steps(program):
                context.report(
                    site, "again", fix=("Step", changes.replace(site, "optimizer.step(0)"))
                )

        def honest(program, context):
            for site in steps(program):
                if "closure" not in site.module.source.text:
                    change = changes.insert_before(site, "closure = None")
                    context.report(site, "no closure", fix=("Name one", change))

        use(made_up_rule("again", hopeless), made_up_rule("honest", honest))
        Path("train.py").write_text(UNSEEDED)
        for _ in range(2):
            out = self.nnlint(capfd)[1]
            assert "1 can be fixed with `--fix`." in out and out.count("= fix:") == 1
        found = json.loads(self.nnlint(capfd, "--output-format", "json")[1])
        assert {f["name"]: f["fix"] is None for f in found} == {"again": True, "honest": False}
        out = self.nnlint(capfd, "--fix")[1]
        assert "Fixed 1 finding." in out and "can be fixed" not in out

    def test_a_safe_fix_is_offered_though_an_unsafe_one_spoils_it(self, capfd, use):
        def closure(program, context):
            for site in steps(program):
                if "closure" not in site.text:
                    change = changes.replace(site, "optimizer.step(closure)")
                    context.report(site, "no closure", fix=("Pass one", change))

        def worse(program, context):
            for site in steps(program):
                context.report(site, "worse", fix=("Spoil", changes.replace(site, "spoilt(((")))

        use(
            made_up_rule("closure", closure),
            made_up_rule("worse", worse, Applicability.UNSAFE),
        )
        Path("train.py").write_text(UNSEEDED)
        assert "1 can be fixed with `--fix`." in self.nnlint(capfd)[1]

    def test_fixes_of_what_is_not_told_are_not_tried(self, capfd, monkeypatch):
        self.nnlint(capfd, "--write-baseline", "known.json")
        tried = []
        monkeypatch.setattr("nnlint.fixing.fix", lambda *args, **options: tried.append(args))
        assert self.nnlint(capfd, "--baseline", "known.json")[0] == 0
        assert not tried

    def test_edits_are_worked_out_once_for_a_run(self, capfd, monkeypatch):
        asked = []

        def counted(source, made):
            asked.append((source.text, made))
            return edits_of(source, made)

        monkeypatch.setattr("nnlint.offering.edits_of", counted)
        found = json.loads(self.nnlint(capfd, "--output-format", "json")[1])
        assert found[0]["fix"]["edits"] and len(asked) == 1
        asked.clear()
        self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert len(asked) == 1

    @pytest.mark.parametrize("line", ["(steps): int = 1\n", "if 1:\n    \\\n    pass\n"])
    def test_files_that_libcst_cannot_parse_keep_their_findings(self, capfd, line):
        """What Python takes and LibCST does not stands for newer syntax."""
        for name in ("newer", "newest"):
            Path(f"{name}.py").write_text(f"{SOFTMAX}{line}{name} = 1\n")
        told = "warning: no fixes for newer.py and 1 other file: LibCST cannot parse it\n"
        for _ in range(2):
            status, out, err = self.nnlint(capfd, "--output-format", "json")
            fixes = {f["filename"]: f["fix"] is not None for f in json.loads(out)}
            assert fixes == {"train.py": True, "newer.py": False, "newest.py": False}
            assert (status, err) == (1, told)
        status, out, err = self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert (status, err) == (1, told) and "Fixed 1 finding." in out
        assert Path("train.py").read_text() == FIXED
        assert Path("newer.py").read_text().startswith(SOFTMAX + line)
        assert self.nnlint(capfd, "--diff", "--unsafe-fixes") == (
            0,
            "",
            f"Would fix nothing.\n{told}",
        )
        assert self.nnlint(capfd, "--output-format", "github")[2] == ""

    @pytest.mark.parametrize(
        ("form", "text", "imported"),
        [
            ("full", SOFTMAX, True),
            ("github", SOFTMAX, False),
            ("full", UNSEEDED.replace("import torch", "import torch  # no fix"), False),
            ("github", "import torch\n\n\ndef f(n, x):\n    return n.net.forward(x)\n", True),
        ],
    )
    def test_libcst_is_imported_only_where_something_is_matched_or_changed(
        self, form, text, imported
    ):
        Path("train.py").write_text(text)
        code = (
            "import sys; from nnlint.cli import run; "
            f"run(['--no-cache', '--jobs', '1', '--select', 'NN4,NN330', '--output-format', '{form}']); "
            "print('libcst' in sys.modules, file=sys.stderr)"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert told.stderr.splitlines()[-1:] == [str(imported)]

    def test_which_fixes_hold_is_remembered(self, capfd, monkeypatch):
        first = self.nnlint(capfd)
        monkeypatch.setattr(checking, "check_file", None)
        assert self.nnlint(capfd) == first and "1 can be fixed" in first[1]

    def test_one_change_elsewhere_decides_anew(self, capfd):
        Path("layers.py").write_text("def merge(y, B, L):\n    return y.reshape(B, L, -1)\n")
        swapped = "\n\ndef forward(x, heads):\n    B, L, C = x.shape\n" + (
            "    y = x.view(B, L, heads, C // heads).transpose(1, 2)\n    return merge(y, B, L)\n"
        )
        Path("wrong.py").write_text("import torch\nfrom layers import merge\n" + swapped)
        Path("train.py").unlink()
        offer = "1 can be fixed with `--fix --unsafe-fixes`."
        assert offer in self.nnlint(capfd, "--select", "NN301")[1]
        right = swapped.replace(".transpose(1, 2)", "")
        Path("right.py").write_text("import torch\nfrom layers import merge\n" + right)
        assert offer not in self.nnlint(capfd, "--select", "NN301")[1]

    def test_cache_after_fixing(self, capfd):
        self.nnlint(capfd)
        self.nnlint(capfd, "--diff", "--unsafe-fixes")
        assert self.nnlint(capfd)[0] == 1
        self.nnlint(capfd, "--fix", "--unsafe-fixes")
        assert self.nnlint(capfd)[0] == 0


@pytest.mark.parametrize(
    "name", ["mean-of-batch-means/bad_flattened.py", "metric-over-batch/bad_flattened.py"]
)
def test_no_weight_by_examples_where_the_batch_is_flattened(name):
    findings = lint([str(FIXTURES / name)], Config(), use_cache=False).findings
    assert findings and not any(f.fix for f in findings)


def test_no_detach_at_a_call_where_a_penalty_needs_the_samples():
    [finding] = lint(
        [str(FIXTURES / "gan-detach/bad_penalty_on_mixture.py")], Config(), use_cache=False
    ).findings
    assert finding.fix is None and "where they are made" in finding.help


def test_no_loss_with_logits_where_the_targets_are_logits_too():
    [finding] = lint(
        [str(FIXTURES / "logits-into-bce/bad_between_outputs.py")], Config(), use_cache=False
    ).findings
    assert finding.fix is None and "apply sigmoid first" in finding.help
