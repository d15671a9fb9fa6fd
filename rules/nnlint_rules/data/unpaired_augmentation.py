from nnlint.questions.data.unpaired import unpaired_transforms
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN210",
    level=Level.ERROR,
    recipe="become one with the data",
    on=Programs(),
)
def unpaired_augmentation(program: Program, context: Context) -> None:
    """An image and its mask go through a random transform separately.

    ## What it does
    Follows one sample of each data set, and batches in a training loop. Reports where an image and
    what lies over it (a mask, boxes, key points, a depth map) are flipped, turned, cropped or
    warped at random by two separate calls, or by two draws of the program's own, and where the
    image alone is, and its mask is handed back as it was stored.

    Calls that take both (`transforms.v2`, `albumentations`), parameters that are drawn once for
    both, and calls before which the state of the generator is set are right. A change of colours
    moves nothing.

    ## Why it hurts training
    The image is mirrored and the mask is not, or the two are cut out at different places: most
    pairs are wrong, and the model learns that a pixel says nothing about its label.

    ## Example
    ```python
    from PIL import Image
    from torch.utils.data import Dataset
    from torchvision import transforms


    class Roads(Dataset):
        def __init__(self, files):
            self.files = files
            self.transform = transforms.Compose(
                [transforms.RandomHorizontalFlip(), transforms.ToTensor()]
            )

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            image = Image.open(f"images/{self.files[index]}")
            mask = Image.open(f"masks/{self.files[index]}")
            image = self.transform(image)
            mask = self.transform(mask)  # want: unpaired-augmentation
            return image, mask


    roads = Roads(["a.png", "b.png"])
    ```

    ## Use instead
    ```python
    from PIL import Image
    from torch.utils.data import Dataset
    from torchvision import tv_tensors
    from torchvision.transforms import v2


    class Roads(Dataset):
        def __init__(self, files):
            self.files = files
            self.transform = v2.Compose([v2.RandomHorizontalFlip(), v2.ToImage()])

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            image = Image.open(f"images/{self.files[index]}")
            mask = tv_tensors.Mask(Image.open(f"masks/{self.files[index]}"))
            return self.transform(image, mask)


    roads = Roads(["a.png", "b.png"])
    ```

    ## When not to use it
    Where the two images do not belong together, pixel by pixel.

    ## References
    - [Transforms v2: end-to-end segmentation](https://docs.pytorch.org/vision/stable/auto_examples/transforms/plot_transforms_e2e.html)
    """
    for found in unpaired_transforms(program):
        image, target = found.names
        if found.target is None:
            context.report(
                found.image,
                f"`{image}` is moved by a random draw, and what comes of `{target}` is not: the two no "
                "longer lie over each other",
                help="Transform both in one call.",
            )
            continue
        context.report(
            found.target,
            f"`{target}` is moved by another random draw than `{image}`: the two no longer lie over "
            "each other",
            help="Transform both in one call, or draw the parameters once for both.",
            related=[(found.image, "the image is moved here")],
        )
