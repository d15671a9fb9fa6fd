from nnlint.questions.training.checkpoints import incomplete_checkpoints
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule("NN523", level=Level.PEDANTIC, recipe="tune: long runs are resumed", on=Programs())
def incomplete_checkpoint(program: Program, context: Context) -> None:
    """A checkpoint that is resumed lacks the optimizer's state.

    ## What it does
    Reports a checkpoint that holds a model alone, in a program that resumes training from
    one.

    ## Why it hurts training
    Momentum, Adam's moments and the schedule start again from nothing: the loss jumps where
    a run is resumed, and resumed runs cannot be compared with others.

    ## Example
    ```python
    import torch


    def train(model, loader, criterion, resume, lr):
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        if resume:
            model.load_state_dict(torch.load("last.pt"))
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        torch.save(model.state_dict(), "last.pt")  # want: incomplete-checkpoint
    ```

    ## Use instead
    ```python
    import torch


    def train(model, loader, criterion, resume, lr):
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        if resume:
            state = torch.load("last.pt")
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, "last.pt")
    ```

    ## When not to use it
    Where a new phase of training starts from old weights on purpose.

    ## References
    - [Saving a general checkpoint](https://docs.pytorch.org/tutorials/recipes/recipes/saving_and_loading_a_general_checkpoint.html)
    """
    if not program.complete:
        return
    for found in incomplete_checkpoints(program):
        context.report(
            found.save,
            f"the checkpoint lacks the state of `{found.optimizer}`: a resumed run starts with "
            "its moments at zero",
            help=f"Save `{found.optimizer}.state_dict()` with the model, and load both.",
            related=[(found.resumed, "training is resumed here")],
        )
