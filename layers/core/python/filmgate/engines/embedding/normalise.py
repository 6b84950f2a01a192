"""Score normalisation against a background set.

Some pictures are similar to everything: plain ones, drawings, text. A similarity is more
meaningful after the usual similarity of each side to unrelated pictures is subtracted. This is the
score normalisation of the Image Similarity Challenge (Douze et al., 2021, arXiv 2106.09672) as SSCD
uses it (Pizzi et al., CVPR 2022, arXiv 2202.10261): the weighted mean of the cosine similarities of
the first to the last nearest of a background set. There, a query is compared with references and
only the query is normalised; here neither side is the query, so half of each bias is subtracted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32


def bias(vectors: F32, background: F32, first: int, last: int, weight: float) -> F32:
    """Return the usual similarity of each vector to unrelated pictures: float32 (n,).

    Args:
        vectors: float32 (n, d), unit vectors.
        background: float32 (k, d), unit vectors of pictures unrelated to all compared pictures.
        first, last: range of the nearest neighbors that are used, from 0, both included; last < k.
        weight: factor of their mean.
    """
    nearest = -np.sort(-(vectors @ background.T), axis=1)[:, first : last + 1]
    return (weight * nearest.mean(axis=1)).astype(np.float32, copy=False)


def normalised(a: NDArray[np.floating], a_bias: F32, b: NDArray[np.floating], b_bias: F32) -> F32:
    """Return cosine similarities minus the mean of both biases: float32 (n, m), mostly -1..1.

    Args:
        a, b: (n, d) and (m, d), unit vectors.
        a_bias, b_bias: float32 (n,) and (m,).
    """
    cosine = a.astype(np.float32, copy=False) @ b.astype(np.float32, copy=False).T
    return cosine - (a_bias[:, None] + b_bias[None]) * np.float32(0.5)
