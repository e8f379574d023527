"""Which photos are joined to groups, and why."""

import numpy as np
import pandas as pd
import pytest

from catml.photos.groups import BORDERLINE, BURST_SECONDS, MOST_IN_A_SECOND, RADIUS, find_links, group
from catml.photos.scan import COLUMNS

MIRROR = 0xAAAA_AAAA_AAAA_AAAA


def table_of(*photos):
    """Return a photo table; a photo is a dict of what differs from a fine photo like no other and without EXIF."""
    generator = np.random.default_rng(0)
    rows = []
    for number, photo in enumerate(photos):
        row = dict.fromkeys(COLUMNS, "") | {"width": 400, "height": 300, "orientation": 1, "size": 1, "mtime_ns": 1}
        row |= {"path": f"cat/{number}.jpg", "label": "cat", "pixels_sha256": f"{number:064x}", "flat": False}
        row["phash"] = int(generator.integers(2**64, dtype=np.uint64))
        row |= photo
        row["phash_mirrored"] = photo.get("phash_mirrored", row["phash"] ^ MIRROR)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"phash": np.uint64, "phash_mirrored": np.uint64, "flat": bool})


def shot(second, camera="Canon EOS", **more):
    return {"taken": f"2024-05-01T12:00:{second:09.6f}", "camera": camera} | more


def flipped(bits):
    """Return a hash that differs from 0 in so many bits."""
    return (1 << bits) - 1


def groups_of(table):
    return group(table, find_links(table)[0]).tolist()


def links_of(table):
    found = zip(*(column.tolist() for column in find_links(table)[0]), strict=True)
    return {(first, second, reason, bits) for first, second, reason, bits in found}


def test_photos_like_no_other_are_groups_of_their_own():
    table = table_of(*[{}] * 40)
    assert links_of(table) == set()
    assert groups_of(table) == table["pixels_sha256"].tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_photos(count):
    table = table_of(*[{}] * count)
    links, borderline = find_links(table)
    assert [len(column) for column in (*links, *borderline)] == [0] * 7
    assert len(group(table, links)) == count


def test_equal_pixels_are_one_group_even_where_flat():
    same = {"pixels_sha256": "a", "flat": True, "phash": 5}
    table = table_of({}, same, {}, same, same)
    assert links_of(table) == {(1, 3, "equal", 0), (3, 4, "equal", 0)}
    assert groups_of(table).count("a") == 3


@pytest.mark.parametrize("bits", [0, RADIUS])
def test_alike(bits):
    table = table_of({"phash": 0}, {}, {"phash": flipped(bits)})
    assert links_of(table) == {(0, 2, "alike", bits)}
    names = groups_of(table)
    assert names[0] == names[2] != names[1]


def test_mirrored():
    table = table_of({"phash": 123456789}, {"phash": 123456789 ^ MIRROR ^ 1})
    assert links_of(table) == {(0, 1, "alike", 1)}


def test_flat_photos_are_never_alike():
    table = table_of({"phash": 7, "flat": True}, {"phash": 7}, {"phash": 7, "flat": True}, {"phash": 6})
    assert links_of(table) == {(1, 3, "alike", 1)}


def test_borderline_pairs_are_told_and_not_joined():
    near = table_of({"phash": 0}, {}, {"phash": flipped(RADIUS + 1)})
    links, borderline = find_links(near)
    assert len(links.first) == 0
    assert [column.tolist() for column in borderline] == [[0], [2], [RADIUS + 1]]
    assert len(set(group(near, links))) == 3
    far = table_of({"phash": 0}, {"phash": flipped(BORDERLINE + 1)})
    assert len(find_links(far)[1].first) == 0


@pytest.mark.parametrize("radius", [0, BORDERLINE, 30])
def test_another_radius(radius):
    table = table_of({"phash": 0}, {"phash": flipped(radius)})
    links, borderline = find_links(table, radius)
    assert links.bits.tolist() == [radius]
    assert len(borderline.first) == 0


def test_burst_of_one_camera():
    table = table_of(shot(1), shot(2), shot(2 + BURST_SECONDS), shot(15))
    assert links_of(table) == {(0, 1, "burst", 0), (1, 2, "burst", 0)}
    names = groups_of(table)
    assert names[0] == names[1] == names[2] != names[3]


def test_fractions_of_seconds_count():
    assert links_of(table_of(shot(1.5), shot(4.4))) == {(0, 1, "burst", 0)}
    assert links_of(table_of(shot(1.5), shot(4.6))) == set()


def test_burst_in_any_order_of_rows_and_with_others_between():
    table = table_of(shot(14), shot(3, "Pixel"), shot(12), {}, shot(3.5))
    assert links_of(table) == {(2, 0, "burst", 0)}


def test_other_cameras_and_photos_without_time_are_no_burst():
    no_time = {"camera": "Canon EOS"}
    assert links_of(table_of(shot(1), shot(1, "Pixel 6"), shot(1, ""), no_time, no_time, {}, {})) == set()


@pytest.mark.parametrize(("count", "links"), [(MOST_IN_A_SECOND, MOST_IN_A_SECOND - 1), (30, 0)])
def test_a_second_with_more_photos_than_a_camera_takes_says_nothing(count, links):
    assert len(links_of(table_of(*[shot(7 + number / 100) for number in range(count)]))) == links


def test_clock_changes_and_dates_long_gone_are_time_like_any_other():
    times = ["0001-01-01T00:00:00", "0001-01-01T00:00:01", "2024-03-31T02:59:59", "2024-03-31T03:00:01"]
    table = table_of(*[{"taken": taken, "camera": "x"} for taken in times])
    assert links_of(table) == {(0, 1, "burst", 0), (2, 3, "burst", 0)}


def test_a_chain_of_links_is_one_group():
    """Equal to the second, which is alike to the third, which is of one moment with the fourth."""
    table = table_of(
        {"pixels_sha256": "f", "flat": True},
        {"pixels_sha256": "f", "phash": 0},
        shot(1, phash=1, pixels_sha256="c"),
        shot(2, pixels_sha256="e"),
        {"pixels_sha256": "d"},
    )
    assert {reason for _, _, reason, _ in links_of(table)} == {"equal", "alike", "burst"}
    assert groups_of(table) == ["c", "c", "c", "c", "d"]


def test_labels_do_not_keep_photos_apart():
    table = table_of({"phash": 0}, {"phash": 1, "label": "dog"})
    assert len(set(groups_of(table))) == 1


def test_groups_do_not_depend_on_order_names_or_index():
    generator = np.random.default_rng(5)
    photos = [shot(generator.integers(60)) | {"phash": flipped(int(generator.integers(64)))} for _ in range(15)]
    table = table_of(*photos, *[{"phash": 1 << 63}] * 3, *[{}] * 10)
    expected = dict(zip(table["pixels_sha256"], groups_of(table), strict=True))
    assert 1 < len(set(expected.values())) < len(table)
    for seed in range(5):
        other = table.sample(frac=1, random_state=seed).assign(path="x", label="y")
        assert dict(zip(other["pixels_sha256"], groups_of(other), strict=True)) == expected
