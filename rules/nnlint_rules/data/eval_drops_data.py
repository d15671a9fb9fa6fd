from nnlint.questions.data.left_out import (
    broken_off,
    dropping_arguments,
    dropping_loaders,
    one_batch_scores,
)
from nnlint.questions.data.loaders import called, training_loaders
from nnlint.rule import Applicability, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN206",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: evaluate over the entire test set",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def eval_drops_data(program: Program, context: Context) -> None:
    """An evaluation leaves out a part of its data.

    ## What it does
    Reports loaders of validation or test data with `drop_last=True`, Hugging Face trainers that
    evaluate with `dataloader_drop_last=True`, loops that add up a score
    over such data and `break` after a written number of batches, and scores of
    `next(iter(loader))` where nothing goes over all of the data.

    ## Why it hurts training
    The score is one of other data than it says: the examples left out are not in it, which ones
    depends on the batch size, and a few batches make it noisy. With a test set smaller than a
    batch nothing is left.

    ## Example
    ```python
    from torch.utils.data import DataLoader

    from birds import BirdSet

    train_loader = DataLoader(BirdSet("train"), batch_size=64, shuffle=True, drop_last=True)
    val_loader = DataLoader(BirdSet("val"), batch_size=64, drop_last=True)  # want: eval-drops-data
    ```

    ## Use instead
    ```python
    from torch.utils.data import DataLoader

    from birds import BirdSet

    train_loader = DataLoader(BirdSet("train"), batch_size=64, shuffle=True, drop_last=True)
    val_loader = DataLoader(BirdSet("val"), batch_size=64)
    ```

    ## When not to use it
    Where all batches must have one size and the examples left out do not matter. A check that an
    option switches on, and a look at a few samples, are left alone.

    ## References
    - [DataLoader](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader)
    """
    trained_on = {t.loader.site.key for t in training_loaders(program)}
    for loader in dropping_loaders(program):
        # one call may build the training loader, too
        shared = loader.site.key in trained_on
        mended = None if shared else changes.remove_keyword(loader.site, "drop_last")
        context.report(
            loader.site,
            f"`{called(loader)}` leaves out the last examples that fill no batch: the score is one "
            "of a part of the data, and which part depends on the batch size",
            help="Leave `drop_last` to training loaders.",
            fix=("Keep the last batch", mended),
        )
    for site, trainer in dropping_arguments(program):
        context.report(
            site,
            "`dataloader_drop_last` holds for the trainer's evaluation, too: its score leaves out the "
            "last examples that fill no batch",
            help="Leave it off, or make the loader to evaluate on in `get_eval_dataloader`.",
            related=[(trainer.site, "evaluates with these arguments")],
        )
    for found in broken_off(program):
        context.report(
            found.site,
            f"the loop ends before all of `{called(found.loader)}` is seen: the score is one of its "
            "first batches alone",
            help="Go over all of the data.",
        )
    for found in one_batch_scores(program):
        context.report(
            found.site,
            f"the score is one of a single batch of `{called(found.loader)}`: it is noisy, and says "
            "nothing about the rest of the data",
            help="Go over all of the data, and divide by the number of examples.",
        )
