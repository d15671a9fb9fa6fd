from nnlint.questions.model.norm_weights import batch_norms_drawn_around_zero
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN337",
    level=Level.WARNING,
    recipe="initialise well",
    on=Programs(),
)
def batchnorm_init_around_zero(program: Program, context: Context) -> None:
    """The weights of batch norms are drawn around zero.

    ## What it does
    Reports normal and uniform draws around 0 into the weights of batch norms, most often in a
    function for `model.apply` that means convolutions and batch norms alike.

    ## Why it hurts training
    A batch norm multiplies what it has normalised by its weight. Drawn around 0 with a small
    width, the weight makes all features nearly 0 and turns half of them round, so that signals and
    gradients shrink at each norm.

    ## Example
    ```python
    from torch import nn


    def init_weights(m):
        if isinstance(m, (nn.Conv2d, nn.BatchNorm2d)):
            nn.init.normal_(m.weight, 0.0, 0.02)  # want: batchnorm-init-around-zero
    ```

    ## Use instead
    ```python
    from torch import nn


    def init_weights(m):
        if isinstance(m, nn.Conv2d):
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.weight, 1.0, 0.02)
    ```

    ## When not to use it
    Where the branch that ends in the batch norm is meant to start near zero. Set its weight to
    zero then, which is not reported.

    ## References
    - Radford et al., Unsupervised Representation Learning with Deep Convolutional Generative
      Adversarial Networks, 2016, [arXiv:1511.06434](https://arxiv.org/abs/1511.06434)
    - [torch.nn.BatchNorm2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html)
    """
    for draw in batch_norms_drawn_around_zero(program):
        context.report(
            draw.site,
            f"`{draw.site.text}` draws the weights of batch norms around 0, too: they shrink what "
            "they have normalised, and turn half of it round",
            help="Leave the weights of batch norms at 1, or draw them around 1.",
        )
