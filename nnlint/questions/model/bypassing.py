"""Questions about calls of `forward`: of whose, and whether on purpose."""

from __future__ import annotations

import ast

from nnlint.questions.model.lone import forwards_of
from nnlint.semantics.values import PART_OF, Built, External, Instance, Site, Unknown, Value
from nnlint.syntax.calls import first_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import function_around

_OTHER_FRAMEWORKS = frozenset(
    "cv2 flax jax keras mxnet onnxruntime openvino paddle tensorflow tf".split()
)
"""Modules with networks of their own, which are run by their `forward` or not at all."""
_OF_PRIORS = ("gpytorch", "botorch")
"""Packages of Gaussian processes: calling one gives what is believed after data, and its `forward`
what is believed before."""
_OF_ESTIMATORS = frozenset("fit partial_fit predict predict_proba initialize".split())
"""What is called of scikit-learn's estimators, and of no module."""


def is_meant(called: Site) -> bool:
    """Whether it is right to call the `forward` of what stands at a place.

    A forward hook that called the module would be called by it again, and what another
    framework makes is no module of PyTorch, whatever the program calls it.
    """
    return _is_hooked(called) or called.text in called.module.once(_made_by_others, None)


def may_be_own(model: Value, called: Site) -> bool:
    """Whether something unknown may be of a class of the file that has a `forward` and derives
    from nothing, as networks written in NumPy do."""
    unknown = isinstance(model, Unknown) and PART_OF not in model.state
    return unknown and called.module.once(_has_own_forward, None)


def may_be_prior(model: Value, called: Site) -> bool:
    """Whether something may be a Gaussian process: it derives from one of the libraries for them, or
    is not known in a file that uses one."""
    if isinstance(model, Built):
        return False
    if isinstance(model, Instance):
        for base in model.cls.ancestry():
            name = base.name if isinstance(base, External) else base.scope.module.name
            if name.partition(".")[0] in _OF_PRIORS:
                return True
        if model.cls.known:
            return False
    return called.module.once(_uses_priors, None)


def _uses_priors(module: ModuleSyntax, _: None) -> bool:
    named = {module.name.partition(".")[0]}
    for node in module.nodes:
        if isinstance(node, ast.Import):
            named.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            named.add(node.module.partition(".")[0])
    return not named.isdisjoint(_OF_PRIORS)


def _has_own_forward(module: ModuleSyntax, _: None) -> bool:
    return any(
        isinstance(node, ast.ClassDef)
        and all(first_name(base) == "object" for base in node.bases)
        and any(forwards_of(node))
        for node in module.nodes
    )


def may_be_estimator(model: Value, called: Site) -> bool:
    """Whether something unknown may be an estimator around a module, whose `forward` goes over data
    in batches: the file trains it, or asks it, by the methods of scikit-learn."""
    return isinstance(model, Unknown) and called.text in called.module.once(_estimators, None)


def _estimators(module: ModuleSyntax, _: None) -> frozenset[str]:
    """What a module calls the methods of scikit-learn's estimators of, as it is written."""
    return frozenset(
        ast.unparse(node.func.value)
        for node in module.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _OF_ESTIMATORS
    )


def _is_hooked(called: Site) -> bool:
    """Whether a module is what a forward hook is given, `hook(module, inputs, output)`."""
    function = function_around(called.module, called.node)
    if function is None:
        return False
    given = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    given = given[1:] if given[:1] == ["self"] else given
    return len(given) == 3 and called.text == given[0] == "module"


def _made_by_others(module: ModuleSyntax, _: None) -> frozenset[str]:
    """What a module assigns that another framework makes, as it is written."""
    return frozenset(
        ast.unparse(target)
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and first_name(getattr(node.value, "func", None)) in _OTHER_FRAMEWORKS
        for target in node.targets
    )
