"""Runs: suppression, cache, bad input, crashes, selection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnlint import checking, workers
from nnlint.config import Config
from nnlint.engine import Linter, lint
from nnlint.registry import load_rules
from nnlint.report.frame import Sources
from nnlint.source.discovery import MissingPathError
from nnlint.syntax.module import parse_module

BAD = """import torch
from torch import nn

x = torch.randn(4, 8)
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(10):
    optimizer.zero_grad()
    model(x).mean().backward()
    optimizer.step()
"""


def run(tmp_path: Path, **options):
    return lint(
        [str(tmp_path)], options.pop("config", Config()), jobs=1, use_cache=False, **options
    )


def codes(result) -> list[str]:
    return [f.code for f in result.findings]


def test_finding_is_complete(tmp_path):
    (tmp_path / "train.py").write_text(BAD)
    (finding,) = run(tmp_path).findings
    assert (finding.code, finding.name, finding.start) == ("NN101", "missing-seed", (5, 9))
    assert finding.explanation and finding.help and finding.url and finding.noqa_row == 5


@pytest.mark.parametrize(
    "comment",
    [
        "# nnlint: ignore[NN101]",
        "# nnlint: ignore[missing-seed]",
        "# nnlint: ignore",
        "# noqa: NN101",
    ],
)
def test_line_suppression(tmp_path, comment):
    (tmp_path / "train.py").write_text(
        BAD.replace("nn.Linear(8, 1)", f"nn.Linear(8, 1)  {comment}")
    )
    assert codes(run(tmp_path)) == []


def test_file_suppression(tmp_path):
    (tmp_path / "train.py").write_text("# nnlint: ignore-file[NN101]\n" + BAD)
    assert codes(run(tmp_path)) == []


def test_unused_and_unknown_suppressions(tmp_path):
    text = "import torch\nx = 1  # nnlint: ignore[NN301]\ny = 2  # nnlint: ignore[NN999]\n"
    (tmp_path / "a.py").write_text(text)
    assert codes(run(tmp_path)) == ["NN004", "NN005"]


def test_suppression_in_a_string_does_not_count(tmp_path):
    (tmp_path / "train.py").write_text('"""# nnlint: ignore-file[NN101]"""\n' + BAD)
    assert codes(run(tmp_path)) == ["NN101"]


def test_per_file_ignores(tmp_path):
    (tmp_path / "train.py").write_text(BAD)
    assert codes(run(tmp_path, config=Config(per_file_ignores=(("train.py", ("NN1",)),)))) == []


SOFTMAX_TWICE = """import torch
from torch import nn


def test_loss(output, target):
    return nn.NLLLoss()(torch.softmax(output, 1), target)
"""


