from nnlint.questions.data.loaders import called
from nnlint.questions.data.searched import searches_on_test
from nnlint.questions.data.selection import (
    selected_by_trainer,
    selected_on_hub_test,
    selections_on_test,
)
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN208",
    level=Level.WARNING,
    recipe="become one with the data: keep the test set apart",
    on=Programs(),
)
def select_on_test(program: Program, context: Context) -> None:
    """The score on the test set decides which model is kept.

    ## What it does
    Reports where a score on the test set decides which weights are kept, when training ends or
    when the learning rate falls: on a loader that is called one of test data, or on one that
    has the same rows as a loader that is. Trainers of Lightning that validate on what
    they test, and keep or stop by that, are reported as well, and so are trainers of Hugging Face
    that keep the best by a data set's test split and report it, and loops that keep the best
    setting of an estimator by the score on the part that the chosen one is tested on.

    ## Why it hurts training
    The best of many epochs on the test set is lucky there. The score that is reported is
    better than the model, and models that are compared so differ by luck.

    ## Example
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    train_loader = torch.utils.data.DataLoader(torch.load("train.pt"), batch_size=32, shuffle=True)
    test_loader = torch.utils.data.DataLoader(torch.load("test.pt"), batch_size=32)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    best = 0
    for epoch in range(10):
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for inputs, labels in test_loader:
                right += (model(inputs).argmax(1) == labels).sum().item()
        if right > best:  # want: select-on-test
            best = right
            torch.save(model.state_dict(), "best.pt")
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    train_loader = torch.utils.data.DataLoader(torch.load("train.pt"), batch_size=32, shuffle=True)
    val_loader = torch.utils.data.DataLoader(torch.load("val.pt"), batch_size=32)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    best = 0
    for epoch in range(10):
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                right += (model(inputs).argmax(1) == labels).sum().item()
        if right > best:
            best = right
            torch.save(model.state_dict(), "best.pt")
    ```

    ## When not to use it
    Where a benchmark has no validation set and everybody selects so: say it beside the score.

    ## References
    - [scikit-learn, Cross-validation: evaluating estimator performance](https://scikit-learn.org/stable/modules/cross_validation.html)
    """
    for found in selections_on_test(program):
        name, test = called(found.loader), called(found.test)
        same = "" if found.test is found.loader else f", which has the rows of `{test}`,"
        context.report(
            found.site,
            f"the score on `{name}`{same} decides {found.does}: the test score is the best of many, "
            "and better than the model is on new data",
            help="Decide by a validation set, and test once at the end.",
            related=[(found.loader.site, "the data that decides")],
        )
    for fit, loader in selected_by_trainer(program):
        context.report(
            fit.site,
            f"`{fit.site.text}` keeps or stops by the score on `{called(loader)}`, which it is "
            "tested on: the test score is the best of many, and better than the model is on new data",
            help="Give the trainer validation data of its own.",
            related=[(loader.site, "the data that decides")],
        )
    for build, asked in selected_on_hub_test(program):
        context.report(
            build.site,
            f"`{build.site.text}` keeps the best of its states by the test split, and "
            f"`{asked.site.text}` reports the score on it: the test score is the best of many, and "
            "better than the model is on new data",
            help="Give it a validation split to keep the best by, and test once at the end.",
            related=[(asked.site, "the score on the split that decides")],
        )
    for search in searches_on_test(program):
        context.report(
            search.site,
            f"`{search.site.text}` chooses by the score on the part that "
            f"`{search.reported.site.text}` tests on: the test score is the best of many, and better "
            "than the model is on new data",
            help="Choose by cross-validation on the training part, and test once at the end.",
            related=[
                (search.scored.site, "the score that decides"),
                (search.reported.site, "tested on the same rows"),
            ],
        )
