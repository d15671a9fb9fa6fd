from nnlint.questions.loss.losses import built_with_data
from nnlint.remedies.loss import build_then_call
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN409",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Programs(),
    fix=Applicability.SAFE,
)
def loss_built_with_data(program: Program, context: Context) -> None:
    """A loss class called with a prediction and a target.

    ## What it does
    Reports `nn.CrossEntropyLoss(prediction, target)` and its kin: two tensors where the
    constructor takes options.

    ## Why it hurts training
    The tensors become options such as the class weights, and the result is a loss object, no
    number: what follows stops with a confusing error, or treats the object as true.

    ## Example
    ```python
    from torch import nn


    def loss_of(model, x, y):
        return nn.CrossEntropyLoss(model(x), y)  # want: loss-built-with-data
    ```

    ## Use instead
    ```python
    from torch import nn


    def loss_of(model, x, y):
        return nn.CrossEntropyLoss()(model(x), y)
    ```

    ## When not to use it
    There is no case in which it is meant.

    ## References
    - [CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    for build in program.events("build"):
        loss = built_with_data(build)
        if loss is None:
            continue
        name = build.site.text.partition("(")[0]
        context.report(
            build.site,
            f"`{build.site.text}` builds a loss with the prediction and the target as its options: "
            "no loss is computed",
            help=f"Call the loss after it is built: `{name}()(...)`.",
            fix=("Build the loss, then call it", build_then_call(build.site)),
        )
