from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nnlint.questions.model.bypassing import is_meant, may_be_estimator, may_be_own, may_be_prior
from nnlint.questions.participants import differentiates_itself, is_model
from nnlint.rule import Applicability, Context, Level, Matches, changes, rule

if TYPE_CHECKING:
    import libcst as cst


def is_called_from_outside(node: ast.AST) -> bool:
    """Whether `forward` is called of something else than `self`, `cls` or `super()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="forward")):
            match owner:
                case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
                    return False
            return True
    return False


@rule(
    "NN330",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton",
    on=Matches(
        lambda m: m.Call(
            func=m.Attribute(
                value=m.DoesNotMatch(m.Call(func=m.Name("super")) | m.Name("self") | m.Name("cls")),
                attr=m.Name("forward"),
            )
        ),
        words=".forward(",
        holds=is_called_from_outside,
    ),
    fix=Applicability.SAFE,
)
def direct_forward(call: cst.Call, context: Context) -> None:
    """A model's `forward` is called, and not the model.

    ## What it does
    Reports `model.forward(x)` where `model(x)` is meant.

    ## Why it hurts training
    Hooks do not run: what is registered on the module with `register_forward_hook`, weight
    and spectral normalisation of the older kind, profilers, and the wrappers of DataParallel,
    FSDP and `torch.compile` are all passed by, without an error.

    ## Example
    ```python
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    scores = model.forward(torch.randn(4, 8))  # want: direct-forward
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    scores = model(torch.randn(4, 8))
    ```

    ## When not to use it
    Where hooks are not to run, in code that replaces `forward` or exports it.

    ## References
    - [Module.forward](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.forward)
    """
    import libcst as cst

    assert isinstance(call.func, cst.Attribute)
    model = context.value_of(call.func.value)
    if not any(is_model(model, program.events()) for program in context.programs):
        return
    site, called = context.site(call), context.site(call.func.value)
    if is_meant(called) or may_be_own(model, called) or may_be_estimator(model, called):
        return
    if may_be_prior(model, called) or differentiates_itself(site):
        return
    name = called.text
    context.report(
        site,
        f"`{site.text}` passes by what calling `{name}` does besides: hooks, wrappers and "
        "compiled code do not run",
        help=f"Call `{name}(…)`.",
        fix=(
            "Call the model",
            changes.replace(context.site(call.func), changes.source_text(called)),
        ),
    )
