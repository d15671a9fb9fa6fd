from nnlint.questions.model.views import Disagreement, disagreement, wrong_view
from nnlint.rule import Applicability, Calls, Context, Level, changes, rule
from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.naming import Names
from nnlint.semantics.axes.regroup import Kind, ViewResult
from nnlint.semantics.values import Operation


@rule(
    "NN301",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=(
        Calls(family=("view", "reshape", "unflatten", "permute", "repeat", "reduce")),
        Calls(kind="loss"),
    ),
    fix=Applicability.UNSAFE,
    probe="batch-dependency",
)
def view_mixes_batch(operation: Operation, context: Context) -> None:
    """A view or reshape that interleaves the elements of different axes.

    ## What it does
    Follows the axes of a tensor through unpacked sizes, layers and permutations to
    `view` and `reshape`, and reports a target that is no regrouping of the axes in their
    order. Where an axis is known by no name and no size, this is a warning.

    ## Why it hurts training
    `view` never moves data. A target with the axes in another order reads elements of
    different examples, time steps or channels as one: shapes fit, nothing raises, and the
    model learns from scrambled inputs.

    ## Example
    ```python
    from torch import nn


    class Encoder(nn.Module):
        def forward(self, x):
            B, T, C = x.shape
            return x.view(T, B, C)  # want: view-mixes-batch
    ```

    ## Use instead
    ```python
    from torch import nn


    class Encoder(nn.Module):
        def forward(self, x):
            B, T, C = x.shape
            return x.transpose(0, 1)
    ```

    ## When not to use it
    It reports only what row-major order proves.

    ## References
    - [torch.Tensor.view](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html)
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    wrong = wrong_view(operation, context.programs)
    if wrong is None or wrong.view is None:
        return
    view, site = wrong.view, wrong.site
    source = wrong.inputs[0].shape
    if view.meant and (source is None or len(view.meant.source) == len(source)):
        source = view.meant.source
    names = view.names.of_shapes(source, view.shape)
    before, after = names.shape(source), names.shape(view.shape)
    scrambled = effect(view, source, names)
    probe = "view-order" if view.kind is Kind.SCRAMBLES else None
    level = None if names.all_known(source, view.shape) else Level.WARNING
    shared = disagreement(wrong)
    if shared is None:
        context.report(
            site,
            f"`{site.text}` reads {before} as {after}: {scrambled}",
            help=f"Use `{view.remedy}`."
            if view.remedy
            else "Bring the axes into that order with `permute` or `transpose`, then reshape.",
            fix=("Move the axes, then reshape", changes.replace(site, view.remedy))
            if view.remedy
            else None,
            probe=probe,
            level=level,
        )
        return
    message = f"`{site.text}` reads {before}, which {shared.wrong.told}, as {after}: {scrambled}"
    related = [(shared.wrong.site, "from here the axes come in another order than they are read")]
    if shared.right is not None:
        message += f"; what {shared.right.told} is read right"
        where = (shared.right.site, "from here they come in the order in which they are read")
        related.append(where)
    context.report(
        site, message, help=mend_elsewhere(shared, view), related=related, probe=probe, level=level
    )


def effect(view: ViewResult, source: Shape | None, names: Names) -> str:
    """What a wrong view does to the elements."""
    meant = view.meant
    if view.kind is Kind.MISNAMES:
        return "each axis is taken for another"
    if view.kind is Kind.MIXES_BATCH:
        other = meant.exchanged_with("batch") if meant else None
        if other is None or not source:
            return "elements of different examples mix"
        what = names.people(other, source)
        if what:
            return f"examples exchange {what}"
        return f"elements of different examples mix along {names.elements(other, source)}"
    pair = [names.elements(a, source or ()) for a in (meant and meant.inversion) or ()]
    named = all(pair) and len(set(pair)) == 2
    first = view.shape[0] if view.shape else ()
    if len(first) == 1 and first[0].meaning == "batch":
        what = " and ".join(pair) + " are" if named else "the elements within each are"
        return f"examples stay apart, but {'within each, ' if named else ''}{what} scrambled"
    return f"{' and '.join(pair) if named else 'elements of different axes'} are scrambled"


def mend_elsewhere(shared: Disagreement, view: ViewResult) -> str:
    """What to do where moving the axes in front of the view breaks it for others."""
    move = f"`{view.meant.movement}`" if view.meant and view.meant.movement else "a `permute`"
    if shared.right is None:
        others = "moved here, the axes move for whatever is passed in"
        return f"End `{shared.wrong.text}` with {move}: {others}."
    where = "End" if shared.wrong.returned else "Give"
    what = (
        f"`{shared.wrong.text}`" if shared.wrong.returned else f"`{shared.wrong.text}` its tensor"
    )
    return f"{where} {what} with {move}: moved here, the axes are wrong for `{shared.right.text}`."
