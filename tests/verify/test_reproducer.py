"""Scripts that show a leak: short, true, and with torch alone where that is possible."""

from __future__ import annotations

import contextlib
import inspect
import io
import json

import pytest
import torch
from torch import nn

from nnlint.verify.reproducer import reproducer
from nnlint.verify.runtime.construction.inlining import NotAlone, importable, inlined
from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency
from nnlint.verify.runtime.recipes import arguments_as_text
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject

from .zoo import MIXES, load

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
LEAKS = [c for c in load() if c.truth == MIXES and not c.by_design]


def evidence_of(model, *inputs, axis=0, **kwargs):
    torch.set_num_threads(1)
    subject = Subject(Runner(model), Inputs.of(inputs, kwargs, axis), Options(axis=axis))
    return batch_dependency.run(subject).evidence


def changed_by(script: str) -> set[int]:
    """Every output that changed, whatever the example was changed to."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(script, "reproduce.py", "exec"), {})
    lines = told.getvalue().splitlines()
    return {row for line in lines for row in json.loads(line.rpartition(":")[2])}


@pytest.mark.parametrize("case", LEAKS, ids=lambda case: case.name)
def test_a_leak_shows_with_torch_alone(case, tmp_path):
    if case.name == "ThroughNumpy":
        pytest.importorskip("numpy")
    path = tmp_path / "model.py"
    path.write_text(HEAD + inspect.getsource(case.cls).partition("\n")[2])
    evidence = evidence_of(case.build(), *case.inputs(), axis=case.axis)
    if evidence["reproduce"] is None:
        pytest.skip("more than a few lines would be needed")
    built = {"constructor": "", "source": inlined(str(path), case.name), "importable": True}
    script = reproducer({"file": str(path), "name": case.name}, built, evidence)
    assert script is not None and len(script.splitlines()) <= 20
    if "import sys" in script:
        pytest.skip("imported: its source is long")
    column = evidence["leaks"]["input"]
    assert changed_by(script) - {column}, script


class Dictionary(nn.Module):
    """Takes a table of inputs, as forecasting models do."""

    def __init__(self, width: int):
        super().__init__()
        self.layer = nn.Linear(width, 2)

    def forward(self, x: dict, *, gain: torch.Tensor) -> dict:
        return {"prediction": (self.layer(x["past"]) * gain).softmax(0)}

    def never_called(self):
        return 1


def test_tables_and_keywords_are_written_out(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(HEAD + inspect.getsource(Dictionary))
    torch.manual_seed(0)
    evidence = evidence_of(Dictionary(3), {"past": torch.randn(5, 3)}, gain=torch.rand(5, 1))
    source = inlined(str(path), "Dictionary")
    assert "never_called" not in source and "Takes" not in source and "->" not in source
    constructor = arguments_as_text({"args": [], "width": 3})
    script = reproducer(
        {"file": str(path), "name": "Dictionary"},
        {"constructor": constructor, "source": source},
        evidence,
    )
    assert "model({'past': x0}, gain=x1)['prediction']" in script
    assert len(changed_by(script)) > 1


def test_what_needs_more_than_torch_is_imported_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "helpers.py").write_text("WIDTH = 3\n")
    path = tmp_path / "wide.py"
    text = HEAD + "from helpers import WIDTH\n\n\n" + inspect.getsource(Dictionary)
    path.write_text(text.replace("Linear(width", "Linear(WIDTH or width"))
    with pytest.raises(NotAlone, match="it imports helpers") as caught:
        inlined(str(path), "Dictionary")
    torch.manual_seed(0)
    evidence = evidence_of(Dictionary(3), {"past": torch.randn(5, 3)}, gain=torch.rand(5, 1))
    script = reproducer(
        {"file": str(path), "name": "Dictionary"},
        {"constructor": "width=3", "not_alone": str(caught.value), "importable": True},
        evidence,
    )
    assert "imported from its project: it imports helpers." in script
    assert len(script.splitlines()) <= 20
    assert len(changed_by(script)) > 1


def test_arguments_that_no_text_makes():
    assert arguments_as_text({"args": [2], "mode": "a", "act": nn.ReLU}) == (
        "2, mode='a', act=torch.nn.ReLU"
    )
    assert arguments_as_text({"encoder": nn.Linear(2, 2)}) is None


def test_a_script_that_trains_is_not_imported(tmp_path):
    path = tmp_path / "train.py"
    for last, expected in (
        ("if __name__ == '__main__':\n    main()\n", True),
        ("main()\n", False),
        ("for epoch in range(2):\n    pass\n", False),
    ):
        path.write_text(f'"""Trains."""\n{HEAD}LIMIT = 3\n\n\ndef main(): ...\n\n\n{last}')
        assert importable(str(path)) is expected
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "net.py").write_text("import no_such_package\n")
    assert not importable(str(tmp_path / "pkg" / "net.py"))
