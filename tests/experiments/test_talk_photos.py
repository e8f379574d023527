"""The talk on photo folders: its mistakes one by one, on features where the truth is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from catml.heads import scratch
from catml.heads.scratch import Architecture
from experiments.talk import cnns, photo_tables, photos
from experiments.talk.arrays import Talk
from experiments.talk.mistakes import Mistakes
from experiments.talk.photos import Repeated, Right, Row, Step
from experiments.talk.published import AUGMENTED_HEADS
from experiments.talk.rows import CostRow, Estimate, Interval, Spread

COUNT, WIDTH = 80, 12
LABELS = np.arange(COUNT) % 2
NONE = Mistakes().without(*Mistakes.__dataclass_fields__)


def splits():
    learn, test = np.arange(64), np.arange(64, COUNT)
    generator = np.random.default_rng(0)
    parts = []
    for _ in range(2):
        mixed = generator.permutation(learn)
        parts.append((mixed[:54], mixed[54:]))
    return Talk(LABELS, learn, test, parts)


def features(apart=1.5, own=3.0):
    """Photos whose two views differ little from themselves, and much from each other's: copies give answers away."""
    generator = np.random.default_rng(1)
    photo = own * generator.normal(size=(COUNT, WIDTH)) + apart * (2 * LABELS[:, None] - 1) * np.eye(WIDTH)[0]
    shown = np.stack([photo, *(photo + 0.05 * generator.normal(size=photo.shape) for _ in range(2))])
    shown[1:, 64:] = np.nan  # nothing is learnt from test photos
    return shown.astype(np.float32)


def test_mixed_labels_are_those_of_the_last_views_alone():
    of = splits()
    mixed = photos._labels(of, Mistakes(), np.random.default_rng(0))
    assert (mixed[:2] == LABELS).all()
    wrong = (mixed[2, of.learn] != LABELS[of.learn]).mean()
    assert 0.3 < wrong < 0.7
    assert np.bincount(mixed[2, of.learn]).tolist() == np.bincount(LABELS[of.learn]).tolist()
    assert (photos._labels(of, Mistakes().without("mixed_labels"), np.random.default_rng(0)) == LABELS).all()


def test_a_leaking_split_has_copies_on_both_sides_and_the_other_has_not():
    of, shown = splits(), np.zeros((3, COUNT, 1), np.float32)
    shown[:] = np.arange(COUNT)[:, None]  # each photo is known again by its feature
    labels = np.tile(LABELS, (3, 1))
    (learn, own), (held_out, answers) = photos._rows(shown, of, labels, of.parts[0], 0, Mistakes())
    assert set(held_out[:, 0]) & set(learn[:, 0])
    assert len(learn) + len(held_out) == 3 * 64
    assert (LABELS[learn[:, 0].astype(int)] == own).all()
    clean = Mistakes().without("leaking_split")
    (learn, own), (held_out, answers) = photos._rows(shown, of, labels, of.parts[0], 0, clean)
    assert sorted(held_out[:, 0]) == sorted(of.parts[0][1])  # as they are, without any views
    assert sorted(learn[:, 0]) == sorted([*of.parts[0][0]] * 3)
    assert (LABELS[held_out[:, 0].astype(int)] == answers).all()


def test_mistakes_cost_what_they_must():
    of, shown, head = splits(), features(), AUGMENTED_HEADS[1]

    def made(mistakes):
        return photos.augmented(shown, of, head, mistakes, 2, 42)

    clean, leaking = made(NONE), made(NONE.__class__(**{**NONE.__dict__, "leaking_split": True}))
    mixed = made(NONE.__class__(**{**NONE.__dict__, "mixed_labels": True}))
    assert clean.accuracy.shape == clean.test.shape == (2, 2)
    assert leaking.accuracy.mean() > clean.accuracy.mean() + 0.1  # copies were learnt by heart
    assert leaking.accuracy.mean() > leaking.test.mean() + 0.1
    assert mixed.test.mean() < clean.test.mean() + 0.1
    again = made(NONE)
    assert (again.accuracy == clean.accuracy).all()
    assert np.isfinite(clean.test).all()


