from nnlint.questions.training.freezing import FLAG, misspelt_flags
from nnlint.remedies.training import set_flags
from nnlint.rule import Applicability, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN526",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.SAFE,
)
def requires_grad_typo(program: Program, context: Context) -> None:
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
    for flag in misspelt_flags(program):
        site, name = flag.event.site, flag.event.name
        owner = site.text.rpartition(".")[0]
        meant = f"{owner}.{FLAG}"
        effect = f"nothing {'is frozen' if flag.freezes else 'changes'}"
        if flag.is_idle:
            effect = f"`{owner}` has no gradient in any case, so the line does nothing"
        mended = set_flags(site) if flag.is_module else changes.replace(site, meant)
        context.report(
            site,
            f"`{site.text}` sets an attribute `{name}` that PyTorch does not know: {effect}",
            help=f"Set `{meant}`." if not flag.is_module else f"Call `{owner}.{FLAG}_(…)`.",
            fix=("Set `requires_grad`", mended),
            level=Level.ADVICE if flag.is_idle else None,
        )
