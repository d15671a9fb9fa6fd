from nnlint.questions.reproducibility.hashing import hash_orders
from nnlint.questions.reproducibility.seeding import seeds_anything
from nnlint.remedies.loaders import sort
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN111",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
    fix=Applicability.SAFE,
)
def hash_order(program: Program, context: Context) -> None:
    """Strings are split or shuffled in the order of a set, which differs in each process.

    ## What it does
    Follows what is shuffled, split or cut into parts back to `list(…)` of a set of strings or
    paths: names of files, of patients, lines of a list. Reports the place where the set becomes
    a sequence, in programs that fix a seed, or that cut it without drawing.

    Sets of numbers have a fixed order, and `sorted(…)` makes one; both are silent, and so is a
    set of which it is not known what it holds.

    ## Why it hurts training
    Python salts the hashes of strings anew in each process, so a set of them comes in another
    order in each run. The seed then shuffles another list: other examples are held out, and a
    run that goes on from a checkpoint, or another rank, trains on what the first one tests on.

    ## Example
    ```python
    import os
    import random

    import torch

    random.seed(0)
    torch.manual_seed(0)
    patients = list({name.split("_")[0] for name in os.listdir("scans")})  # want: hash-order
    random.shuffle(patients)
    train, test = patients[20:], patients[:20]
    ```

    ## Use instead
    ```python
    import os
    import random

    import torch

    random.seed(0)
    torch.manual_seed(0)
    patients = sorted({name.split("_")[0] for name in os.listdir("scans")})
    random.shuffle(patients)
    train, test = patients[20:], patients[:20]
    ```

    ## When not to use it
    Where `PYTHONHASHSEED` is set for every process.

    ## References
    - [PYTHONHASHSEED](https://docs.python.org/3/using/cmdline.html#envvar-PYTHONHASHSEED)
    """
    for found in hash_orders(program.module):
        if not (found.cuts or found.seeded or seeds_anything(program)):
            continue
        context.report(
            found.ordered,
            f"`{found.ordered.text}` gives strings in the order of their hashes, which is another "
            f"in each process: `{found.used.text}` makes other parts in each run, whatever the seed",
            help="Put the elements in an order of their own with `sorted(…)`.",
            related=[(found.used, "goes on from this order")],
            fix=("Sort them", sort(found.ordered)),
        )
