"""What the other files of a project tell of a function, and what a lint remembers of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from nnlint.config import Config
from nnlint.engine import lint

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
