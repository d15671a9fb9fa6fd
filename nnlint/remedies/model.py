"""Changes that mend what a model computes.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nnlint.questions.model.discarding import Discarded
from nnlint.questions.model.dropout import is_on_maps_only
from nnlint.questions.model.memory import Unmasked
from nnlint.questions.model.nonlinearity import Collapsed
from nnlint.remedies.naming import call_instead
from nnlint.rewriting.changes import PLAIN, Changes, call_method, replace, set_keyword, source_text
from nnlint.semantics.values import Built, Operation, Site
from nnlint.syntax.calls import argument_of, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement

_OF_CHANNELS = ("torch.nn.Dropout", "torch.nn.functional.dropout")
"""What has a form that drops channels, with the same parameters, under its name and `2d`."""


def drop_channels(
    operations: Iterable[Operation], dropout: Operation, convolution: Operation
) -> Changes:
    """Drop whole channels of feature maps where only such maps are given.

    Parameters:
        operations: all that is computed in the file's programs.
        convolution: what the maps go into.
    """
    entry = dropout.entry if dropout.layer is None else dropout.layer.entry
    dimensions = convolution.entry.dimensions
    if entry.name not in _OF_CHANNELS or not is_on_maps_only(operations, dropout, dimensions):
        return None
    site = dropout.written_at
    if dropout.layer is not None and _is_told_by_class(site.module, "Dropout"):
        return None
    return call_instead(site, f"{entry.name}{dimensions}d")


def _is_told_by_class(module: ModuleSyntax, name: str) -> bool:
    """Whether a file speaks of a class without building it: `isinstance(module, nn.Dropout)`."""
    built = {id(node.func) for node in module.nodes if isinstance(node, ast.Call)}
    return any(last_name(node) == name and id(node) not in built for node in module.nodes)


def keep_result(found: Discarded) -> Changes:
    """Let a variable hold the result of the operation that it is given to.

    A parameter of a module, or a part of something, is left alone.
    """
    made = found.tensor.producer if found.tensor is not None else None
    name, site = found.given, found.site
    if not name.isidentifier() or (
        isinstance(made, Operation) and made.entry.family == "parameter"
    ):
        return None
    placed = enclosing_statement(site.module, site.node)
    if placed is None or getattr(placed.node, "value", None) is not site.node:
        return None
    return replace(Site(site.module, placed.node), f"{name} = {source_text(site)}")


def activate_between(found: Collapsed) -> Changes:
    """Put a ReLU between two layers; None where the first is not written in front of the second."""
    if not found.in_sequence:
        return call_method(found.first.site, "relu()")
    site = found.first.written_at
    call = site.node.func if isinstance(site.node, ast.Call) else None
    if not isinstance(call, ast.Attribute):
        return None
    return replace(site, f"{source_text(site)}, {site.module.text(call.value)}.ReLU()")


def keep_batch_axis(flatten: Operation) -> Changes:
    """Let a flatten that takes in all axes begin behind the batch axis."""
    site = flatten.written_at
    call = site.node
    if not isinstance(call, ast.Call):
        return None
    on_tensor = flatten.layer is None and len(flatten.explicit) > len(call.args) + len(
        call.keywords
    )
    if flatten.entry.family == "flatten":
        given = call.args if on_tensor or flatten.layer else call.args[1:]
        if not given:
            return set_keyword(site, "start_dim", "1")
        return replace(Site(site.module, given[0]), "1") if len(given) == 1 else None
    tensor = call.func.value if on_tensor and isinstance(call.func, ast.Attribute) else None
    if isinstance(tensor, PLAIN):
        return replace(site, f"{source_text(Site(site.module, tensor))}.flatten(1)")
    return None


def follow_mode(dropout: Operation) -> Changes:
    """Let a dropout that is called as a function follow the mode of its module."""
    function = dropout.function
    own = function.node.args.args[:1] if function and function.owner else []
    call = dropout.site.node
    if dropout.layer is not None or not own or not isinstance(call, ast.Call):
        return None
    mode = f"{own[0].arg}.training"
    if dropout.entry.parameter("training") is not None:
        return set_keyword(dropout.site, "training", mode)
    rate = next((k.value for k in call.keywords if k.arg == "dropout_p"), None)
    if rate is None:
        return None
    place = Site(dropout.site.module, rate)
    return replace(place, f"{source_text(place)} if {mode} else 0.0")


def set_axis(operation: Operation, axis: int) -> Changes:
    """Let an operation, or a layer where it is built, work along another axis."""
    site = operation.written_at
    call = site.node
    if not isinstance(call, ast.Call):
        return None
    if any(keyword.arg == "dim" for keyword in call.keywords) or not operation.explicit & {"dim"}:
        return set_keyword(site, "dim", str(axis))
    names = [parameter.name for parameter in operation.entry.signature]
    if operation.layer is None and isinstance(call.func, ast.Attribute):
        given = len(call.args) + len(call.keywords)
        # what a method is called on is its first argument
        names = names[1:] if len(operation.explicit) > given else names
    at = names.index("dim")
    if at >= len(call.args):
        return None
    return replace(Site(site.module, call.args[at]), str(axis))


def pass_padding_on(found: Unmasked) -> Changes:
    """Tell a decoder of the padding of its source as the encoder is told.

    None where the two are called in different functions, or where the mask has no name there.
    """
    encoder, decoder = found.encoder, found.decoder
    names = [n.strip() for n in str(encoder.entry.options.get("call", "")).split(",")]
    given = argument_of(encoder.site.node, found.told, names.index(found.told))
    if given is None or encoder.site.module is not decoder.site.module:
        return None
    if encoder is not decoder:
        here = encoder.function is decoder.function
        if not here or not isinstance(given, ast.Name) or encoder.modules != decoder.modules:
            return None
    text = source_text(Site(encoder.site.module, given))
    return set_keyword(decoder.site, found.argument, text)


def without_bias(layer: Site) -> Changes:
    """Build a layer without its bias, where nothing in its file speaks of biases."""
    speaks = any(
        isinstance(node, ast.Attribute) and node.attr == "bias" for node in layer.module.nodes
    )
    return None if speaks else set_keyword(layer, "bias", "False")


def with_weights(model: Built) -> Changes:
    """Build a library's vision model with its weights, where they fit its number of classes."""
    if model.entry.name.startswith("timm."):
        return set_keyword(model.site, "pretrained", "True")
    # torchvision's weights are for all classes of ImageNet
    return (
        None
        if "num_classes" in model.site.text
        else set_keyword(model.site, "weights", '"DEFAULT"')
    )


def call_on_tensor(operation: Operation, call: str) -> Changes:
    """Put another method in the place of one that is called on a tensor without arguments."""
    node = operation.site.node
    if not isinstance(node, ast.Call) or node.args or node.keywords:
        return None
    if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, PLAIN):
        return None
    tensor = source_text(Site(operation.site.module, node.func.value))
    return replace(operation.site, f"{tensor}.{call}")
