from nnlint.questions.model.construction import unprepared_modules
from nnlint.remedies.construction import set_up_first
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN322",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.SAFE,
)
def missing_super_init(program: Program, context: Context) -> None:
    """A module gets layers before `super().__init__()`.

    ## What it does
    Reports constructors of modules that assign a layer or parameter to `self` before they call
    the constructor of their base, or without calling it.

    ## Why it hurts training
    `nn.Module.__init__` makes the tables in which layers and parameters are registered. Before
    it, assigning one raises `AttributeError`, so that no object of the class can be made.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            self.out = nn.Linear(16, 3)  # want: missing-super-init

        def forward(self, x):
            return self.out(torch.relu(x))
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 3)

        def forward(self, x):
            return self.out(torch.relu(x))
    ```

    ## When not to use it
    Never: such a class cannot be used.

    ## References
    - [torch.nn.Module](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html)
    """
    for found in unprepared_modules(program):
        late = "before" if found.called is not None else "without"
        context.report(
            found.site,
            f"`self.{found.attribute}` is assigned {late} `super().__init__()`: `nn.Module` "
            f"raises an error when a `{found.cls.node.name}` is made",
            help="Call `super().__init__()` first.",
            fix=("Call `super().__init__()` first", set_up_first(found)),
        )
