"""Baselines: they hold from any folder, and what is found no more is told and taken out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from training_scripts import MIXED, UNSEEDED

from nnlint.cli import run


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a subfolder, two files with a finding each."""
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.py").write_text(UNSEEDED, encoding="utf-8")
    (folder / "sub" / "b.py").write_text(MIXED, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def entries(path: Path | str = "known.json") -> list[str]:
    return [f"{e['filename']} {e['code']}" for e in json.loads(Path(path).read_text())]


def nnlint(capfd, *arguments: str) -> tuple[int, str]:
    """Exit status and stderr of a run without a cache."""
    status = run(["--no-cache", *map(str, arguments)])
    return status, capfd.readouterr().err


@pytest.mark.parametrize(
    ("folder", "path"),
    [(".", "."), (".", "sub"), ("sub", "."), ("sub", ".."), ("..", "project"), ("/", None)],
)
def test_a_baseline_holds_from_any_folder(project, capfd, monkeypatch, folder, path):
    assert nnlint(capfd, "--write-baseline", "known.json")[0] == 0
    assert entries() == ["a.py NN101", "sub/b.py NN301"]
    monkeypatch.chdir(folder)
    linted = project if path is None else path
    assert nnlint(capfd, "--isolated", "--baseline", project / "known.json", linted) == (0, "")
    assert nnlint(capfd, "--isolated", linted)[0] == 1


@pytest.mark.parametrize("folder", [".", "sub", "/"])
def test_a_baseline_may_be_written_from_any_folder(project, capfd, monkeypatch, folder):
    monkeypatch.chdir(folder)
    nnlint(capfd, "--isolated", "--write-baseline", project / "known.json", project)
    assert entries(project / "known.json") == ["a.py NN101", "sub/b.py NN301"]


def test_a_baseline_with_absolute_paths_counts(project, capfd):
    nnlint(capfd, "--write-baseline", "known.json")
    known = json.loads(Path("known.json").read_text())
    for entry in known:
        entry["filename"] = os.path.abspath(entry["filename"])
    Path("known.json").write_text(json.dumps(known))
    assert nnlint(capfd, "--baseline", "known.json") == (0, "")


def test_the_fixes_of_what_is_known_are_not_made(project, capfd, monkeypatch):
    nnlint(capfd, "--write-baseline", "known.json")
    monkeypatch.chdir("sub")
    before = Path("b.py").read_text()
    nnlint(capfd, "--fix", "--unsafe-fixes", "--baseline", "../known.json", "..")
    assert Path("b.py").read_text() == before


@pytest.mark.parametrize("how", ["mended", "gone", "suppressed"])
def test_what_is_found_no_more_is_told_and_pruned(project, capfd, how):
    nnlint(capfd, "--write-baseline", "known.json")
    if how == "gone":
        Path("a.py").unlink()
    else:
        mended = "torch.manual_seed(0)\n" if how == "mended" else "# nnlint: ignore-file\n"
        Path("a.py").write_text(UNSEEDED.replace("\nmodel", f"\n{mended}model", 1))
    status, err = nnlint(capfd, "--baseline", "known.json")
    assert status == 0
    assert err.startswith("warning: known.json: 1 entry found no more (NN101 in a.py)")
    assert nnlint(capfd, "--baseline", "known.json", "--prune-baseline") == (
        0,
        "took 1 entry out of known.json\n",
    )
    assert entries() == ["sub/b.py NN301"]
    assert nnlint(capfd, "--baseline", "known.json") == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [["sub"], ["a.py"], ["--select", "NN301"], ["--ignore", "NN101"], ["--exclude", "a.py"]],
)
def test_what_is_not_looked_for_is_not_found_no_more(project, capfd, arguments):
    nnlint(capfd, "--write-baseline", "known.json")
    Path("a.py").write_text("import torch\n")
    err = nnlint(capfd, "--baseline", "known.json", "--prune-baseline", *arguments)[1]
    assert "took 0 entries out" in err
    assert len(entries()) == 2


def test_a_file_that_cannot_be_read_keeps_its_entries(project, capfd):
    nnlint(capfd, "--write-baseline", "known.json")
    Path("a.py").write_text(UNSEEDED + "(\n")
    assert "took 0" in nnlint(capfd, "--baseline", "known.json", "--prune-baseline")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune-baseline"], "error: --prune-baseline needs a baseline: give --baseline FILE\n"),
        (["--prune-baseline", "--diff"], "error: --prune-baseline does not go with --diff\n"),
        (
            ["--prune-baseline", "--write-baseline", "x.json"],
            "error: --prune-baseline does not go with --write-baseline\n",
        ),
    ],
)
def test_what_cannot_be_pruned_is_told(project, capfd, arguments, message):
    assert nnlint(capfd, *arguments) == (2, message)


def test_an_entry_that_is_no_text_is_told(project, capfd):
    Path("known.json").write_text('[{"filename": 1, "code": "NN101", "message": ""}]')
    status, err = nnlint(capfd, "--baseline", "known.json")
    assert (status, err.count("\n")) == (2, 1) and "known.json: is no baseline" in err
