from nnlint.questions.optimisation.schedules import trainer_decays, training_decays
from nnlint.rule import Context, Level, Programs, Stage, rule
from nnlint.semantics.analysis import Program

EARLY = (Stage.SKELETON, Stage.OVERFIT)


@rule(
    "NN602",
    level=Level.ADVICE,
    recipe="overfit: do not trust learning rate decay defaults",
    on=Programs(),
    stages=EARLY,
    probe="lr-schedule",
)
def early_decay(program: Program, context: Context) -> None:
    """The learning rate decays while the model is still being brought to overfit.

    ## What it does
    With `stage = "skeleton"` or `"overfit"`, reports every learning-rate decay: schedulers,
    rates set by hand, and trainers that decay the rate unless told otherwise. Warm-up and
    constant schedules are not reported, nor is a decay that an option has to turn on.

    ## Why it hurts training
    A decay that comes too early looks like convergence: the model seems unable to fit the
    data although only its learning rate is gone.

    ## Example
    ```python
    # stage: skeleton
    import torch


    def schedule(optimizer, epochs):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)  # want: early-decay
    ```

    ## Use instead
    ```python
    # stage: skeleton
    import torch


    def optimizer_of(model):
        return torch.optim.Adam(model.parameters(), lr=3e-4)
    ```

    ## When not to use it
    In later stages of the recipe: set `stage` accordingly.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    if context.stage not in EARLY:
        return
    for decay in training_decays(program):
        context.report(
            decay.site,
            f"`{decay.site.text}` lowers the learning rate while the model is still being brought "
            "to overfit: a vanished rate looks like convergence",
            help="Keep the rate constant, and tune the decay last.",
        )
    for arguments in trainer_decays(program):
        context.report(
            arguments,
            "the trainer lowers the learning rate step by step while the model is still being "
            "brought to overfit: a vanished rate looks like convergence",
            help='Pass `lr_scheduler_type="constant"`, and tune the decay last.',
        )
