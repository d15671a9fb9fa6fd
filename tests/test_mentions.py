"""What the other files of a project tell of a function, and what a lint remembers of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nnlint.config import Config
from nnlint.engine import lint
from nnlint.project import mentions
from nnlint.project.mentions import MOST_FILES, Users
from nnlint.project.modules import ProjectModules
from nnlint.source.discovery import Roots

CALLERS = Path(__file__).parent.parent / "fixtures/missing-eval-mode/good_callers_elsewhere"


def codes(path, **options):
    return [f.code for f in lint([str(path)], Config(), jobs=1, **options).findings]


def test_a_file_alone_is_judged_by_its_callers_too(tmp_path):
    project = shutil.copytree(CALLERS, tmp_path / "project")
    (project / "pyproject.toml").touch()
    assert codes(project / "shared_loop.py", use_cache=False) == []


def test_without_callers_nothing_is_known_of_the_model(tmp_path):
    shutil.copy(CALLERS / "shared_loop.py", tmp_path)
    assert codes(tmp_path, use_cache=False) == ["NN505"]


def test_a_caller_that_changes_is_read_again(tmp_path):
    project = shutil.copytree(CALLERS, tmp_path / "project")
    (project / "pyproject.toml").touch()
    cache = tmp_path / "cache"
    loop = project / "shared_loop.py"
    assert codes(loop, cache_dir=cache) == []
    for name in ("recurrent_digits.py", "softmax_digits.py"):
        script = project / name
        plain = script.read_text(encoding="utf-8")
        changed = plain.replace("nn.Linear(784, 10)", "nn.Dropout(0.5), nn.Linear(784, 10)")
        changed = changed.replace("self.head(rows[:, -1])", "self.head(rows[:, -1].relu())")
        script.write_text(changed, encoding="utf-8")
    assert codes(loop, cache_dir=cache) == ["NN505"]


def test_callers_that_come_and_go_are_noticed(tmp_path):
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    shutil.copy(CALLERS / "shared_loop.py", project)
    assert codes(project, cache_dir=cache) == ["NN505"]
    scripts = [path for path in CALLERS.glob("*.py") if path.name != "shared_loop.py"]
    for script in scripts:
        shutil.copy(script, project)
    assert codes(project, cache_dir=cache) == codes(project, use_cache=False) != ["NN505"]
    for script in scripts:
        (project / script.name).unlink()
    assert codes(project, cache_dir=cache) == ["NN505"]


def test_where_nothing_has_changed_no_file_is_searched(tmp_path, monkeypatch):
    project = shutil.copytree(CALLERS, tmp_path / "project")
    for path in project.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first = codes(project, cache_dir=tmp_path)
    # which files mention a name is known from the second run on
    assert codes(project, cache_dir=tmp_path) == first
    monkeypatch.setattr(mentions, "_content", None)
    assert codes(project, cache_dir=tmp_path) == first


@pytest.mark.parametrize("few", [0, 100])
def test_words_that_are_noted_tell_what_searching_does(tmp_path, monkeypatch, few):
    monkeypatch.setattr(mentions, "FEW", few)
    (tmp_path / "used.py").write_text("def train(): ...\n")
    (tmp_path / "a.py").write_text("from used import train\n")
    (tmp_path / "b.py").write_text("pretrain, train_all = 1, 2\n")
    (tmp_path / "c.txt").write_text("train\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.py").write_text("x = used.train()\n")
    users = Users(ProjectModules(Roots.of([str(tmp_path)])))
    found = users.files(str(tmp_path / "used.py"), "train")
    assert found == [str(tmp_path / "a.py"), str(tmp_path / "deep" / "d.py")]


def test_of_many_the_nearest_are_taken_in_one_order(tmp_path):
    for number in range(3 * MOST_FILES):
        folder = tmp_path / ("near" if number % 2 else "far")
        folder.mkdir(exist_ok=True)
        (folder / f"m{number:02}.py").write_text("train()\n")
    modules = ProjectModules(Roots.of([str(tmp_path)]))
    found = Users(modules).files(str(tmp_path / "near" / "used.py"), "train")
    assert found == [str(tmp_path / "near" / f"m{n:02}.py") for n in range(1, 24, 2)]
