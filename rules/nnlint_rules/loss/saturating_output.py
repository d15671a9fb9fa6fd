from nnlint.questions.loss.saturation import is_shared, one_sided_output, only_measures
from nnlint.remedies.pipelines import bypass
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN331",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family=("cross_entropy", "bce_with_logits", "nll")),
    fix=Applicability.UNSAFE,
)
def saturating_output(loss: Operation, context: Context) -> None:
    """ReLU or Softplus on the last layer, before a loss that needs logits of both signs.

    ## What it does
    Reports a cross entropy, or a binary one with logits, of what ReLU or Softplus makes of the last
    layer's output. The fix leaves the activation out.

    ## Why it hurts training
    A class can only be ruled out by a logit far below the others. Where the layer says so, ReLU
    gives 0 and no gradient: the output is dead for that example, and the loss stays high.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(784, 64), nn.Linear(64, 10)

        def loss(self, x, y):
            x = F.relu(self.first(x))
            x = F.relu(self.last(x))  # want: saturating-output
            return F.cross_entropy(x, y)
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(784, 64), nn.Linear(64, 10)

        def loss(self, x, y):
            x = F.relu(self.first(x))
            return F.cross_entropy(self.last(x), y)
    ```

    ## When not to use it
    It is silent where maps are pooled behind the activation, as in SqueezeNet.

    ## References
    - [CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    found = one_sided_output(loss)
    if found is None or only_measures(loss, context.programs):
        return
    name, shared = found.entry.activation, is_shared(found)
    context.report(
        loss.site if shared else found.site,
        f"`{found.site.text}` is the last layer's output, and {name} lets no logit fall below 0: "
        f"`{loss.site.text}` can rule no class out",
        help=f"Give the loss what comes before {name}.",
        related=[
            (found.site, "what it is given") if shared else (loss.site, "what takes it for logits")
        ],
        fix=None if shared else (f"Leave {name} out", bypass(found)),
    )
