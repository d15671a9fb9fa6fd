"""Pictures and masks that do not belong together: one is missing, sizes differ, a mask is empty.

Missing halves and differing sizes are errors. Masks of one value are a warning where they are
few, at most a fifth: empty scenes are usual in some data sets.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlint.audit.checks.unreadable import told
from nnlint.audit.finding import AuditFinding, plural
from nnlint.audit.table import Collected
from nnlint.audit.telling import about, named
from nnlint.finding import Level

KIND = "broken-pairs"
_FEW = 0.2


def check(data: Collected) -> Iterator[AuditFinding]:
    """Compare sizes, and look for masks without content."""
    yield from told(data.problems, KIND)
    for part in data.splits:
        masks = part.masks
        if masks is None:
            continue
        pairs = list(zip(masks.image_sizes, masks.sizes, strict=True))
        rows = np.array([row for row, (image, mask) in enumerate(pairs) if image != mask], int)
        # masks of another scale on purpose are so everywhere
        scales = {(i[0] / max(1, m[0]), i[1] / max(1, m[1])) for i, m in pairs}
        if len(rows) and not (len(rows) == len(pairs) and len(scales) == 1 and len(pairs) > 1):
            image, mask = pairs[rows[0]]
            verb = "is" if len(rows) == 1 else "are"
            message = (
                f"{plural(len(rows), 'mask')} {verb} of another size than the picture: "
                f"{mask[0]}×{mask[1]} for {image[0]}×{image[1]}, {named(part, rows)}"
            )
            yield about(part, rows, KIND, Level.ERROR, message)
        empty = np.array([r for r, values in enumerate(masks.values) if len(set(values)) <= 1], int)
        if 0 < len(empty) <= max(1, _FEW * len(masks.values)) and len(masks.values) > 2:
            verb = "is" if len(empty) == 1 else "are"
            message = (
                f"{plural(len(empty), 'mask')} {verb} one value throughout: {named(part, empty)}"
            )
            yield about(part, empty, KIND, Level.WARNING, message)
