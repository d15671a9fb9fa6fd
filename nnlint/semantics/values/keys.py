"""Keys of the state of values.

None of them is an identifier: names that a program gives attributes and items of something
unresolved are keys of the same state.
"""

from __future__ import annotations

from typing import Any

CALLED, CHOSEN, SAMPLE, SAMPLED = "names of", "choices of", "one sample", "is sampled"
"""Keys of an object's state for its names, for the options that led to it, for what happens
to one sample of a dataset, and for the sample that comes out."""
MADE = "made at"
"""Key of the state of what a call of something unresolved gives: the sites of the calls on the
way there and of the call itself."""
OPTIMISED = "is optimised"
"""Key of an instance's state that says that an optimizer has been built for its parameters."""
REWRAPPED = "is wrapped"
"""Key of an object's state that says that it has been put into another object, whose class nobody
knows, and goes on under its name."""
MODEL_OF = "model of"
"""Key of the state of something unresolved for the model whose parameter it is."""
MADE_OF = "made of"
"""For what it is made of: the tensor of `x.item()`, the sequence of `len(x)`."""
BOUNDS = "runs between"
"""Key of the state of a `range` for what it was given, where that is no number."""
SPREAD = "with stars"
"""Key of the state of variadic arguments for the sequences of unknown length among them."""
RECEIVER = "attribute of"
"""For what it is an attribute of."""
READ_AT = "read at"
"""For where the `data` of something unresolved is read."""
OWNER = "group of"
"""For the optimizer whose parameter group it is."""
TYPED = "said to be"
"""For the name of the library's class that a parameter is said to be of."""
AS_TENSOR = "as tensor"
"""For the tensor that it has been taken for."""
AS_SIZE = "as size"
"""For the symbol of the size that it has been taken for."""
ORIGINAL = "twin of"
"""For the value that it is an exact copy of."""
COPY = "copy"
"""For what it is a copy of, parts and all: the two share nothing."""
ARGUMENTS = "call with"
"""For what was given to the call that it is the result of."""
CALLEE = "call of"
"""For what was called to get it."""
CALLED_ON = "result of a method of"
"""For whose method was called to get it."""
IS_CALLED = "is called"
"""For whether it has been called."""
COUNTS = "counts the elements of"
"""For the `enumerate` whose elements it counts."""
TEST = "test of"
"""For the comparison that it is the result of."""
DRAWING = "drawn"
"""For the `Drawing` of a random draw; see the draws layer."""
IS_INTEGER = "is integer"
"""For whether it is known to be a whole number."""
IN_MODEL = "in a model"
"""For whether a layer has been called in the code of a module, and not from outside only."""
BUILT_IN = "built in calls of"
"""For the modules in whose calls a layer or module has been built, outermost first."""
BATCH = "one batch"
"""Key of the state of something to go over for a batch of it."""
ELEMENT_OF = "element of"
"""Key of the state of an element of something unresolved: what its whole is told by, and which
element it is."""
ELEMENTS = "elements"
"""Key of the state of something unresolved for what tells that elements are of it."""
PARTS = "number of parts"
"""Key of the state of a batch for how many parts it has, where all are known by position."""
WRITTEN = "written"
"""Key of the state of a tensor for the tensors that are written into parts of it."""
FILLED = "filled"
"""Key of the state of a tensor for what is overwritten with a number in it: `scores[mask] = 0`."""
TAKEN_FROM = "taken from"
"""Key of the state of a tensor for the one that it is unpacked from, `q, k, v = qkv`, and of an
unknown slice for what it is a slice of."""
STORED_IN: Any = object()
"""Key of an unknown value's state for what it is an element of, which still holds it."""
LEFT_OFF: Any = object()
"""Key of the state of a list or pipeline for the transforms that an option would add to it."""
GIVEN_WEIGHTS = "is given weights"
"""Key of a module's state that says that computed tensors are put in the place of its weights."""
PART_OF, STATE_OF = "part of", "state of"
"""Keys of the state of an unknown value: for the model that a module is a part of, and for the
model whose `state_dict()` it is."""
INDEX: Any = object()
"""Key of an unknown value's state for its place in another: `outputs[0]`."""
TAKEN_AT: Any = object()
"""Key of an unknown value's state for where a slice of another is written."""
MADE_BY: Any = object()
"""Key of an unknown value's state for the library model whose output it is."""
LABELS_OF: Any = object()
"""Key of a tensor's state for the data set whose labels it holds."""
