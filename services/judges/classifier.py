"""A linear classifier of a few trials with many numbers each, and how well it judges trials that it has not seen.

Logistic regression with a ridge (S. le Cessie and J. C. van Houwelingen, Ridge estimators in logistic regression,
Applied Statistics 41 (1992)); either verdict weighs the same, however often it was given. The ridge's strength is
chosen by cross-validation; the errors come from an outer one around that choice, so that no trial is judged by what was
trained or chosen on it (S. Varma and R. Simon, Bias in error estimation when using cross-validation for model
selection, BMC Bioinformatics 7 (2006)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Numbers = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

STRENGTHS = (0.3, 0.03, 0.003, 0.0003)
"""Of the ridge, the strongest first; rows have a mean square length of 1."""
FOLDS, INNER = 10, 4
LEAST_GROUPS = 3
"""Sessions from which whole ones are left out in turn, so that another day's light is in the errors."""


@dataclass(frozen=True)
class Line:
    """Success where `numbers @ weights + bias` is above 0."""

    weights: Numbers
    bias: float


@dataclass(frozen=True)
class Judged:
    """What each trial was called by a line that was not fitted on it; `by_group`: on none of its session."""

    successes: Flags
    by_group: bool


def fitted(rows: Numbers, won: Flags) -> Line:
    """The line for these trials: `rows` (trials, numbers), `won` (trials,), both kinds among them."""
    turned, back, middle = _turned(rows)
    line = _fit(turned, won, _strength(turned, won))
    weights = back @ line.weights
    return Line(weights, line.bias - float(middle @ weights))


def cross_validated(rows: Numbers, won: Flags, groups: Sequence[str]) -> Judged:
    """How trials that were left out are judged; `groups` are their sessions."""
    import numpy as np

    turned, _, _ = _turned(rows)
    folds = list(_by_group(won, groups))
    by_group = bool(folds)
    called = np.zeros(len(won), bool)
    for out in folds or list(_folds(won, FOLDS)):
        kept, left = turned[~out], won[~out]
        line = _fit(kept, left, _strength(kept, left))
        called[out] = turned[out] @ line.weights + line.bias > 0
    return Judged(called, by_group)


def _turned(rows: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The trials in as many numbers as there are trials, the way back to their weights, and their mean.

    A ridge does not see a rotation, and the bias takes what the mean takes away, so that this fits the same line; no
    verdict is looked at.
    """
    import numpy as np

    middle = rows.mean(axis=0)
    left, lengths, right = np.linalg.svd(rows - middle, full_matrices=False)
    size = float(np.sqrt((lengths**2).sum() / len(rows))) or 1.0
    return left * lengths / size, right.T / size, middle


def _fit(rows: Numbers, won: Flags, strength: float) -> Line:
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    share = np.where(won, 0.5 / max(1, won.sum()), 0.5 / max(1, (~won).sum()))
    signs = np.where(won, 1.0, -1.0)

    def cost(at: Numbers) -> tuple[float, Numbers]:
        margins = signs * (rows @ at[:-1] + at[-1])
        pull = -share * signs * expit(-margins)
        loss = float(share @ np.logaddexp(0, -margins) + strength / 2 * at[:-1] @ at[:-1])
        return loss, np.append(rows.T @ pull + strength * at[:-1], pull.sum())

    best: Any = minimize(cost, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return Line(best.x[:-1], float(best.x[-1]))


def _strength(rows: Numbers, won: Flags) -> float:
    """The ridge under which trials that are left out are told best."""
    import numpy as np

    losses = []
    for strength in STRENGTHS:
        loss = 0.0
        for out in _folds(won, INNER):
            line = _fit(rows[~out], won[~out], strength)
            margins = np.where(won[out], 1.0, -1.0) * (rows[out] @ line.weights + line.bias)
            weights = np.where(won[out], 1 / max(1, won.sum()), 1 / max(1, (~won).sum()))
            loss += float(weights @ np.logaddexp(0, -margins))
        losses.append(loss)
    return STRENGTHS[int(np.argmin(losses))]


def _folds(won: Flags, most: int) -> Iterator[Flags]:
    """Which trials are left out in turn: of either kind as many each time, as far as that goes."""
    import numpy as np

    place = np.zeros(len(won), int)
    for kind in (won, ~won):
        place[kind] = np.arange(kind.sum())
    many = max(2, min(most, int(won.sum()), int((~won).sum())))
    for fold in range(many):
        if (out := place % many == fold).any():
            yield out


def _by_group(won: Flags, groups: Sequence[str]) -> Iterator[Flags]:
    """One session at a time; none where there are too few sessions, or what is left lacks one kind."""
    import numpy as np

    names = np.array(groups)
    outs = [names == each for each in dict.fromkeys(groups)]
    if len(outs) >= LEAST_GROUPS and all(min(won[~out].sum(), (~won[~out]).sum()) >= INNER for out in outs):
        yield from outs
