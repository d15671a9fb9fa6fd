from nnlint.questions.training.uncalled import STATE, uncalled_methods
from nnlint.rule import Applicability, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program

CONSEQUENCES = {
    "eval": "the model stays in training mode",
    "train": "the model stays in the mode that it is in",
    "step": "no step is taken",
    "zero_grad": "the gradients are not cleared",
    "backward": "no gradient is computed",
    "update": "the loss scale is never updated",
    "unscale_": "the gradients stay scaled",
    STATE: "what is saved is the method and not the weights",
}


@rule(
    "NN519",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.SAFE,
)
def uncalled_method(program: Program, context: Context) -> None:
    """A method is named and not called.

    ## What it does
    Reports a statement such as `model.eval` or `optimizer.step` without parentheses, and
    `state_dict` without them in what is saved.

    ## Why it hurts training
    Python looks the method up and throws it away: no error, and nothing happens. The model
    stays in its mode, the step is not taken, the gradients are not cleared.

    ## Example
    ```python
    import torch


    def evaluate(model, loader):
        model.eval  # want: uncalled-method
        with torch.no_grad():
            return [model(x).argmax(1) for x, _ in loader]
    ```

    ## Use instead
    ```python
    import torch


    def evaluate(model, loader):
        model.eval()
        with torch.no_grad():
            return [model(x).argmax(1) for x, _ in loader]
    ```

    ## When not to use it
    Nothing that it reports is meant.

    ## References
    - [Module.eval](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval)
    """
    for found in uncalled_methods(program):
        context.report(
            found.site,
            f"`{found.site.text}` names the method and does not call it: "
            f"{CONSEQUENCES[found.method]}",
            help=f"Write `{found.site.text}()`.",
            fix=(
                "Call the method",
                changes.replace(found.site, f"{changes.source_text(found.site)}()"),
            ),
        )
