"""Whether learning from augmented views pays: heads with and without them, on the same folds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.paired import CHANCE, corrected_t
from catml.study.sweep import Trial


@dataclass(frozen=True)
class Gain:
    """A head that learns from augmented views beside one that does not, fold by fold.

    Attributes:
        with_views: the head that does.
        without: the one that does not.
        log_loss: by how much its mean log loss is lower; negative where it is higher.
        se: standard error of that (Nadeau & Bengio 2003).
        p: that so large a difference is chance.
    """

    with_views: Trial
    without: Trial
    log_loss: float
    se: float
    p: float

    @property
    def said(self) -> str:
        """Say it as a sentence would go on."""
        views = self.with_views.spec.views
        pair = f"{self.with_views.log_loss:.4f} with {views} views, {self.without.log_loss:.4f} without"
        if self.p > CHANCE:
            return f"{pair}: no detectable difference (p = {self.p:.2g})"
        return f"{pair}: {'better' if self.log_loss > 0 else 'worse'} with them (p = {self.p:.2g})"


def gains(trials: Sequence[Trial], test_share: float) -> tuple[Gain, Gain] | None:
    """Compare the best head that learns from augmented views with the best of the others, and two plain linear heads.

    The best ones were each picked among many, the linear heads are one and the same head.

    Args:
        trials: of a study.
        test_share: photos in a validation fold, over photos in its training side.

    Returns:
        The gain of the best heads and that of the plain linear ones, on the backbone of the best head; None where no
        head has views, or all have.
    """
    by_loss = sorted(trials, key=lambda trial: trial.log_loss)
    best = [next((one for one in by_loss if bool(one.spec.views) == views), None) for views in (True, False)]
    if best[0] is None or best[1] is None:
        return None
    backbone = by_loss[0].backbone
    # The first trials of a study are the plain linear heads, on each backbone with each number of views.
    plain = [
        next(
            one
            for one in sorted(trials, key=lambda trial: trial.number)
            if one.backbone == backbone and one.spec.views == views
        )
        for views in (best[0].spec.views, 0)
    ]
    return _gain(best[0], best[1], test_share), _gain(plain[0], plain[1], test_share)


def _gain(with_views: Trial, without: Trial, test_share: float) -> Gain:
    lower = np.subtract(without.log_losses, with_views.log_losses).tolist()
    return Gain(
        with_views,
        without,
        float(np.mean(lower)),
        cross_validation_se(lower, test_share),
        corrected_t(lower, test_share),
    )
