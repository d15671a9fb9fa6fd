"""Names across the modules of a project: what is imported, registered, inherited."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

MODEL = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
    def forward(self, x):
        return torch.softmax(self.layer(x), 1)
"""


def runs_softmax(program):
    """Whether a softmax is reached."""
    return any(o.entry.family == "softmax" for o in program.operations)


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("from model import Net", "Net"),
        ("from model import Net as Model", "Model"),
        ("from model import *", "Net"),
        ("import model", "model.Net"),
        ("import model as m", "m.Net"),
        ("try:\n    from fast import Net\nexcept ImportError:\n    from model import Net", "Net"),
        ("if True:\n    from model import Net", "Net"),
        ("def get():\n    from model import Net\n    return Net", "get()"),
        ("import model\nNet = model.Net", "Net"),
        ("import model\nTABLE = {'net': model.Net}", "TABLE['net']"),
        ("import model", "getattr(model, 'Net')"),
    ],
)
def test_ways_to_import_a_class(imports, name):
    program = main_program(f"{imports}\nimport torch\n{name}()(torch.rand(1, 1))", model=MODEL)
    assert runs_softmax(program)


def test_class_of_a_library_import_hidden_in_another_module():
    program = main_program(
        "from common import *\nnn.Softmax(1)(torch.rand(1, 1))",
        common="import torch\nimport torch.nn as nn",
    )
    assert runs_softmax(program)


def test_class_that_a_decorator_registers():
    program = main_program(
        """
        import torch
        from torch import nn
        MODELS = {}
        def register(name):
            def add(cls):
                MODELS[name] = cls
                return cls
            return add
        @register("net")
        class Net(nn.Module):
            def forward(self, x):
                return x.softmax(1)
        MODELS["net"]()(torch.rand(1, 1))
        """
    )
    assert runs_softmax(program)


def test_hook_of_a_subclass_is_called_by_its_base_in_another_module():
    program = main_program(
        """
        import torch
        from base import Base
        class Net(Base):
            def head(self, x):
                return super().head(x).softmax(1)
        Net()(torch.rand(1, 1))
        """,
        base="""
        from torch import nn
        class Base(nn.Module):
            def forward(self, x):
                return self.head(x)
            def head(self, x):
                return x
        """,
    )
    assert runs_softmax(program)


def test_what_builds_others_is_interpreted_before_them():
    analysis = analysed(
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self, rate):
                super().__init__()
                self.drop = nn.Dropout(rate)
            def forward(self, x):
                return self.drop(x)
        class Net(nn.Module):
            def __init__(self, rate=0.0):
                super().__init__()
                self.block = Block(rate)
            def forward(self, x):
                return self.block(x)
        """
    )
    rates = [o.arguments["p"] for o in analysis.operations if o.entry.family == "dropout"]
    assert [rate.value for rate in rates] == [0.0]


def test_class_that_only_uses_what_it_imports_is_looked_at():
    analysis = analysed(
        """
        from torch import nn
        from parts import block
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.block = block()
            def forward(self, x):
                return self.block(x)
        """,
        parts="from torch import nn\ndef block():\n    return nn.Sequential(nn.Dropout(0.5))",
    )
    assert any(o.entry.family == "dropout" for o in analysis.operations)


def test_inherited_method_runs_with_what_the_subclass_defines():
    analysis = analysed(
        """
        from base import Base
        import torch
        class Net(Base):
            def forward(self, x):
                return torch.softmax(x, 1)
        """,
        base="""
        import torch.nn.functional as F
        from torch import nn
        class Base(nn.Module):
            def training_step(self, batch):
                x, y = batch
                return F.cross_entropy(self(x), y)
        """,
    )
    (loss,) = (o for o in analysis.operations if o.entry.family == "cross_entropy")
    assert loss.inputs[0].producer.entry.family == "softmax"


def test_stars_of_modules_that_import_each_other():
    program = main_program(
        "from a import *\nNet()(torch.rand(1, 1))\nmissing",
        a="from b import *\nimport torch",
        b="from a import *\nfrom model import *",
        model=MODEL,
    )
    assert runs_softmax(program)


def test_own_names_come_before_those_of_a_star():
    program = main_program(
        "from model import *\ndef Net():\n    return abs\nNet()(torch.rand(1, 1))", model=MODEL
    )
    assert not runs_softmax(program)
