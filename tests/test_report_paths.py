"""Where reports say a file is: from the repository's root for machines, else as it was given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from training_scripts import HEAD, HEADED, MIXED

from nnlint.cli import run
from nnlint.report.machine import CHECKOUTS, in_repository
from nnlint.source.discovery import Roots

PATHS = {
    "github": lambda text: set(re.findall(r"^::\w+ file=(.*?),line", text, re.MULTILINE)),
    "gitlab": lambda text: {issue["location"]["path"] for issue in json.loads(text)},
    "sarif": lambda text: {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(text)["runs"][0]["results"]
    },
    "junit": lambda text: {
        case.get("file") for case in ElementTree.fromstring(text).iter("testcase")
    },
}
"""The paths of findings in the formats that are for machines."""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a file in a folder."""
    monkeypatch.delenv("NNLINT_CACHE_DIR", raising=False)
    for name in CHECKOUTS:
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "pkg").mkdir()
    (root / "pkg" / "model.py").write_text(MIXED, encoding="utf-8")
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    ("folder", "path"), [(".", "."), ("pkg", "."), ("..", "repository/pkg"), ("/", None)]
)
@pytest.mark.parametrize("format", PATHS)
def test_paths_begin_at_the_repository(repository, monkeypatch, capfd, format, folder, path):
    monkeypatch.chdir(folder)
    assert run(["--no-cache", "--output-format", format, path or str(repository)]) == 1
    assert PATHS[format](capfd.readouterr().out) == {"pkg/model.py"}


def test_fingerprints_are_the_same_from_any_folder(repository, monkeypatch, capfd):
    def fingerprints() -> list[str]:
        run(["--no-cache", "--output-format", "gitlab"])
        return [issue["fingerprint"] for issue in json.loads(capfd.readouterr().out)]

    from_root = fingerprints()
    monkeypatch.chdir("pkg")
    assert fingerprints() == from_root


class TestInRepository:
    def test_a_submodule_belongs_to_what_is_around_it(self, repository):
        inner = repository / "pkg" / "inner"
        inner.mkdir()
        (inner / ".git").write_text("gitdir: ../../.git/modules/inner\n", encoding="utf-8")
        assert in_repository("pkg/inner/a.py") == "pkg/inner/a.py"

    def test_a_worktree_is_a_repository_of_its_own(self, repository):
        inner = repository / "pkg" / "inner"
        inner.mkdir()
        (inner / ".git").write_text("gitdir: /elsewhere/.git/worktrees/inner\n", encoding="utf-8")
        assert in_repository("pkg/inner/a.py") == "a.py"

    @pytest.mark.parametrize("name", CHECKOUTS)
    def test_a_build_tells_where_its_checkout_is(self, tmp_path, monkeypatch, name):
        monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.chdir(tmp_path)
        assert in_repository(str(tmp_path / "a" / "b.py")) == "a/b.py"
        assert in_repository("/elsewhere/b.py") == "/elsewhere/b.py"

    def test_else_the_name_stays(self, tmp_path, monkeypatch):
        for name in CHECKOUTS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        assert in_repository("a/b.py") == "a/b.py"
        assert in_repository(str(tmp_path / "b.py")) == str(tmp_path / "b.py")


class TestDisplay:
    def test_other_files_are_named_as_the_linted_ones(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        other = str(tmp_path / "common" / "loss.py")
        assert Roots.of(["train"]).display(other) == str(Path("common/loss.py"))
        assert Roots.of([str(tmp_path / "train")]).display(other) == other
        (tmp_path / "train").mkdir()
        monkeypatch.chdir("train")
        assert Roots.of(["."]).display(other) == str(Path("../common/loss.py"))

    def test_a_related_place_outside_is_relative(self, repository, monkeypatch, capfd):
        (repository / "head.py").write_text(HEAD)
        (repository / "pkg" / "train.py").write_text(HEADED)
        run(["--no-cache", "--select", "NN401", "pkg/train.py"])
        assert "::: head.py:6:16" in capfd.readouterr().out
        monkeypatch.chdir("pkg")
        run(["--no-cache", "--select", "NN401", "--output-format", "json", "."])
        (finding,) = json.loads(capfd.readouterr().out)
        assert finding["related"][0]["filename"] == "../head.py"
        run(["--no-cache", "--select", "NN401", "--output-format", "sarif", "."])
        (result,) = json.loads(capfd.readouterr().out)["runs"][0]["results"]
        place = result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"] == "head.py"
