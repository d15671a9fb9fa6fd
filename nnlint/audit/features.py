"""Small vectors that stand for pictures, sounds and texts where samples are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlint.audit.samples import Array

THUMB = 32
"""Pixels along each side of what is kept of a picture; the size that perceptual hashes use."""
MOST_PIXELS = 256
"""Numbers in the vector of a picture."""
_FRAME, _BANDS = 1024, 32
_TEXT_WIDTH = 2**14
TEXT_SIZE = 64


def as_pictures(values: Array, channels_last: bool) -> Array:
    """Samples as height, width and channels; of a volume the slice in its middle."""
    if values.ndim == 3:
        return values[..., None]
    if channels_last:
        return values
    if values.shape[1] in (1, 2, 3, 4):
        return np.moveaxis(values, 1, -1)
    return values[:, values.shape[1] // 2, :, :, None]


def shrunk(pictures: Array, side: int) -> Array:
    """Pictures of at most so many pixels a side, each the mean of those that it stands for."""
    out: Array = pictures.astype(np.float32)
    for axis in (1, 2):
        size = out.shape[axis]
        if size > side:
            starts = (np.arange(side) * size) // side
            widths = np.diff([*starts, size]).astype(np.float32)
            shape = [1] * out.ndim
            shape[axis] = side
            out = np.add.reduceat(out, starts, axis=axis) / widths.reshape(shape)
    return out


def picked(pictures: Array, side: int) -> Array:
    """Pictures of so many pixels a side, each one that was there: for masks."""
    rows = (np.arange(side) * pictures.shape[1]) // side
    columns = (np.arange(side) * pictures.shape[2]) // side
    return pictures[:, rows][:, :, columns]


def alike(pictures: Array) -> Array:
    """Pictures of any size and channels as all others of a ragged data set: 32 by 32, colours."""
    small = shrunk(pictures, THUMB)
    channels = small if small.shape[-1] >= 3 else np.repeat(small[..., :1], 3, axis=-1)
    return picked(channels[..., :3], THUMB)


def thumbs_of(pictures: Array) -> Array:
    """Small pictures in bytes, each over its own range, with one channel or three."""
    small = shrunk(np.nan_to_num(pictures.astype(np.float32), posinf=0, neginf=0), THUMB)
    small = small[..., :3] if small.shape[-1] >= 3 else small[..., :1]
    flat = small.reshape(len(small), -1)
    low, high = flat.min(1), flat.max(1)
    span = np.where(high > low, high - low, 1)
    shape = (-1, 1, 1, 1)
    scaled: Array = ((small - low.reshape(shape)) / span.reshape(shape) * 255).astype(np.uint8)
    return scaled


def vectors_of(pictures: Array) -> Array:
    """Pictures as vectors: their own pixels where they are few, else means of blocks."""
    channels = 3 if pictures.shape[-1] >= 3 else 1
    side = int((MOST_PIXELS / channels) ** 0.5)
    small = shrunk(np.nan_to_num(pictures[..., :channels], posinf=0, neginf=0), side)
    return small.reshape(len(small), -1)


def gray(thumbs: Array) -> Array:
    """Pictures without their colours, as floats."""
    out: Array = thumbs.astype(np.float32).mean(-1)
    return out


def hashes_of(thumbs: Array) -> Array:
    """Perceptual hashes of 64 bits."""
    import imagehash
    from PIL import Image

    found = np.zeros(len(thumbs), np.uint64)
    for row, picture in enumerate(gray(thumbs).astype(np.uint8)):
        bits = imagehash.phash(Image.fromarray(picture)).hash
        found[row] = int("".join("1" if b else "0" for b in bits.ravel()), 2)
    return found


def of_sound(wave: Array) -> Array:
    """A sound by the loudness of its bands, their changes, and its course in time."""
    mono = np.nan_to_num(wave.reshape(-1, wave.shape[-1]).mean(0).astype(np.float32))
    padded = np.pad(mono, (0, max(0, _FRAME - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[:: _FRAME // 2][:2000]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=1)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1] - 1, _BANDS + 1).astype(int))
    bands = np.log(np.add.reduceat(power, edges, axis=1) + 1e-6)
    thirds = np.array_split(bands, min(4, len(bands)))
    course = np.zeros((4, bands.shape[1]), np.float32)
    course[: len(thirds)] = [t.mean(0) for t in thirds]
    return np.concatenate([bands.mean(0), bands.std(0), course.ravel()]).astype(np.float32)


def of_texts(texts: Sequence[str], words: bool, seed: int) -> Array:
    """Texts as vectors: their pieces by how rare they are, in a few dimensions.

    Parameters:
        words: whether pieces are whole words, as of numbers of tokens; else letters side by side.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    options: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5)}
    if words:
        options = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\S+"}
    counts = HashingVectorizer(
        n_features=_TEXT_WIDTH, norm=None, alternate_sign=False, **options
    ).transform(texts)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    size = min(TEXT_SIZE, max(2, min(weighted.shape) - 1))
    if len(texts) < 3:
        return np.asarray(weighted.toarray(), np.float32)
    found = TruncatedSVD(size, n_iter=2, random_state=seed).fit_transform(weighted)
    return np.asarray(found, np.float32)
