from nnlint.questions.data.distributed import repeated_orders
from nnlint.questions.data.loaders import called
from nnlint.remedies.loaders import tell_epoch
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN106",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def sampler_set_epoch(program: Program, context: Context) -> None:
    """A distributed sampler that is never told the epoch.

    ## What it does
    Finds the distributed sampler of the loader that a training loop goes over in each round of a
    loop of epochs. Reports the loop over its batches if nothing on the way calls the sampler's
    `set_epoch`.

    Samplers that do not shuffle, loaders that Lightning, Accelerate or another library goes over
    and sets the epoch of, and samplers that are made anew with another seed stay silent.

    ## Why it hurts training
    A distributed sampler shuffles by its seed and the number of the epoch, so that all processes
    agree on the order. The number stays 0 unless it is set: every epoch goes over the same
    batches in the same order, and each process sees the same part of the data again.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, DistributedSampler


    def train(model, train_set, epochs):
        torch.manual_seed(0)
        sampler = DistributedSampler(train_set)
        loader = DataLoader(train_set, batch_size=32, sampler=sampler)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(epochs):
            for x, y in loader:  # want: sampler-set-epoch
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, DistributedSampler


    def train(model, train_set, epochs):
        torch.manual_seed(0)
        sampler = DistributedSampler(train_set)
        loader = DataLoader(train_set, batch_size=32, sampler=sampler)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(epochs):
            sampler.set_epoch(epoch)
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    ```

    ## When not to use it
    Where the same order in every epoch is meant, as in a comparison of runs: pass
    `shuffle=False`.

    ## References
    - [DistributedSampler](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler)
    """
    for found in repeated_orders(program):
        loader = found.loader.loader
        context.report(
            found.place,
            f"`{called(loader)}` gives every epoch the same batches in the same order: nothing "
            "tells its distributed sampler the epoch, by which it shuffles",
            help="Call the sampler's `set_epoch(epoch)` at the start of each epoch.",
            related=[(found.sampler.site, "shuffles by its seed and the epoch, which stays 0")],
            fix=("Tell the sampler the epoch", tell_epoch(found)),
        )
