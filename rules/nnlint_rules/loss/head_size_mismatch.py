from nnlint.questions.loss.heads import mismatch_of
from nnlint.remedies.loss import fit_head
from nnlint.rule import Applicability, Calls, Context, Level, rule
from nnlint.semantics.values import Operation


@rule(
    "NN414",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: verify loss at init",
    on=Calls(kind="loss", family=("cross_entropy", "nll")),
    fix=Applicability.UNSAFE,
    probe="loss-at-init",
)
def head_size_mismatch(loss: Operation, context: Context) -> None:
    """A classifier with another number of outputs than its data set has classes.

    ## What it does
    Reports a cross entropy between the labels of a data set of a library, whose number of
    classes is known, and the outputs of a layer or model that has another number of them. The
    fix writes the number of classes where that of outputs is a number that stands nowhere else.

    ## Why it hurts training
    Outputs for classes that do not exist take part in every softmax: the loss starts too high,
    and the model spends its first steps, or all of a frozen head, on ruling them out.

    ## Example
    ```python
    import torch.nn.functional as F
    from torch.utils.data import DataLoader
    from torchvision import datasets, models, transforms

    data = datasets.CIFAR10("data", transform=transforms.ToTensor())
    model = models.resnet18()  # want: head-size-mismatch
    for images, labels in DataLoader(data, batch_size=64, shuffle=True):
        loss = F.cross_entropy(model(images), labels)
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F
    from torch.utils.data import DataLoader
    from torchvision import datasets, models, transforms

    data = datasets.CIFAR10("data", transform=transforms.ToTensor())
    model = models.resnet18(num_classes=10)
    for images, labels in DataLoader(data, batch_size=64, shuffle=True):
        loss = F.cross_entropy(model(images), labels)
    ```

    ## When not to use it
    It is silent where labels are transformed, data is filtered, or an option chooses the data.

    ## References
    - [CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    found = mismatch_of(loss)
    if found is None:
        return
    name = found.dataset.entry.name.rpartition(".")[2]
    surplus = found.outputs > found.classes
    effect = (
        "the softmax goes over classes that do not exist, and the loss starts too high"
        if surplus
        else "some labels have no output, and their loss is an error or garbage"
    )
    head = found.head.site
    context.report(
        head if head.module is loss.site.module else loss.site,
        f"`{head.text}` has {found.outputs} outputs, and {name} has {found.classes} classes: {effect}",
        help=f"Give it {found.classes} outputs.",
        related=[(found.dataset.site, "the data set"), (loss.site, "the loss")],
        fix=(f"Give it {found.classes} outputs", fit_head(found, loss)),
    )
