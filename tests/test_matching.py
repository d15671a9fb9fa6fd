"""Where a file matches patterns, though only some of its statements are parsed for them."""

from __future__ import annotations

import ast

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


HELD = Matches(
    lambda m: m.Call(func=m.Attribute(attr=m.Name("forward"))),
    words=".forward(",
    holds=lambda node: isinstance(node, ast.Attribute) and node.attr == "forward",
)
CLASSES = '''\
@register(model.forward(0))
class First(
    Base,
): size = model.forward(1)


class Second(Base):
    """Calls model.forward(2), as a text does."""

    size = 3; other = model.forward(
        3
    ); more = 4

    @decorated(model.forward(4))
    # between
    def run(self):
        return self.model.forward(5), """
text"""

    class Inner:
        def run(self):
            return model.forward(6)


class Third(meta=model.forward(7)):
    @property
    def apart(self):
        return 1
'''


def test_of_classes_the_statements_are_parsed_that_hold_what_is_looked_for() -> None:
    matching = Matching(module_of(CLASSES), [HELD])
    found = [matching.site(node) for node in matching.nodes(HELD)]
    assert [ast.literal_eval(site.node.args[0]) for site in found] == [0, 1, 3, 4, 5, 6, 7]
