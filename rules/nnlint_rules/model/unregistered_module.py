from nnlint.questions.model.registration import unregistered_modules
from nnlint.remedies.registration import register_layers
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN321",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.SAFE,
    probe="unregistered-parameters",
)
def unregistered_module(program: Program, context: Context) -> None:
    """Layers are kept in a plain list, tuple or dict.

    ## What it does
    Reports layers that a module keeps in a plain container among its attributes and uses, and
    that are registered nowhere. Of layers without weights it reports dropouts only, which have
    to follow `eval()`.

    ## Why it hurts training
    `parameters()`, `to()`, `eval()` and `state_dict()` do not look into plain containers. The
    layers keep their random weights while the rest of the model adapts to them, stay on the
    CPU, and are missing from the checkpoint.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = [nn.Linear(16, 16) for _ in range(4)]  # want: unregistered-module
            self.head = nn.Linear(16, 3)

        def forward(self, x):
            for block in self.blocks:
                x = torch.relu(block(x))
            return self.head(x)
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(16, 16) for _ in range(4)])
            self.head = nn.Linear(16, 3)

        def forward(self, x):
            for block in self.blocks:
                x = torch.relu(block(x))
            return self.head(x)
    ```

    ## When not to use it
    For networks that are kept out of a module on purpose, such as a fixed teacher: freeze them.

    ## References
    - [torch.nn.ModuleList](https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html)
    """
    for found in unregistered_modules(program):
        effect = (
            "are no part of the module, and are neither trained nor moved nor saved with it"
            if found.weighted
            else "do not follow `eval()`, and drop values in evaluation, too"
        )
        proper = "ModuleDict" if found.container == "dict" else "ModuleList"
        context.report(
            found.site,
            f"`self.{found.attribute}` is a plain {found.container}: the layers in it {effect}",
            help=f"Keep them in an `nn.{proper}`.",
            fix=(f"Keep the layers in an `nn.{proper}`", register_layers(found)),
        )
