"""Where a file matches patterns, though only some of its statements are parsed for them."""

from __future__ import annotations

from program_text import module_of

from nnlint.matching import Matching
from nnlint.rule import Matches

FORWARD = Matches(
    lambda m: m.Call(func=m.Attribute(attr=m.Name("forward"))),
    words=".forward(",
)
TEXT = '''\
import torch

model = torch.nn.Linear(2, 2)
text = """
"""; first = model.forward(torch.zeros(2))
if first: print(text)


@model.register_forward_hook
def hook(module, inputs, output):
    # a comment, \u00e9
    print("\u00e9", model.forward(torch.zeros(2)))


def other():
    return model(torch.zeros(2))


@hook(model.forward(first))
class Last: pass
'''


def test_nodes_are_found_where_they_stand() -> None:
    matching = Matching(module_of(TEXT), [FORWARD])
    sites = [matching.site(node) for node in matching.nodes(FORWARD)]
    assert [(site.node.lineno, site.text) for site in sites] == [
        (5, "model.forward(torch.zeros(2))"),
        (12, "model.forward(torch.zeros(2))"),
        (19, "model.forward(first)"),
    ]


def test_what_holds_no_word_is_not_parsed() -> None:
    matching = Matching(module_of(TEXT.replace(".forward(", "(")), [FORWARD])
    assert not matching.nodes(FORWARD)
    assert matching.interpreter(lambda name, importer: None) is None
