"""Memory, the sandbox and missing packages are told as what they are, and never as the model's fault."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnlint.verify.processes import Workers
from nnlint.verify.runtime.causes import cause_of
from nnlint.verify.session import Limits, Outcome, run_job

MODEL = """import os, socket, subprocess, urllib.request
import torch
from torch import nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {built}
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        {run}
        return self.layer(x)
"""


def asked(tmp_path: Path, imports: str = "", built: str = "pass", run: str = "pass") -> Outcome:
    file = tmp_path / "model.py"
    file.write_text(MODEL.format(imports=imports, built=built, run=run))
    job = {
        "target": {"file": str(file), "name": "Net"},
        "probes": ["batch-of-one"],
        "options": {},
        "inputs": [{"shape": [5, 4]}],
        "build_budget": 10.0,
    }
    return run_job(sys.executable, job, Limits(memory=6 * 2**30), workers=asked.workers)


@pytest.fixture(autouse=True, scope="module")
def workers():
    with Workers(sys.executable) as shared:
        asked.workers = shared
        yield


@pytest.mark.parametrize(
    ("text", "stage", "words"),
    [
        ("MemoryError: ", "memory", "--memory"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "memory", ""),
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate", "memory", "--memory"),
        (
            "ModuleNotFoundError: No module named 'timm.layers'",
            "package",
            "`timm` is not installed",
        ),
        ("AssertionError: Torch not compiled with CUDA enabled", "device", "wants a CUDA device"),
        ("PermissionError: nnlint verify: to start other programs (os.exec)", "sandbox", "refused"),
    ],
)
def test_causes(text, stage, words):
    found = cause_of(text)
    assert found is not None and found[0] == stage and words in found[1]


def test_faults_of_the_model_are_none():
    assert cause_of("RuntimeError: mat1 and mat2 shapes cannot be multiplied") is None
    wrapped = cause_of("URLError: <urlopen error>", ["the network (socket.connect)"])
    assert wrapped is not None and wrapped[1].startswith("the sandbox refused it the network")


@pytest.mark.parametrize(
    ("place", "stage", "words"),
    [
        ({"built": "self.table = torch.zeros(64 * 2**30)"}, "memory", "out of memory"),
        ({"built": "subprocess.run(['true'])"}, "sandbox", "to start other programs"),
        (
            {"built": "urllib.request.urlopen('http://127.0.0.1:9/weights.pt')"},
            "sandbox",
            "--allow-network lets it",
        ),
        (
            {
                "imports": "import no_such_backbone",
                "built": "self.body = no_such_backbone.make(3)[0]",
            },
            "package",
            f"`no_such_backbone` is not installed for {sys.executable}; `--python PATH` names",
        ),
        (
            {
                "imports": "import no_such_ops",
                "run": "return no_such_ops.rearrange(x, 'b t -> t b')",
            },
            "package",
            "`no_such_ops` is not installed for",
        ),
        ({"built": "self.scale = torch.ones(3).cuda()"}, "device", "wants a CUDA device"),
    ],
)
def test_what_cannot_be_built_says_why(tmp_path, place, stage, words):
    failure = asked(tmp_path, **place).failure
    assert failure["stage"] == stage and words in failure["reason"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        # a crash with one example is a fault, but not where these are the reason
        ("torch.zeros(64 * 2**30) if len(x) == 1 else None", "out of memory"),
        ("subprocess.run(['true']) if len(x) == 1 else None", "the sandbox refused it"),
        ("__import__('no_such_package') if len(x) == 1 else None", "`no_such_package` is not"),
    ],
)
def test_a_crash_that_is_not_the_models_is_not_confirmed(tmp_path, body, words):
    (result,) = asked(tmp_path, run=body).results
    assert result.status == "INCONCLUSIVE" and words in result.summary


PACKAGED = """import os, time
from torch import nn

try:
    os.mkdir({outside!r})
except OSError:
    pass
time.sleep({wait})


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(width, 3)

    def forward(self, x):
        return self.{attribute}(x)
"""


def asked_of_package(folder: Path, attribute: str, wait: float, budget: float) -> Outcome:
    package = folder / "heavy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    outside = str(folder / "cache")
    (package / "model.py").write_text(
        PACKAGED.format(outside=outside, wait=wait, attribute=attribute)
    )
    job = {
        "target": {"file": str(package / "model.py"), "name": "Net"},
        "probes": ["batch-of-one"],
        "options": {},
        "build_budget": budget,
    }
    return run_job(sys.executable, job, Limits(memory=6 * 2**30), workers=asked.workers)


def test_what_an_import_went_on_without_explains_nothing(tmp_path):
    outcome = asked_of_package(tmp_path, "missing", wait=0, budget=10.0)
    assert outcome.failure
    assert outcome.failure["stage"] != "sandbox"
    assert "missing" in outcome.failure["reason"]


def test_loading_leaves_time_to_build(tmp_path):
    outcome = asked_of_package(tmp_path, "layer", wait=6, budget=6.0)
    assert not outcome.failure
    assert outcome.built
