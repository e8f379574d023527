"""Photos answered batch by batch: bounded memory, a row a photo, also where there is nothing to answer."""

import numpy as np
import pandas as pd
import pytest

from catml.classifier import BATCHES_AHEAD
from tests.test_classifier import LABELS, make, photo


@pytest.fixture(scope="module")
def classifier():
    return make()


def test_stream_gives_a_row_a_photo_and_says_why_not(classifier, tmp_path):
    gone = tmp_path / "gone.jpg"
    photos = [*(photo(seed) for seed in range(20)), b"", gone, *(photo(seed) for seed in range(20, 40))]
    batches = list(classifier.stream(iter(photos)))
    assert [len(batch) for batch in batches] == [16, 16, 10]
    rows = pd.concat(batches, ignore_index=True)
    assert rows.index[rows["problem"] != ""].tolist() == [20, 21]
    assert rows["problem"][20:22].tolist() == ["empty file", "can't be read (No such file or directory)"]
    assert rows["label"][20:22].tolist() == ["", ""]
    assert rows.loc[20:21, "probability" : "probability_" + LABELS[-1]].isna().all(axis=None)
    alone = classifier.predict([photo(seed) for seed in range(40)])
    answered = rows[rows["problem"] == ""].drop(columns="problem").reset_index(drop=True)
    assert answered["label"].tolist() == alone["label"].tolist()
    np.testing.assert_allclose(answered["probability"].astype(float), alone["probability"], atol=1e-6)
    assert answered["unsure"].tolist() == alone["unsure"].tolist()


def test_a_batch_of_broken_photos_alone(classifier):
    (rows,) = classifier.stream([b"", b"no photo"])
    assert rows["problem"].tolist() == ["empty file", "not an image of a known format"]


def test_stream_reads_only_what_comes_next(classifier):
    """However many photos there are, only a few are in memory."""
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield photo(0)

    batches = classifier.stream(endless())
    for _ in range(3):
        assert len(next(batches)) == 16
    assert len(taken) <= 16 * (3 + BATCHES_AHEAD)
    batches.close()
