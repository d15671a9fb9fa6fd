from nnlint.questions.training.checkpoints import wrapped_states
from nnlint.remedies.training import save_what_is_wrapped
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN522",
    level=Level.PEDANTIC,
    recipe="squeeze out the juice",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def data_parallel_state(program: Program, context: Context) -> None:
    """The state of a parallel wrapper is saved.

    ## What it does
    Reports `state_dict()` of a `DataParallel` or `DistributedDataParallel` wrapper in what
    is saved, without `.module`. The fix saves that of the model in it, where the model is wrapped
    on every path and the wrapper itself loads nothing.

    ## Why it hurts training
    Every key starts with `module.`. A plain model does not load it; with `strict=False` it
    loads nothing, without an error, and goes on from random weights.

    ## Example
    ```python
    import torch
    from torch import nn


    def save(model, path):
        model = nn.DataParallel(model)
        torch.save(model.state_dict(), path)  # want: data-parallel-state
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def save(model, path):
        model = nn.DataParallel(model)
        torch.save(model.module.state_dict(), path)
    ```

    ## When not to use it
    Where the state is only ever loaded into the same wrapper.

    ## References
    - [Saving and loading models](https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html)
    """
    for found in wrapped_states(program):
        context.report(
            found.state,
            f"`{found.state.text}` is the state of the wrapper: its keys start with `module.`, "
            "and a plain model does not load them",
            help=f"Save `{found.model}.module.state_dict()`.",
            related=[(found.wrapped, "wrapped here")],
            fix=("Save the state of the model in it", save_what_is_wrapped(found)),
        )
