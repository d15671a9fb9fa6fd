"""What imported modules do at their top level: seeds that are set on import."""

from __future__ import annotations

import pytest
from program_text import main_program

from nnlint.questions.reproducibility.seeding import fixes_seed

SCRIPT = """
import torch
from torch import nn
{imports}

def main():
    {inside}
    model = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in torch.load("batches.pt"):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

if __name__ == "__main__":
    {guarded}
    main()
"""
SEED = "import torch\ntorch.manual_seed(0)\n"
START = "import torch\ndef start(n):\n    torch.manual_seed(n)\n    return {'n': n}\n"


@pytest.mark.parametrize(
    ("imports", "others", "seeded"),
    [
        ("import config", {"config": SEED}, True),
        ("from config import *", {"config": SEED}, True),
        (
            "import first",
            {"first": "import second", "second": "from config import *", "config": SEED},
            True,
        ),
        ("from config import RNG", {"config": "import torch\nRNG = torch.manual_seed(0)"}, True),
        ("import config", {"config": "from tools import start\nstart(3)", "tools": START}, True),
        (
            "import config",
            {"config": "from tools import start\nC = start(3)", "tools": START},
            True,
        ),
        ("import config", {"config": "import tools\nC = tools.start(3)", "tools": START}, True),
        ("import config", {"config": "import torch\nclass C:\n    torch.manual_seed(0)"}, True),
        (
            "import config",
            {
                "config": "import torch\ntry:\n    import x\nexcept ImportError:\n    torch.manual_seed(0)"
            },
            True,
        ),
        (
            "import config",
            {"config": "import os, torch\nif 'S' in os.environ:\n    torch.manual_seed(1)"},
            True,
        ),
        (
            "import config",
            {"config": "import torch\nwith torch.no_grad():\n    torch.manual_seed(1)"},
            True,
        ),
        (
            "import config",
            {"config": "if __name__ == '__main__':\n    import torch\n    torch.manual_seed(0)"},
            False,
        ),
        ("import config", {"config": START}, False),
        ("import config", {"config": "import numpy\nnumpy.random.seed(0)"}, False),
        ("import config", {"config": "def later():\n    import other", "other": SEED}, False),
        ("import os", {"config": SEED}, False),
        ("import first", {"first": "import second", "second": "import first"}, False),
    ],
)
def test_seeds_on_import(imports: str, others: dict[str, str], seeded: bool) -> None:
    text = SCRIPT.format(imports=imports, inside="pass", guarded="pass")
    assert fixes_seed(main_program(text, **others)) is seeded


@pytest.mark.parametrize(
    ("imports", "inside", "guarded", "seeded"),
    [
        ("", "import config", "pass", True),
        ("", "pass", "import config", True),
        ("try:\n    import config\nexcept ImportError:\n    pass", "pass", "pass", True),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import config",
            "pass",
            "pass",
            False,
        ),
    ],
)
def test_where_the_script_imports(imports: str, inside: str, guarded: str, seeded: bool) -> None:
    text = SCRIPT.format(imports=imports, inside=inside, guarded=guarded)
    assert fixes_seed(main_program(text, config=SEED)) is seeded


def test_a_seed_of_its_own_needs_no_import() -> None:
    text = SCRIPT.format(imports="import config", inside="torch.manual_seed(1)", guarded="pass")
    program = main_program(text, config=SEED)
    assert fixes_seed(program) and not program.imports.children
