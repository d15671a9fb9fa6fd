from nnlint.questions.model.tensors import loose_tensors
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program

EFFECTS = {
    "of parameter": "`self.{name}` is computed from a parameter and is none itself: "
    "`parameters()` leaves it out, so that it is neither trained nor saved",
    "trained": "`self.{name}` asks for gradients but is no `nn.Parameter`: `parameters()` leaves "
    "it out, so that it is neither trained nor moved nor saved",
    "constant": "`self.{name}` is neither a parameter nor a buffer: it stays on the CPU when the "
    "module is moved to another device",
}
HELP = {
    "of parameter": "Make the whole expression the parameter: `nn.Parameter(...)` around it.",
    "trained": "Make it an `nn.Parameter`.",
    "constant": 'Register it: `self.register_buffer("{name}", ...)`.',
}


@rule(
    "NN323",
    level=Level.WARNING,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="unregistered-parameters",
)
def unregistered_tensor(program: Program, context: Context) -> None:
    """A tensor of a module is neither parameter nor buffer.

    ## What it does
    Reports tensors that a constructor makes and the module computes with, and that are not
    registered: what is computed from an `nn.Parameter`, a tensor with `requires_grad=True`, a
    constant that nobody moves to the device of the input.

    ## Why it hurts training
    `nn.Parameter(...).to(device)` is the result of an operation: on another device it is no
    leaf, the optimizer never sees it, and it stays as it was initialised. A constant stays on
    the CPU, and the first batch on a GPU ends in an error.

    ## Example
    ```python
    import torch
    from torch import nn


    class Scaled(nn.Module):
        def __init__(self, device):
            super().__init__()
            self.fc = nn.Linear(8, 3)
            self.scale = nn.Parameter(torch.ones(3)).to(device)  # want: unregistered-tensor

        def forward(self, x):
            return self.fc(x) * self.scale
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Scaled(nn.Module):
        def __init__(self, device):
            super().__init__()
            self.fc = nn.Linear(8, 3)
            self.scale = nn.Parameter(torch.ones(3, device=device))

        def forward(self, x):
            return self.fc(x) * self.scale
    ```

    ## When not to use it
    For modules that always stay on the CPU.

    ## References
    - [torch.nn.Module.register_buffer](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer)
    """
    for found in loose_tensors(program):
        context.report(
            found.site,
            EFFECTS[found.kind].format(name=found.attribute),
            help=HELP[found.kind].format(name=found.attribute),
        )
