"""What the talk's tables and pictures say where something is missing, and where it isn't."""

import numpy as np
import pytest

from experiments.talk import arrays, author, picture, tables
from experiments.talk.rows import DEAD, Interval, Spread, Tested, TestRow, ValidationRow, of_one_split, of_splits

EMPTY = arrays.results(author.read(""), 2, 42)
ACCURACY = np.array([[0.9, 0.9, 0.9, 25 / 51, 26 / 51], [0.9, 0.8, 0.9, 0.8, 0.9]])


def spread(accuracy=ACCURACY):
    return Spread(accuracy, accuracy, accuracy)


def test_nothing_at_hand_is_said_and_not_invented():
    found = {table.name: table for table in tables.every(EMPTY, 2)}
    assert set(found) == {"validation", "test", "mistakes"}
    rows = found["validation"].rows
    assert len(rows) == 15
    assert all(row[2].startswith("missing: ") and row[5].startswith("missing: ") for row in rows)
    assert rows[0][1] == "95.3 % [91.5, 99.1]"
    assert found["test"].rows[0][1] == "37/60 = 61.7 % [49.0, 72.9]"
    assert all(cell.startswith("missing: ") for row in found["test"].rows for cell in row[2:])
    assert found["validation"].data[["reproduced", "corrected"]].isna().all(axis=None)
    assert "94.0 in the talk's table" in found["validation"].text()


def test_a_spread():
    given = spread()
    assert given.dead == 0.2
    assert given.living == pytest.approx(0.875)
    assert given.means == pytest.approx([0.74, 0.86])
    assert DEAD[0] < 25 / 51 < 26 / 51 < DEAD[1]


def test_chance_of_a_mean_by_every_choice_of_fits():
    """Two fits of two splits make four means: 0, 1/2 twice, and 1 (of 51 photos)."""
    given = spread(np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert [given.chance(share) for share in (0.0, 0.5, 1.0, 0.25)] == [0.5, 1.0, 0.5, 0.5]
    assert given.holds(1.0)
    assert not spread(np.array([[0.0, 0.0], [0.5, 0.5]])).holds(1.0)


def test_intervals():
    assert of_one_split(34 / 51).interval == pytest.approx((0.530, 0.780), abs=1e-3)
    # sd .02, times sqrt(1/5 + 51/289), times Student's 2.776
    assert of_splits((0.90, 0.92, 0.94, 0.94, 0.95)).interval == pytest.approx((0.896, 0.964), abs=1e-3)
    assert of_splits((1.0,) * 5).interval == (1.0, 1.0)
    assert of_splits((0.9, 1.0, 1.0, 1.0, 1.0)).interval.high == 1


def test_a_cell_outside_is_called_so_only_with_enough_seeds():
    row = ValidationRow("xception_head_1", "Xception, head 1", of_one_split(0.5), spread(), of_splits((0.9,) * 5))
    for seeds, answer in ((2, "no, but few seeds (p = 0)"), (20, "no (p = 0)")):
        (text,) = tables.validation([row], seeds).rows
        assert text[2:] == ["80.0 ± 8.5 % (74.0 to 86.0)", "20.0 %", answer, "90.0 % [90.0, 90.0]"]


def test_pictures_are_small_and_say_the_same_every_time():
    rows = [
        ValidationRow(f"xception_head_{n}", f"Xception, head {n}", of_one_split(0.5), spread(), of_splits((0.9,) * 5))
        for n in (1, 2, 3)
    ]
    tested = Tested(np.arange(60) > 2)
    slide = [TestRow("benchmark_1", "from scratch", 37)], [TestRow("x", "Xception, head 1", corrected=tested)]
    for draw in (
        lambda: picture.cells(rows, 2),
        lambda: picture.cells(EMPTY.validation, 2),
        lambda: picture.last_slide(*slide),
    ):
        data = draw()
        assert data.startswith(b"\x89PNG")
        assert len(data) < 150_000
        assert draw() == data


def test_markdown_and_plain_numbers():
    table = tables.test([TestRow("x", "X", 57, Tested(np.arange(60) > 2), None, None)], 3)
    assert (
        "| X | 57/60 = 95.0 % [86.3, 98.3] | 57/60 = 95.0 % [86.3, 98.3], wrong at 0 1 2 (the author's own head) |"
        in (table.markdown())
    )
    assert table.data.loc[0, "reproduced_wrong"] == "0 1 2"
    assert table.data.loc[0, "published"] == 57
    assert Interval(0.1, 0.2).low == 0.1
