"""The cache: where it lies, what it touches, and what makes a result out of date."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from training_scripts import SEEDED, UNSEEDED

from nnlint.cli import run
from nnlint.config import Config
from nnlint.engine import lint
from nnlint.project import cache
from nnlint.project.cache import FOLDER, KEPT, TAG
from nnlint.registry import load_rules


def codes(folder: Path, *paths: str) -> list[str]:
    """What a run with a cache finds, which has to be what one without finds."""
    given = [str(folder / path) for path in paths or (".",)]
    found = lint(given, Config(), jobs=1, cache_dir=folder / "cache")
    assert found == lint(given, Config(), jobs=1, use_cache=False)
    return [finding.code for finding in found.findings]


def everything(folder: Path) -> dict[str, bytes]:
    """The files of a folder with their contents."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project that the process stands in."""
    monkeypatch.delenv("NNLINT_CACHE_DIR", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(UNSEEDED)
    monkeypatch.chdir(folder)
    return folder


class TestPlace:
    @pytest.mark.parametrize("marker", ["pyproject.toml", "nnlint.toml", "setup.py", ".git"])
    @pytest.mark.parametrize("place", [".", "src/deep", ".."])
    def test_it_lies_at_the_top_of_the_project(self, project, monkeypatch, marker, place):
        (project / "src/deep").mkdir(parents=True)
        (project / "src/deep/train.py").write_text(UNSEEDED)
        (project / marker).touch()
        monkeypatch.chdir(project / place)
        assert run(["-q", str(project / "src")]) == 1
        assert (project / FOLDER / TAG).is_file()
        assert {p.parent for p in project.parent.rglob(TAG)} == {project / FOLDER}
        assert run(["clean"]) == 0
        # the folder above the project is no part of it
        assert (project / FOLDER).exists() == (place == "..")

    def test_without_a_marker_it_lies_with_what_is_linted(self, project, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        assert run(["-q", "project"]) == 1
        assert (project / FOLDER).is_dir() and not (tmp_path / FOLDER).exists()

    def test_a_given_configuration_moves_nothing(self, project, tmp_path):
        (tmp_path / "other.toml").write_text("")
        assert run(["-q", "--config", str(tmp_path / "other.toml")]) == 1
        assert (project / FOLDER).is_dir() and not (tmp_path / FOLDER).exists()


class TestFolder:
    def test_only_its_own_files_go(self, project):
        for number in range(KEPT + 4):
            (project / f"data{number}.json").write_text("{}")
        before = everything(project)
        for rule in load_rules()[: KEPT + 4]:
            run(["-q", "--cache-dir", ".", "--ignore", rule.code])
        (project / FOLDER / "notes.json").write_text("[]")
        (project / FOLDER / "results-mine.json").write_text("[]")
        run(["-q", "--cache-dir", "."])
        after = everything(project)
        assert {n: t for n, t in after.items() if not n.startswith(FOLDER)} == before
        run(["clean", "--cache-dir", "."])
        left = everything(project / FOLDER)
        assert set(left) == {"notes.json", "results-mine.json"}

    def test_the_oldest_results_go(self, project):
        own = project / FOLDER
        lint(["."], Config(), jobs=1, cache_dir=project)
        for number in range(KEPT + 3):
            file = own / f"results-{number:040x}.json"
            file.write_text("[]")
            os.utime(file, (number, number))
        os.symlink(project / "train.py", own / f"results-{'f' * 40}.json")
        (project / "train.py").write_text(SEEDED)
        lint(["."], Config(), jobs=1, cache_dir=project)
        kept = sorted(p.name for p in own.glob("results-*.json") if not p.is_symlink())
        assert len(kept) == KEPT and f"results-{0:040x}.json" not in kept
        assert (own / f"results-{'f' * 40}.json").is_symlink()

    def test_it_is_marked(self, project):
        run(["-q"])
        tag = (project / FOLDER / TAG).read_text()
        assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
        assert (project / FOLDER / ".gitignore").read_text() == "*\n"

    def test_a_link_is_not_used(self, project, tmp_path, capfd):
        victim = tmp_path / "victim"
        victim.mkdir()
        for number in range(KEPT + 4):
            (victim / f"results-{number:040x}.json").write_text("{}")
        (victim / TAG).write_text("mine")
        before = everything(victim)
        (project / FOLDER).symlink_to(victim)
        assert run(["-q"]) == 1
        assert f"results are not remembered: {project / FOLDER} is a link" in capfd.readouterr().err
        assert run(["clean"]) == 2
        assert "is not removed" in capfd.readouterr().err
        assert codes(project) == ["NN101"]
        lint(["."], Config(), jobs=1, cache_dir=project)
        assert everything(victim) == before and (project / FOLDER).is_symlink()

    @pytest.mark.parametrize("name", [TAG, ".gitignore"])
    def test_links_in_it_are_not_followed(self, project, name):
        (project / FOLDER).mkdir()
        (project / FOLDER / name).symlink_to(project / "train.py")
        assert run(["-q"]) == 1
        assert (project / "train.py").read_text() == UNSEEDED
        run(["clean"])
        assert (project / "train.py").read_text() == UNSEEDED

    def test_a_file_is_no_cache(self, project, capfd):
        (project / FOLDER).write_text("mine")
        assert run(["-q"]) == 1 and "is no folder" in capfd.readouterr().err
        assert (project / FOLDER).read_text() == "mine"

    def test_a_folder_of_somebody_else_is_not_used(self, project, capfd, monkeypatch):
        (project / FOLDER).mkdir()
        (project / FOLDER / "results-1.part").write_text("mine")
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        assert run(["-q"]) == 1 and "belongs to somebody else" in capfd.readouterr().err
        assert run(["clean"]) == 2
        assert set(everything(project / FOLDER)) == {"results-1.part"}

    def test_a_folder_without_the_mark_is_not_removed(self, project):
        (project / FOLDER).mkdir()
        (project / FOLDER / f"results-{0:040x}.json").write_text("mine")
        assert run(["clean"]) == 0
        assert set(everything(project / FOLDER)) == {f"results-{0:040x}.json"}

    def test_what_is_no_file_is_not_read(self, project, monkeypatch):
        monkeypatch.setattr(cache, "fingerprint", lambda *_, **__: "0" * 40)
        monkeypatch.setattr("nnlint.engine.fingerprint", cache.fingerprint)
        (project / FOLDER).mkdir()
        os.mkfifo(project / FOLDER / f"results-{'0' * 40}.json")
        assert run(["-q"]) == 1

    def test_what_a_file_holds_is_no_code(self, project):
        run(["-q"])
        (file,) = (project / FOLDER).glob("*.json")
        json.loads(file.read_text())


LIBRARY = "import torch\n\n\ndef start():\n    torch.manual_seed(0)\n"


class TestModulesThatCome:
    """A module of the project goes before a library of the same name."""

    @pytest.mark.parametrize("name", ["monai", "ignite", "fastai", "turtle", "numpy", "mylib"])
    @pytest.mark.parametrize("form", ["{name}.py", "{name}/__init__.py", "src/{name}.py"])
    def test_under_the_name_of_a_library(self, tmp_path, name, form):
        (tmp_path / "train.py").write_text(f"import {name}\n{name}.start()\n{UNSEEDED}")
        assert codes(tmp_path) == ["NN101"]
        new = tmp_path / form.format(name=name)
        new.parent.mkdir(exist_ok=True)
        new.write_text(LIBRARY)
        assert codes(tmp_path) == []
        new.unlink()
        assert codes(tmp_path) == ["NN101"]

    def test_under_a_submodule_of_a_library(self, tmp_path):
        (tmp_path / "train.py").write_text(f"from monai.utils import start\n\nstart()\n{UNSEEDED}")
        assert codes(tmp_path) == ["NN101"]
        (tmp_path / "monai").mkdir()
        (tmp_path / "monai/__init__.py").write_text("")
        (tmp_path / "monai/utils.py").write_text(LIBRARY)
        assert codes(tmp_path) == []

    def test_nearer_than_another_of_the_project(self, tmp_path):
        (tmp_path / "pyproject.toml").write_text("")
        (tmp_path / "scripts").mkdir()
        (tmp_path / "tools.py").write_text(LIBRARY)
        (tmp_path / "scripts/train.py").write_text(f"import tools\n\ntools.start()\n{UNSEEDED}")
        assert codes(tmp_path) == []
        (tmp_path / "scripts/tools.py").write_text("def start():\n    pass\n")
        assert codes(tmp_path) == ["NN101"]

    def test_what_a_module_of_the_project_imports(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/__init__.py").write_text("")
        (tmp_path / "sub/setup_run.py").write_text(
            "import monai\n\n\ndef go():\n    monai.start()\n"
        )
        (tmp_path / "train.py").write_text(f"from sub.setup_run import go\n\ngo()\n{UNSEEDED}")
        assert codes(tmp_path) == ["NN101"]
        (tmp_path / "monai.py").write_text(LIBRARY)
        assert codes(tmp_path) == []

    @pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg"])
    def test_a_folder_that_becomes_the_top_of_a_project(self, tmp_path, marker):
        (tmp_path / "scripts/deep").mkdir(parents=True)
        (tmp_path / "tools.py").write_text(LIBRARY)
        train = tmp_path / "scripts/deep/train.py"
        train.write_text(f"import tools\n\ntools.start()\n{UNSEEDED}")
        assert codes(tmp_path, "scripts/deep/train.py") == ["NN101"]
        (tmp_path / marker).write_text("")
        assert codes(tmp_path, "scripts/deep/train.py") == []

    def test_other_files_that_come_change_nothing(self, tmp_path, monkeypatch):
        from nnlint import checking

        (tmp_path / "train.py").write_text(UNSEEDED)
        assert codes(tmp_path) == ["NN101"]
        (tmp_path / "notes.txt").write_text("")
        (tmp_path / "more").mkdir()
        monkeypatch.setattr(checking, "check_file", None)
        found = lint([str(tmp_path / ".")], Config(), jobs=1, cache_dir=tmp_path / "cache")
        assert [f.code for f in found.findings] == ["NN101"]
