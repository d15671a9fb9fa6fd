"""Models that are written after published ones: told by what they are made of, and then by name."""

from __future__ import annotations

from collections.abc import Mapping

from nnlint.semantics.registration import with_submodules
from nnlint.semantics.values import Built, Class, Instance, Value

_CONVOLUTION = frozenset({"conv"})
_ATTENTION = frozenset({"attention", "transformer", "linear"})
_PUBLISHED: Mapping[str, tuple[str, frozenset[str]]] = {
    "resnet": ("a ResNet", _CONVOLUTION),
    "resnext": ("a ResNeXt", _CONVOLUTION),
    "densenet": ("a DenseNet", _CONVOLUTION),
    "vgg": ("a VGG", _CONVOLUTION),
    "alexnet": ("AlexNet", _CONVOLUTION),
    "lenet": ("LeNet", _CONVOLUTION),
    "squeezenet": ("SqueezeNet", _CONVOLUTION),
    "mobilenet": ("a MobileNet", _CONVOLUTION),
    "efficientnet": ("an EfficientNet", _CONVOLUTION),
    "shufflenet": ("a ShuffleNet", _CONVOLUTION),
    "googlenet": ("GoogLeNet", _CONVOLUTION),
    "inception": ("an Inception network", _CONVOLUTION),
    "convnext": ("a ConvNeXt", _CONVOLUTION),
    "convmixer": ("a ConvMixer", _CONVOLUTION),
    "unet": ("a U-Net", _CONVOLUTION),
    "segnet": ("SegNet", _CONVOLUTION),
    "deeplab": ("DeepLab", _CONVOLUTION),
    "yolo": ("YOLO", _CONVOLUTION),
    "wavenet": ("WaveNet", _CONVOLUTION),
    "dncnn": ("DnCNN", _CONVOLUTION),
    "srcnn": ("SRCNN", _CONVOLUTION),
    "capsnet": ("a capsule network", _CONVOLUTION),
    "transformer": ("a Transformer", _ATTENTION),
    "bert": ("BERT", _ATTENTION),
    "gpt": ("a GPT", _ATTENTION),
    "vit": ("a Vision Transformer", _ATTENTION),
    "mlpmixer": ("an MLP-Mixer", frozenset({"linear"})),
}
"""Words of class names, each with what the model is called and a family of layers that it has."""
_PARTS = (
    "module",
    "system",
    "trainer",
    "block",
    "layer",
    "cell",
    "unit",
    "head",
    "stem",
    "bottleneck",
    "embed",
    "loss",
    "stage",
)
"""Words of names of parts of models."""
_FEWEST = 2
"""Layers without which nothing is such a model."""


def published(model: Instance) -> str:
    """The published model that a class of the project is written after; empty where that is not
    told."""
    names = [cls.node.name for cls in model.cls.ancestry() if isinstance(cls, Class)]
    for name in names:
        written = name.replace("_", "").lower()
        if any(part in written for part in _PARTS):
            continue
        for word, (called, families) in _PUBLISHED.items():
            if word in written and _has(model, families):
                return called
    return ""


def _has(model: Value, families: frozenset[str]) -> bool:
    layers = [m for m in with_submodules([model]) if isinstance(m, Built)]
    weighty = [m for m in layers if m.entry.kind == "layer" and m.entry.family not in _PLAIN]
    return len(weighty) >= _FEWEST and any(m.entry.family in families for m in weighty)


_PLAIN = frozenset({"activation", "dropout", "pool", "adaptive_pool", "padding", "identity"})
