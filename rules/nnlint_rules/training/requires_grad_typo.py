from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nnlint.questions.training.freezing import FLAG, Setting, misspelt_flag
from nnlint.remedies.training import set_flags
from nnlint.rule import Applicability, Context, Level, Matches, changes, rule
from nnlint.semantics.telling import MEANT_AS_FLAG
from nnlint.semantics.values import Unknown

if TYPE_CHECKING:
    import libcst as cst

NAMES = re.compile(rf"\.\s*(?!{FLAG}\b|{FLAG}_\s*\(){MEANT_AS_FLAG.pattern}\b", MEANT_AS_FLAG.flags)
"""Attributes that are meant to be the flag, and neither it nor the method that sets it."""


def assignments(m: Any) -> Any:
    """Assignments to attributes that are meant to be the flag."""
    named = m.MatchIfTrue(lambda name: name != FLAG and bool(MEANT_AS_FLAG.fullmatch(name)))
    flag = m.Attribute(attr=m.Name(value=named))
    several = m.Tuple(elements=[m.ZeroOrMore(), m.Element(value=flag), m.ZeroOrMore()])
    targets = [m.ZeroOrMore(), m.AssignTarget(target=flag | several), m.ZeroOrMore()]
    return m.Assign(targets=targets) | m.AnnAssign(target=flag, value=m.BaseExpression())


def sets_flag(node: ast.AST) -> bool:
    """Whether a node is an attribute that is set, and meant to be the flag."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
        return False
    return node.attr != FLAG and MEANT_AS_FLAG.fullmatch(node.attr) is not None


@rule(
    "NN526",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Matches(assignments, words=NAMES, holds=sets_flag),
    fix=Applicability.SAFE,
)
def requires_grad_typo(assignment: cst.Assign | cst.AnnAssign, context: Context) -> None:
    """`requires_grad` is misspelt.

    ## What it does
    Reports an assignment to an attribute whose name is nearly `requires_grad`, such as
    `param.require_grad = False`, when nothing reads it. On a tensor that has no gradient in
    any case it is advice.

    ## Why it hurts training
    Python makes a new attribute, without an error. The parameters keep their flag: what was
    to be frozen goes on training.

    ## Example
    ```python
    import torch


    def freeze(model):
        for param in model.parameters():
            param.require_grad = False  # want: requires-grad-typo
        return torch.optim.SGD(model.head.parameters(), lr=0.1)
    ```

    ## Use instead
    ```python
    import torch


    def freeze(model):
        for param in model.parameters():
            param.requires_grad = False
        return torch.optim.SGD(model.head.parameters(), lr=0.1)
    ```

    ## When not to use it
    Classes that define or read an attribute of that name are left alone.

    ## References
    - [Tensor.requires_grad](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad.html)
    """
    for target, value in settings(assignment):
        site = context.site(target)
        given = Unknown() if value is None else context.value_of(value)
        setting = Setting(site, context.value_of(target.value), given)
        flag = misspelt_flag(setting, context.programs)
        if flag is None:
            continue
        owner = site.text.rpartition(".")[0]
        meant = f"{owner}.{FLAG}"
        effect = f"nothing {'is frozen' if flag.freezes else 'changes'}"
        if flag.is_idle:
            effect = f"`{owner}` has no gradient in any case, so the line does nothing"
        code = f"{changes.source_text(context.site(target.value))}.{FLAG}"
        mended = set_flags(site) if flag.is_module else changes.replace(site, code)
        context.report(
            site,
            f"`{site.text}` sets an attribute `{target.attr.value}` that PyTorch does not know: "
            f"{effect}",
            help=f"Set `{meant}`." if not flag.is_module else f"Call `{owner}.{FLAG}_(…)`.",
            fix=("Set `requires_grad`", mended),
            level=Level.ADVICE if flag.is_idle else None,
        )


def settings(
    assignment: cst.Assign | cst.AnnAssign,
) -> Iterator[tuple[cst.Attribute, cst.BaseExpression | None]]:
    """The attributes that an assignment sets, each with its value where it has one to itself."""
    import libcst as cst

    plain = isinstance(assignment, cst.Assign)
    for target in [t.target for t in assignment.targets] if plain else [assignment.target]:
        if isinstance(target, cst.Attribute):
            yield target, assignment.value
        elif isinstance(target, cst.Tuple):
            parts = (element.value for element in target.elements)
            yield from ((part, None) for part in parts if isinstance(part, cst.Attribute))
