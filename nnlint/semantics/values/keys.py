"""Keys of the state of values.

None of them is a text: names that a program gives attributes and items of something unresolved
are keys of the same state.
"""

from __future__ import annotations

from typing import Any


class Key:
    """A key that no program can name.

    Parameters:
        says: what it is the key for, in the words that follow "this is" or "this has".
    """

    def __init__(self, says: str) -> None:
        self.says = says

    def __repr__(self) -> str:
        return f"<{self.says}>"


CALLED: Any = Key("names of")
CHOSEN: Any = Key("choices of")
SAMPLE: Any = Key("one sample")
SAMPLED: Any = Key("is sampled")
"""Keys of an object's state for its names, for the options that led to it, for what happens
to one sample of a dataset, and for the sample that comes out."""
MADE: Any = Key("made at")
"""Key of the state of what a call of something unresolved gives: the sites of the calls on the
way there and of the call itself."""
OPTIMISED: Any = Key("is optimised")
"""Key of an instance's state that says that an optimizer has been built for its parameters."""
REWRAPPED: Any = Key("is wrapped")
"""Key of an object's state that says that it has been put into another object, whose class nobody
knows, and goes on under its name."""
MODEL_OF: Any = Key("model of")
"""Key of the state of something unresolved for the model whose parameter it is."""
MADE_OF: Any = Key("made of")
"""For what it is made of: the tensor of `x.item()`, the sequence of `len(x)`."""
BOUNDS: Any = Key("runs between")
"""Key of the state of a `range` for what it was given, where that is no number."""
SPREAD: Any = Key("with stars")
"""Key of the state of variadic arguments for the sequences of unknown length among them."""
RECEIVER: Any = Key("attribute of")
"""For what it is an attribute of."""
READ_AT: Any = Key("read at")
"""For where the `data` of something unresolved is read."""
READ_FROM: Any = Key("read from")
"""For the path of the file that was opened, or whose text it is."""
OWNER: Any = Key("group of")
"""For the optimizer whose parameter group it is."""
TYPED: Any = Key("said to be")
"""For the name of the library's class that a parameter is said to be of."""
AS_TENSOR: Any = Key("as tensor")
"""For the tensor that it has been taken for."""
AS_SIZE: Any = Key("as size")
"""For the symbol of the size that it has been taken for."""
ORIGINAL: Any = Key("twin of")
"""For the value that it is an exact copy of."""
COPY: Any = Key("copy")
"""For what it is a copy of, parts and all: the two share nothing."""
ARGUMENTS: Any = Key("call with")
"""For what was given to the call that it is the result of."""
CALLEE: Any = Key("call of")
"""For what was called to get it."""
CALLED_ON: Any = Key("result of a method of")
"""For whose method was called to get it."""
IS_CALLED: Any = Key("is called")
"""For whether it has been called."""
COUNTS: Any = Key("counts the elements of")
"""For the `enumerate` whose elements it counts."""
TEST: Any = Key("test of")
"""For the comparison that it is the result of."""
DRAWING: Any = Key("drawn")
"""For the `Drawing` of a random draw; see the draws layer."""
IS_INTEGER: Any = Key("is integer")
"""For whether it is known to be a whole number."""
IN_MODEL: Any = Key("in a model")
"""For whether a layer has been called in the code of a module, and not from outside only."""
BUILT_IN: Any = Key("built in calls of")
"""For the modules in whose calls a layer or module has been built, outermost first."""
BATCH: Any = Key("one batch")
"""Key of the state of something to go over for a batch of it."""
ELEMENT_OF: Any = Key("element of")
"""Key of the state of an element of something unresolved: what its whole is told by, and which
element it is."""
ELEMENTS: Any = Key("elements")
"""Key of the state of something unresolved for what tells that elements are of it."""
PARTS: Any = Key("number of parts")
"""Key of the state of a batch for how many parts it has, where all are known by position."""
WRITTEN: Any = Key("written")
"""Key of the state of a tensor for the tensors that are written into parts of it."""
FILLED: Any = Key("filled")
"""Key of the state of a tensor for what is overwritten with a number in it: `scores[mask] = 0`."""
TAKEN_FROM: Any = Key("taken from")
"""Key of the state of a tensor for the one that it is unpacked from, `q, k, v = qkv`, and of an
unknown slice for what it is a slice of."""
STORED_IN: Any = Key("stored in")
"""Key of an unknown value's state for what it is an element of, which still holds it."""
LEFT_OFF: Any = Key("left off")
"""Key of the state of a list or pipeline for the transforms that an option would add to it."""
GIVEN_WEIGHTS: Any = Key("is given weights")
"""Key of a module's state that says that computed tensors are put in the place of its weights."""
PART_OF: Any = Key("part of")
STATE_OF: Any = Key("state of")
"""Keys of the state of an unknown value: for the model that a module is a part of, and for the
model whose `state_dict()` it is."""
INDEX: Any = Key("index")
"""Key of an unknown value's state for its place in another: `outputs[0]`."""
TAKEN_AT: Any = Key("taken at")
"""Key of an unknown value's state for where a slice of another is written."""
MADE_BY: Any = Key("made by")
"""Key of an unknown value's state for the library model whose output it is."""
LABELS_OF: Any = Key("labels of")
"""Key of a tensor's state for the data set whose labels it holds."""
