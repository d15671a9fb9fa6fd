"""What is written into the weights of layers, and how many a layer has."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.semantics.initialisation import initialised, settled
from nnlint.semantics.weights import weights_in


def filled(text: str) -> dict[str, float | None]:
    """By the code of a layer, the number that its weights are certainly filled with."""
    program = main_program(text)
    written = initialised(program.operations)
    return {
        built.site.text: write.value
        for built in program.builds
        if id(built) in written and (write := settled(written[id(built)].weight))
    }


def test_apply_runs_a_function_for_each_layer() -> None:
    assert filled(
        """
        from torch import nn

        def init(m):
            if "Linear" in m.__class__.__name__:
                nn.init.constant_(m.weight, 0.5)

        net = nn.Sequential(nn.Linear(2, 3), nn.Conv1d(3, 4, 5), nn.Linear(4, 1))
        net.apply(init)
        """
    ) == {"nn.Linear(2, 3)": 0.5, "nn.Linear(4, 1)": 0.5}


def test_loop_over_modules_goes_by_their_class() -> None:
    assert filled(
        """
        from torch import nn

        net = nn.Sequential(nn.Linear(2, 3), nn.Conv1d(3, 4, 5))
        for name, m in net.named_modules():
            if isinstance(m, nn.Conv1d):
                m.weight.data.zero_()
            elif isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
        """
    ) == {"nn.Conv1d(3, 4, 5)": 0.0}


@pytest.mark.parametrize(
    "then",
    [
        "nn.init.normal_(layer.weight)",
        "layer.weight.data[0] = other",
        "if chosen():\n    nn.init.ones_(layer.weight)",
    ],
)
def test_what_follows_unsettles(then: str) -> None:
    text = f"from torch import nn\nlayer = nn.Linear(2, 3)\nlayer.weight.data.fill_(0.1)\n{then}\n"
    assert filled(text) == {}


def test_loop_over_parameters_spares_the_biases() -> None:
    program = main_program(
        """
        from torch import nn

        net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        net(x)
        for name, p in net.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
        """
    )
    written = initialised(program.operations)
    assert all(not told.weight and told.bias for told in written.values()) and written


def test_parts_leave_no_trace_in_the_timeline() -> None:
    program = main_program(
        """
        from torch import nn

        def init(m):
            m.eval()
            nn.init.zeros_(m.weight)

        net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        net.apply(init)
        """
    )
    assert len(program.events("eval")) == 1


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        ("nn.Linear(3, 5)", 15),
        ("nn.Conv2d(4, 6, 3)", 216),
        ("nn.Conv2d(4, 6, (1, 3), groups=2)", 36),
        ("nn.Embedding(10, 4)", 40),
        ("nn.BatchNorm2d(8)", 16),
        ("nn.ReLU()", 0),
        ("nn.LSTM(3, 4)", None),
        ("nn.Linear(unknown(), 5)", None),
    ],
)
def test_weights_of_a_layer(layer: str, count: int | None) -> None:
    built = analysed(f"from torch import nn\nlayer = {layer}\n").programs[0].builds[0]
    assert weights_in(built) == count