@pytest.mark.parametrize(
    "name", ["tests/test_loss.py", "test_loss.py", "loss_test.py", "conftest.py"]
)
def test_tests_of_code_are_parsed_and_no_more(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(SOFTMAX_TWICE)
    assert codes(run(tmp_path)) == []
    path.write_text(SOFTMAX_TWICE + "x = (\n")
    assert codes(run(tmp_path)) == ["NN001"]


@pytest.mark.parametrize("name", ["loss.py", "test_loss.py", "loss_test.py"])
def test_scripts_that_test_a_model_are_no_tests_of_code(tmp_path, name):
    called = "\nprint(test_loss(torch.randn(4, 3), torch.tensor([0, 1, 2, 0])))\n"
    (tmp_path / name).write_text(SOFTMAX_TWICE + called)
    assert "NN404" in codes(run(tmp_path))


def test_columns_count_characters(tmp_path):
    (tmp_path / "train.py").write_text(
        BAD.replace("model = nn", "ü = 'öäü'; model = nn"), encoding="utf-8"
    )
    assert run(tmp_path).findings[0].start == (5, 20)


def test_notebook(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "import torch\n", "from torch import nn"],
        },
        {"cell_type": "code", "source": BAD.split("\n\n")[1]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    (finding,) = run(tmp_path).findings
    assert (finding.code, finding.cell, finding.start.row) == ("NN101", 3, 2)


def test_a_statement_behind_a_magic_is_linted_where_it_stands(tmp_path):
    cells = ["import torch", "%time model = torch.nn.Linear(3, 4)", BAD.split("model\n")[-1]]
    (tmp_path / "a.ipynb").write_text(notebook_of(*cells, "%timeit -n 3 torch.rand(2)"))
    (finding,) = run(tmp_path).findings
    assert (finding.code, finding.cell, finding.start) == ("NN101", 2, (1, 15))


def test_commands_are_shown_as_they_were_written():
    raw = notebook_of("%%time\nx = 1", "%time x = 2").encode()
    sources = Sources({"a.ipynb": raw})
    assert sources.lines("a.ipynb", 1) == ["%%time", "x = 1"]
    assert sources.lines("a.ipynb", 2) == ["%time x = 2"]


def test_cells_of_a_script_may_hold_commands(tmp_path):
    head = "# %% [markdown]\n# Train\n\n# %%\n%matplotlib inline\n!nvidia-smi\n"
    (tmp_path / "a.py").write_text(head + BAD)
    (finding,) = run(tmp_path).findings
    assert (finding.code, finding.start.row) == ("NN101", 11)
    (tmp_path / "a.py").write_text(head.replace("%%", "-") + BAD)
    assert codes(run(tmp_path)) == ["NN001"], "what is no script of cells is Python"


PROSE = ("bash ./run.sh --gpus 2", "Epoch: 1 cost time: 30.0", "a sentence that explains this")


def test_cells_that_are_prose_are_one_finding(tmp_path):
    sketch = "with torch.autocast('cuda'):\n\n...\n\nscaler.step(opt)"
    code = "model = torch.nn.Linear(3, 4"
    (tmp_path / "a.ipynb").write_text(notebook_of("import torch", *PROSE, sketch, code))
    broken, prose = sorted(run(tmp_path).findings, key=lambda f: -(f.cell or 0))
    assert (broken.cell, broken.start, broken.related) == (6, (1, 24), ())
    assert prose.cell == 2 and "cells 2, 3, 4 and 5 are no Python" in prose.message
    assert [r.cell for r in prose.related] == [3, 4, 5]


def test_one_cell_of_prose_is_told_as_any_other(tmp_path):
    (tmp_path / "a.ipynb").write_text(notebook_of("import torch", PROSE[0]))
    (finding,) = run(tmp_path).findings
    assert (finding.code, finding.cell) == ("NN001", 2) and "invalid syntax" in finding.message


def notebook_of(*cells: str) -> str:
    blocks = [{"cell_type": "code", "source": c.splitlines(keepends=True)} for c in cells]
    return json.dumps({"cells": blocks, "nbformat": 4})


def test_a_broken_cell_of_a_notebook_is_named_and_left_out(tmp_path):
    first, second = BAD.split("\n\n", 1)
    loss = "loss = torch.nn.functional.cross_entropy(torch.softmax(scores, 1), target)"
    broken = "x = 1\ny = # your code here"
    (tmp_path / "a.ipynb").write_text(notebook_of(first, broken, second, loss))
    found = {f.code: (f.cell, f.start) for f in run(tmp_path).findings}
    assert found["NN001"] == (2, (2, 5))
    assert found["NN401"][0] == 4
    # the seed may be fixed in the broken cell
    assert "NN101" not in found


@pytest.mark.parametrize(
    "cell",
    [
        "print('%d of %d'\n      % (1, 2))",
        'text = """\n%matplotlib\n!ls\n"""',
        "total = 5 \\\n    % 3",
        "%matplotlib inline\nimport os",
        "files = !ls",
        "!pip install torch",
        "os.path?",
        "%%bash\nif [ 1 ]; then",
        "\n# @title\n%%javascript\nlet x = {",
        "%%R\nx <- 3",
        "!pip install torch \\\n    timm \\\n    einops\nimport timm",
        "?torch.nn\ntorch.nn.Linear??",
        "%%time\nx = 1",
        "x = '#('  # (\n!ls",
        "await asyncio.sleep(1)",
    ],
)
def test_lines_of_ipython_syntax(tmp_path, cell):
    (tmp_path / "a.ipynb").write_text(notebook_of("import torch", cell))
    assert codes(run(tmp_path)) == []


def test_broken_notebook(tmp_path):
    (tmp_path / "a.ipynb").write_text('{"cells": "import torch"}')
    assert codes(run(tmp_path)) == ["NN003"]


def test_missing_path():
    with pytest.raises(MissingPathError):
        lint(["does/not/exist"], Config(), use_cache=False)


def test_what_macos_keeps_beside_a_file_is_no_source(tmp_path):
    (tmp_path / "train.py").write_text("import torch\n", encoding="utf-8")
    for name in ("._train.py", "__MACOSX/._train.py", "__MACOSX/train.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07\x00\x02Mac OS X")
    result = run(tmp_path)
    assert ([*result.findings], [Path(f).name for f in result.files]) == ([], ["train.py"])


def test_gitignore_and_exclude(tmp_path):
    (tmp_path / ".git").mkdir()
    for name in ("kept", "ignored", "excluded"):
        (tmp_path / f"{name}.py").write_text(BAD)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    result = run(tmp_path, config=Config(exclude=("excluded.py",)))
    assert [Path(f).name for f in result.files] == ["kept.py"]
    everything = run(tmp_path, config=Config(respect_gitignore=False))
    assert len(everything.files) == 3


def test_crashing_rule_is_reported_and_the_run_goes_on(tmp_path, monkeypatch):
    import dataclasses

    def crash(program, context):
        raise ZeroDivisionError("of the rule")

    rules = tuple(
        dataclasses.replace(r, check=crash) if r.code == "NN501" else r for r in load_rules()
    )
    monkeypatch.setattr(workers, "select_rules", lambda config: rules)
    (tmp_path / "train.py").write_text(BAD)
    result = run(tmp_path)
    assert codes(result) == ["NN007", "NN101"] and result.failed
    assert "missing-zero-grad" in result.findings[0].message


def test_finding_in_another_module_needs_that_module_to_be_linted(tmp_path):
    (tmp_path / "data.py").write_text(
        "from torchvision import datasets, transforms as T\n"
        "def load():\n"
        "    return datasets.CIFAR10('d', train=False, transform=T.RandomCrop(32))\n"
    )
    (tmp_path / "train.py").write_text("import torch\nfrom data import load\nload()\n")
    only = lint([str(tmp_path / "train.py")], Config(), jobs=1, use_cache=False)
    assert not only.findings
    assert codes(run(tmp_path)) == ["NN202"]


class TestCache:
    def lint(self, tmp_path):
        return lint([str(tmp_path / "src")], Config(), jobs=1, cache_dir=tmp_path / "cache")

    def test_warm_run_parses_nothing_and_says_the_same(self, tmp_path, monkeypatch):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text(BAD)
        first = self.lint(tmp_path)
        monkeypatch.setattr(checking, "check_file", None)
        assert self.lint(tmp_path) == first

    def test_changed_dependency_is_noticed(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text("from tools import fix\nfix()\n" + BAD)
        tools = tmp_path / "src/tools.py"
        tools.write_text("import torch\ndef fix():\n    torch.manual_seed(0)\n")
        assert codes(self.lint(tmp_path)) == []
        tools.write_text("import torch\ndef fix():\n    pass\n")
        assert codes(self.lint(tmp_path)) == ["NN101"]

    def test_new_module_is_noticed(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text("from tools import start\nstart()\n" + BAD)
        assert codes(self.lint(tmp_path)) == ["NN101"]
        (tmp_path / "src/tools.py").write_text(
            "import torch\ndef start():\n    torch.manual_seed(0)\n"
        )
        assert codes(self.lint(tmp_path)) == []

    def test_broken_cache_is_no_cache(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.py").write_text(BAD)
        self.lint(tmp_path)
        for file in (tmp_path / "cache").glob("*.pickle"):
            file.write_bytes(b"broken")
        assert codes(self.lint(tmp_path)) == ["NN101"]


def test_many_files_are_spread_over_processes(tmp_path):
    for i in range(40):
        (tmp_path / f"train{i}.py").write_text(BAD)
    result = lint([str(tmp_path)], Config(), jobs=2, use_cache=False)
    assert len(result.findings) == 40


def test_a_script_in_a_subfolder_imports_from_the_top_of_its_project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    for name, text in {
        "lib/__init__.py": "",
        "lib/seeding.py": "import torch\ndef fix():\n    torch.manual_seed(0)\n",
        "tools/deep/train.py": f"import lib.seeding\nlib.seeding.fix()\n{BAD}",
        "tools/deep/other.py": BAD,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert [Path(f.filename).name for f in run(tmp_path).findings] == ["other.py"]


def test_a_folder_without_init_is_a_namespace(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers/seeding.py").write_text(
        "import torch\ndef fix():\n    torch.manual_seed(0)\n"
    )
    (tmp_path / "train.py").write_text(f"import helpers.seeding\nhelpers.seeding.fix()\n{BAD}")
    assert codes(run(tmp_path)) == []


class TestRunsAfterAnother:
    """What is parsed is parsed once, as long as it is the same."""

    @pytest.fixture
    def parsed(self, monkeypatch, tmp_path):
        names = []

        def counted(source, name, is_package):
            names.append(name)
            return parse_module(source, name, is_package)

        monkeypatch.setattr("nnlint.project.modules.parse_module", counted)
        for name in ("train", "other"):
            (tmp_path / f"{name}.py").write_text(f"from model import Net\n{BAD}print(Net)\n")
        (tmp_path / "model.py").write_text("import torch\nclass Net(torch.nn.Module):\n    pass\n")
        return names

    def test_only_what_is_changed_is_parsed_again(self, tmp_path, parsed):
        linter = Linter(lambda folder: Config(), jobs=1)
        found = linter.discover([str(tmp_path)])
        first = linter.run(found)
        assert sorted(parsed) == ["model", "other", "train"]
        parsed.clear()
        path = str(tmp_path / "train.py")
        changed = linter.run(found, {path: f"import torch\ntorch.manual_seed(0)\n{BAD}".encode()})
        assert parsed == ["train"] and len(changed.findings) == len(first.findings) - 1
        parsed.clear()
        (tmp_path / "model.py").write_text("import torch\n\ntorch.manual_seed(0)\nNet = 1\n")
        assert not [f for f in linter.run(found).findings if f.code == "NN101"]
        assert sorted(parsed) == ["model", "train"]

    def test_under_other_names_they_are_others(self, tmp_path, parsed, monkeypatch):
        linter = Linter(lambda folder: Config(), jobs=1)
        monkeypatch.chdir(tmp_path)
        for given, folder in ((str(tmp_path), tmp_path), (".", Path()), ("train.py", Path())):
            (finding, *_) = linter.run(linter.discover([given])).findings
            assert Path(finding.filename).parent == folder
