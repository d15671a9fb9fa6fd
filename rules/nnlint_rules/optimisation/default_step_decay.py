from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program
from nnlint.semantics.schedules import decays, trains_imagenet


@rule(
    "NN601",
    level=Level.ADVICE,
    recipe="overfit: do not trust learning rate decay defaults",
    on=Programs(),
    probe="lr-schedule",
)
def default_step_decay(program: Program, context: Context) -> None:
    """The ImageNet learning-rate schedule on something else.

    ## What it does
    Reports decay by ten with a defaulted factor, or every thirty epochs, whether written
    as a scheduler or by hand, in a program not known to train on ImageNet.

    ## Why it hurts training
    The schedule was tuned for 90 epochs of ImageNet. On another dataset or run length it
    drives the learning rate to zero too early, so the model stops learning, or never
    decays at all.

    ## Example
    ```python
    import torch


    def schedule(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, step_size=30)  # want: default-step-decay
    ```

    ## Use instead
    ```python
    import torch


    def schedule(optimizer, epochs):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    ```

    ## When not to use it
    When the schedule was tuned on this very problem.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - [ImageNet example](https://github.com/pytorch/examples/tree/main/imagenet)
    """
    if trains_imagenet(program):
        return
    for decay in decays(program):
        if decay.is_imagenet_recipe:
            context.report(
                decay.site,
                f"`{decay.site.text}` divides the learning rate by ten on ImageNet's schedule: "
                "on another dataset it stops training too early or never decays",
                help="Derive the schedule from this run's length, or keep the rate constant first.",
            )
