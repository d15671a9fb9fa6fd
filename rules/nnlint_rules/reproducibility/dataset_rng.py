from nnlint.questions.data.loaders import called
from nnlint.questions.data.workers import copied_generators
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN103",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
)
def dataset_rng(program: Program, context: Context) -> None:
    """A generator of a data set that every worker gets a copy of.

    ## What it does
    Follows one sample on its way out of the data set, through transforms and collate functions,
    and reports a generator that it draws from (`default_rng`, `RandomState`, `random.Random`,
    `torch.Generator`) if that is made before the workers of the loader start.

    Generators that a worker makes itself, that each sample seeds, or that a `worker_init_fn` may
    seed stay silent, and so does a loader without workers.

    ## Why it hurts training
    A worker is a copy of the process that starts it, generators included. All workers draw the
    same numbers, so that augmentation repeats within each batch; and unless the workers are
    kept, each epoch starts new copies of the same state and repeats the numbers of the epoch
    before. Only the global states of torch, Python and NumPy get a seed of each worker's own.

    ## Example
    ```python
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, Dataset


    class Signals(Dataset):
        def __init__(self, signals):
            self.signals = signals
            self.rng = np.random.default_rng(0)  # want: dataset-rng

        def __len__(self):
            return len(self.signals)

        def __getitem__(self, index):
            return self.signals[index] + self.rng.normal(0, 0.1)


    loader = DataLoader(Signals(torch.load("signals.pt")), 32, shuffle=True, num_workers=4)
    ```

    ## Use instead
    ```python
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, Dataset


    class Signals(Dataset):
        def __init__(self, signals):
            self.signals = signals
            self.rng = None

        def __len__(self):
            return len(self.signals)

        def __getitem__(self, index):
            if self.rng is None:
                self.rng = np.random.default_rng(torch.initial_seed())
            return self.signals[index] + self.rng.normal(0, 0.1)


    loader = DataLoader(Signals(torch.load("signals.pt")), 32, shuffle=True, num_workers=4)
    ```

    ## When not to use it
    Where all workers are meant to draw the same.

    ## References
    - [Randomness in multi-process data loading](https://docs.pytorch.org/docs/stable/data.html#data-loading-randomness)
    """
    for found in copied_generators(program):
        made = found.generator.site
        again = "" if found.lasting else ", and every epoch draws them again"
        context.report(
            made,
            f"every worker of `{called(found.loader)}` starts with the same copy of "
            f"`{made.text}`: the workers draw the same numbers for different examples{again}",
            help="Make the generator in the worker, from `torch.initial_seed()`, or seed it in a "
            "`worker_init_fn`.",
            related=[(found.drawn, "draws from it"), (found.loader.site, "starts the workers")],
        )
