"""`%load_ext nnlint`: the cells of a running notebook are linted in the order in which they ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("IPython")
from IPython.core.interactiveshell import InteractiveShell

IMPORTS = (
    "import torch\nfrom torch import nn\nimport torch.nn.functional as F\ntorch.manual_seed(0);"
)
MODEL = "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))"
LOSS = "x, y = torch.randn(8, 4), torch.arange(8) % 3\nloss = F.cross_entropy(model(x), y)"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel that has loaded nnlint."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "nnlint")
    yield shell
    shell.run_line_magic("unload_ext", "nnlint")
    InteractiveShell.clear_instance()


def ran(shell: Any, *cells: str) -> None:
    for cell in cells:
        shell.run_cell(cell, store_history=True)


def test_a_finding_is_told_after_the_cell_that_makes_it(shell: Any, capsys: Any) -> None:
    ran(shell, IMPORTS, MODEL)
    assert not capsys.readouterr().out
    ran(shell, LOSS)
    told = capsys.readouterr().out
    assert "softmax-into-cross-entropy" in told
    assert "session.ipynb:cell 3:2:8" in told
    assert "cell 2:1:40" in told
    ran(shell, LOSS, "print('next')")
    assert capsys.readouterr().out == "next\n", "what has been told is not told again"


def test_cells_count_in_the_order_in_which_they_ran(shell: Any, capsys: Any) -> None:
    ran(shell, IMPORTS, MODEL, "model = nn.Linear(4, 3)", LOSS)
    assert not capsys.readouterr().out
    ran(shell, MODEL, LOSS)
    assert "softmax-into-cross-entropy" in capsys.readouterr().out


def test_a_cell_that_raised_did_not_happen(shell: Any, capsys: Any) -> None:
    ran(shell, IMPORTS, "model = nn.Linear(4, 3)", f"1 / 0\n{MODEL}")
    capsys.readouterr()
    ran(shell, LOSS)
    assert not capsys.readouterr().out


def test_on_demand(shell: Any, capsys: Any) -> None:
    ran(shell, "%nnlint off", IMPORTS, MODEL, LOSS)
    assert capsys.readouterr().out == "nnlint looks on demand: `%nnlint`\n"
    ran(shell, "%nnlint")
    assert "softmax-into-cross-entropy" in capsys.readouterr().out
    ran(shell, "%nnlint sometimes")
    assert "takes `on`, `off` or nothing, not `sometimes`" in capsys.readouterr().out


def test_a_broken_configuration_is_one_line(shell: Any, capsys: Any) -> None:
    Path("nnlint.toml").write_text("sellect = []\n")
    ran(shell, IMPORTS)
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "sellect" in shown.err
