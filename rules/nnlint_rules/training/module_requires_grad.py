from nnlint.questions.training.freezing import module_flags
from nnlint.remedies.training import set_flags
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN518",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.SAFE,
)
def module_requires_grad(program: Program, context: Context) -> None:
    """`requires_grad` is set on a module, which has no such flag.

    ## What it does
    Reports `module.requires_grad = False` (or `True`): modules have no flag of that name,
    their parameters have.

    ## Why it hurts training
    Python makes a plain attribute of the module, which nothing reads. The layers that were
    to be frozen go on training, and the pretrained features are lost to the first large
    gradients.

    ## Example
    ```python
    import torch
    import torchvision


    def build():
        model = torchvision.models.resnet18(weights="DEFAULT")
        model.requires_grad = False  # want: module-requires-grad
        model.fc = torch.nn.Linear(512, 10)
        return model
    ```

    ## Use instead
    ```python
    import torch
    import torchvision


    def build():
        model = torchvision.models.resnet18(weights="DEFAULT")
        model.requires_grad_(False)
        model.fc = torch.nn.Linear(512, 10)
        return model
    ```

    ## When not to use it
    Classes that read the attribute themselves are left alone.

    ## References
    - [Module.requires_grad_](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_)
    """
    for flag in module_flags(program):
        site = flag.site
        owner = site.text.rpartition(".")[0]
        effect = "freezes nothing" if flag.freezes else "changes no parameter"
        state = ": its parameters go on training" if flag.freezes else ""
        context.report(
            site,
            f"`{site.text}` is a plain attribute of the module `{owner}`: setting it "
            f"{effect}{state}",
            help=f"Call `{owner}.requires_grad_(…)`, which sets it for every parameter.",
            fix=("Set the flag of every parameter", set_flags(site)),
        )
