from nnlint.questions.data.distributed import shared_data
from nnlint.questions.data.loaders import called
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN110",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
)
def ddp_without_sampler(program: Program, context: Context) -> None:
    """Processes that train one model together, each on all of the data.

    ## What it does
    In a program that wraps its model in `DistributedDataParallel`, reports the loader of the
    training loop if it has no distributed sampler and nothing else gives each process a part
    of its own.

    Silent are loaders that come from outside or that a library prepares, streams, data sets that
    know the number of the process, seeds that depend on it, and loaders for evaluation.

    ## Why it hurts training
    `DistributedDataParallel` averages gradients; it does not share the data out. Without a
    sampler each process goes over everything: an epoch takes as long as on one device. Where
    all processes begin with the same seed, they draw the same batches at the same time, and
    the average of equal gradients is what one of them would have computed alone.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader


    def main(rank, train_set):
        torch.distributed.init_process_group("nccl")
        torch.manual_seed(0)
        model = DistributedDataParallel(nn.Linear(8, 3).to(rank), device_ids=[rank])
        loader = DataLoader(train_set, batch_size=32, shuffle=True)  # want: ddp-without-sampler
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.to(rank)), y.to(rank)).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader, DistributedSampler


    def main(rank, train_set):
        torch.distributed.init_process_group("nccl")
        torch.manual_seed(0)
        model = DistributedDataParallel(nn.Linear(8, 3).to(rank), device_ids=[rank])
        loader = DataLoader(train_set, batch_size=32, sampler=DistributedSampler(train_set))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.to(rank)), y.to(rank)).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where each process is started on files of its own.

    ## References
    - [DistributedDataParallel](https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html)
    - [DistributedSampler](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler)
    """
    for found in shared_data(program):
        loader = found.loader.loader
        what = (
            "every process trains on the same batches at the same time"
            if found.same_batches
            else "every process goes over all of the data"
        )
        context.report(
            loader.site,
            f"`{called(loader)}` has no distributed sampler: {what}, and the other devices add "
            "nothing to an epoch",
            help="Pass `sampler=DistributedSampler(…)` in place of `shuffle`, and call its "
            "`set_epoch` in each epoch.",
            related=[(found.wrapped, "averages the gradients of all processes")],
        )
