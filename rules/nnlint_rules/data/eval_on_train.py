from nnlint.questions.data.evaluations import (
    evaluated_training_data,
    scored_training_rows,
)
from nnlint.questions.data.loaders import called
from nnlint.questions.data.scores_of_training import misnamed_scores
from nnlint.questions.data.trainers_data import (
    given_training_data,
    hooks_with_training_data,
    tests_of_training_data,
)
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN209",
    level=Level.WARNING,
    recipe="become one with the data: keep the test set apart",
    on=Programs(),
)
def eval_on_train(program: Program, context: Context) -> None:
    """What is called validation or test is the data that the model is trained on.

    ## What it does
    Reports loaders that are called ones of validation or test data, are gone through without
    training, and give all the rows that the model is trained on: the same data set,
    the same arguments (`train=True` twice), the same arrays, or the whole behind a part, as in
    `DataLoader(part.dataset)`. So are scores that are taken on the training loader itself and told
    as ones of validation or test data, trainers that evaluate what they train on, and estimators
    of scikit-learn that were fitted on the test part they are scored on.

    ## Why it hurts training
    The score says how well the model remembers what it has seen. It goes on rising
    while the model overfits, so that the wrong epoch and the wrong model are chosen.

    ## Example
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.manual_seed(0)
    digits = datasets.MNIST("data", train=True, transform=transforms.ToTensor())
    train_loader = DataLoader(digits, batch_size=64, shuffle=True)
    test_loader = DataLoader(digits, batch_size=64)  # want: eval-on-train
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for epoch in range(5):
        for images, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for images, labels in test_loader:
                right += (model(images).argmax(1) == labels).sum().item()
        print(right / len(test_loader.dataset))
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.manual_seed(0)
    digits = datasets.MNIST("data", train=True, transform=transforms.ToTensor())
    held_out = datasets.MNIST("data", train=False, transform=transforms.ToTensor())
    train_loader = DataLoader(digits, batch_size=64, shuffle=True)
    test_loader = DataLoader(held_out, batch_size=64)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for epoch in range(5):
        for images, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for images, labels in test_loader:
                right += (model(images).argmax(1) == labels).sum().item()
        print(right / len(test_loader.dataset))
    ```

    ## When not to use it
    Where a few examples are to be learnt by heart to try out the program. Names such as
    `train_eval_loader` say that a score is of training data.

    ## References
    - [scikit-learn, Cross-validation: evaluating estimator performance](https://scikit-learn.org/stable/modules/cross_validation.html)
    """
    for evaluation, loader in evaluated_training_data(program):
        name = called(evaluation.loader)
        context.report(
            evaluation.loader.site,
            f"`{name}` gives the rows that the model is trained on: its score says how well the "
            "model remembers them, and not how well it does on new data",
            help="Evaluate on rows that are kept out of training.",
            related=[
                (loader.site, "the model is trained on these rows"),
                *([(evaluation.loop.site, "evaluated here")] if evaluation.loop.site else []),
            ],
        )
    for score in misnamed_scores(program):
        name = called(score.loader)
        related = [(score.loader.site, "the model is trained on these rows")]
        if score.idle is None:
            message = (
                f"{score.told} is taken on `{name}`, which the model is trained on: it says how well "
                "the model remembers these rows, and not how well it does on new data"
            )
        else:
            message = (
                f"the only score is taken on `{name}`, which the model is trained on, and nothing goes "
                f"over `{called(score.idle)}`: how well the model does on new data is not known"
            )
            related.append((score.idle.site, "made, and never gone over"))
        context.report(
            score.site,
            message,
            help="Take it on rows that are kept out of training, or call it a training score.",
            related=related,
            # a score that is called nothing claims nothing
            level=None if score.idle is None else Level.ADVICE,
        )
    for event in given_training_data(program):
        context.report(
            event.site,
            f"`{event.site.text}` evaluates on the rows that it trains on: the score says how well "
            "the model remembers them, and not how well it does on new data",
            help="Evaluate on rows that are kept out of training.",
        )
    for event, trained in tests_of_training_data(program):
        context.report(
            event.site,
            f"`{event.site.text}` takes the only score on the rows that the model is trained on: it "
            "says how well the model remembers them, and not how well it does on new data",
            help="Test on rows that are kept out of training, or call it a training score.",
            related=[(trained.site, "the model is trained on these rows")],
        )
    for site, trained, hook in hooks_with_training_data(program):
        context.report(
            site,
            f"`{hook}` gives the rows that the model is trained on: its score says how well the "
            "model remembers them, and not how well it does on new data",
            help="Give it rows that are kept out of training.",
            related=[(trained.site, "the model is trained on these rows")],
        )
    for event, fit, name in scored_training_rows(program):
        context.report(
            event.site,
            f"`{event.site.text}` scores the model on rows of {name} that it was fitted on: the "
            "score says how well it remembers them, and not how well it does on new data",
            help="Fit on the training part alone.",
            related=[(fit.site, "fitted on all rows here")],
        )
