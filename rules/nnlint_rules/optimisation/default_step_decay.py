from nnlint.questions.optimisation.imagenet import trains_imagenet
from nnlint.questions.optimisation.schedule_lengths import misjudged_places
from nnlint.questions.optimisation.schedules import Decay, training_decays
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


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
    Simulates the learning rate over the epochs, however it is written: as a scheduler, as a
    `LambdaLR`, as `lr * 0.1 ** (epoch // 30)`, or set in the parameter groups. Reports the
    ImageNet schedule (a tenth at epoch 30, again at 60 and 80 or 90) and a `StepLR` whose
    factor is left at its default of a tenth, in a program that does not name ImageNet as
    its data.

    A period, milestone or factor that can be set from outside (a command-line option, a
    parameter, a field or dictionary of configuration) or that is computed from the length
    of the run is not reported, whatever its default is: the rule speaks about schedules
    that were copied, not about those that were made a choice. Nor is one that trains nothing,
    but is drawn or saved, nor one of which `lr-driven-to-zero` or `schedule-length-mismatch`
    tells what it does to this very run.

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
    - [StepLR](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html)
    """
    found = [d for d in training_decays(program) if d.is_imagenet_recipe and not d.is_configured]
    if not found or trains_imagenet(program):
        return
    misjudged = misjudged_places(program)
    for decay in found:
        if decay.site.key in misjudged:
            # what it does to this very run is told
            continue
        context.report(
            decay.site,
            f"`{decay.site.text}` divides the learning rate by ten {_when(decay)}: on another "
            "dataset or run length the model stops learning too early, or its rate never falls",
            help="Derive the schedule from this run's length, or keep the rate constant first.",
        )


def _when(decay: Decay) -> str:
    if decay.default_factor and decay.period != 30:
        every = "epoch" if decay.period == 1 else f"{decay.period} epochs"
        return f"every {every}, by a default factor that was made for ImageNet"
    first = " and ".join(str(drop.epoch) for drop in decay.drops[:2])
    return f"at epochs {first}, the schedule of ImageNet"