def test_a_network_from_scratch_as_published():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 60, (COUNT, 8, 8, 3)).astype(np.uint8)
    pixels[LABELS == 1] += 190
    rows = np.arange(48), np.arange(48, 64), np.arange(64, COUNT)
    epochs = []
    made = cnns.train(Architecture((4, 4)), pixels, LABELS, rows, 0, lambda: epochs.append(1))
    assert len(epochs) == cnns.EPOCHS
    assert made.test.shape == (16,)
    assert made.validation in {number / 16 for number in range(17)}
    again = cnns.train(Architecture((4, 4)), pixels, LABELS, rows, 0)
    assert (again.validation, again.test.tolist()) == (made.validation, made.test.tolist())


def test_loss_from_scratch_is_that_of_the_other_fits():
    import tensorflow as tf

    said = np.array([[0.0], [0.3], [0.9], [2.5]], np.float32)
    truth = np.array([1, 0, 1, 0])
    expected = -np.log([1e-7, 0.7, 0.9, 1e-7])
    np.testing.assert_allclose(cnns.clipped_cross_entropy(truth, said), expected, rtol=2e-2)
    with tf.GradientTape() as tape:
        outputs = tf.Variable(said)
        loss = tf.reduce_sum(cnns.clipped_cross_entropy(truth, outputs))
    gradient = tape.gradient(loss, outputs).numpy()[:, 0]
    assert (gradient[[0, 3]] == 0).all()
    assert (gradient[[1, 2]] != 0).all()


@pytest.fixture
def repeated():
    generator = np.random.default_rng(3)
    of = Talk(LABELS, np.arange(64), np.arange(64, COUNT), [(np.arange(54), np.arange(54, 64))])
    album = SimpleNamespace(name="toy | photos", of=of)
    groups = tuple(range(16))
    right = [generator.random(16) < share for share in (0.6, 0.9, 0.9)]
    titles = ("from scratch: CNN 1", "transfer learning: toy, linear head", "augmentation: toy, linear head, 2 views")
    steps = [Step(title, "toy run", Right(of, groups)) for title, of in zip(titles, right, strict=True)]
    spread = Spread(*(generator.random((3, 5)) for _ in range(3)))
    said = Estimate(0.9, Interval(0.8, 0.95))
    rows = [
        Row("from scratch, CNN 1", (said, 37), Spread(*np.full((3, 1, 1), 0.5)), said, Right(right[0], groups)),
        Row("toy, head 1", (None, None), spread, said, Right(right[1], groups)),
        Row("toy, augmented, head 2", (said, 57), spread, said, Right(right[2], groups)),
        Row("three labels, head 1", (None, None), None, said, Right(right[2], groups)),
    ]
    costs = [
        CostRow("toy, transfer", off, generator.random(3), generator.random(3))
        for off in ((), ("relu_output",), ("relu_output", "raw_features"))
    ]
    return Repeated(album, rows, costs, steps)


def test_tables_and_picture(repeated):
    tables = {table.name: table for table in photo_tables.every(repeated, 3)}
    assert list(tables) == ["steps", "rows", "costs"]
    assert tables["steps"].rows[0][2] == ""
    assert "McNemar" in tables["steps"].rows[1][2] or "the same" in tables["steps"].rows[1][2]
    assert [row[1] for row in tables["rows"].rows] == ["90.0 %, test 37/60", "–", "90.0 %, test 57/60", "–"]
    assert tables["rows"].rows[0][2:4] == ["50.0 %", "50.0 %"]  # one seed has no spread
    assert tables["rows"].rows[3][2] == photo_tables.TWO
    assert [row[1] for row in tables["costs"].rows] == ["nothing: as published", "relu_output", "all of these"]
    for table in tables.values():
        assert len(table.data) == len(table.rows)
        assert all(len(row) == len(table.head) for row in table.rows)
    assert photo_tables.slide(repeated).startswith(b"\x89PNG")


def test_networks_of_the_benchmark_are_the_talks():
    assert [shape.title for shape in scratch.CNNS.values()] == ["16-32", "16-32, hidden 16", "16-32-64, hidden 20"]
