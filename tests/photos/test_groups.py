"""Which photos are joined to groups, and why."""

import numpy as np
import pandas as pd
import pytest

from catml.errors import InputError
from catml.photos import groups as groups_module
from catml.photos.groups import (
    BORDERLINE,
    BURST_SECONDS,
    MOST_IN_A_SECOND,
    RADIUS,
    alike_in_features,
    find_borderline,
    find_links,
    group,
)
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
    return group(table, find_links(table)).tolist()


def links_of(table):
    found = zip(*(column.tolist() for column in find_links(table)), strict=True)
    return {(first, second, reason, bits) for first, second, reason, bits in found}


def test_photos_like_no_other_are_groups_of_their_own():
    table = table_of(*[{}] * 40)
    assert links_of(table) == set()
    assert groups_of(table) == table["pixels_sha256"].tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_photos(count):
    table = table_of(*[{}] * count)
    links = find_links(table)
    groups = group(table, links)
    assert [len(column) for column in (*links, *find_borderline(table, groups))] == [0] * 7
    assert len(groups) == count


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
    links = find_links(near)
    assert len(links.first) == 0
    groups = group(near, links)
    assert len(set(groups)) == 3
    assert [column.tolist() for column in find_borderline(near, groups)] == [[0], [2], [RADIUS + 1]]
    far = table_of({"phash": 0}, {"phash": flipped(BORDERLINE + 1)})
    assert len(find_borderline(far, group(far, find_links(far))).first) == 0


def test_borderline_pairs_of_one_group_are_not_told():
    table = table_of({"phash": 0, "group": "g"}, {"phash": flipped(RADIUS + 1), "group": "g"})
    assert len(find_borderline(table, group(table, find_links(table))).first) == 0


def test_borderline_pairs_come_nearest_first():
    table = table_of({"phash": 0}, {"phash": flipped(BORDERLINE)}, {"phash": flipped(RADIUS + 2)})
    distances = find_borderline(table, group(table, find_links(table))).distance.tolist()
    assert distances == sorted(distances)
    assert distances[0] < BORDERLINE


@pytest.mark.parametrize("radius", [0, BORDERLINE, 30])
def test_another_radius(radius):
    table = table_of({"phash": 0}, {"phash": flipped(radius)})
    assert find_links(table, radius).bits.tolist() == [radius]


def test_given_groups_win():
    table = table_of(
        {"phash": 0, "group": "a"},
        {"phash": 0, "group": "b"},
        {"phash": 0},
        {},
        {"group": "a"},
    )
    assert groups_of(table) == ["a", "b", "a", table["pixels_sha256"][3], "a"]


def directions(*angles):
    """Return features that lie at these angles around a circle, and their mirror images, so that their mean is zero."""
    turned = np.radians([*angles, *(angle + 180 for angle in angles)])
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def clusters_of(features, labels, threshold):
    table = pd.DataFrame({"pixels_sha256": [f"{n:064x}" for n in range(len(labels))]})
    names = group(table, alike_in_features(features, pd.Series(labels), threshold))
    return sorted(sorted(rows.tolist()) for rows in pd.Series(range(len(labels))).groupby(names).indices.values())


def test_photos_of_one_label_whose_features_are_alike_are_joined():
    features = directions(0, 5, 10, 90)
    assert clusters_of(features, ["cat"] * 4 + ["dog"] * 4, 0.9) == [[0, 1, 2], [3], [4, 5, 6], [7]]
    assert clusters_of(features, ["cat", "dog", "cat", "cat"] * 2, 0.9) == [[0, 2], [1], [3], [4, 6], [5], [7]]


def test_chains_of_features_are_cut():
    """Each photo is alike to the next, the first and the last are opposites."""
    found = clusters_of(directions(*range(0, 180, 20)), ["cat"] * 9 + ["dog"] * 9, 0.9)
    assert max(map(len, found)) <= 3
    assert len(found) > 6


def test_groups_by_features_do_not_depend_on_the_order():
    features, labels = directions(0, 8, 16, 60, 65, 120), ["cat"] * 6 + ["dog"] * 6
    order = np.random.default_rng(0).permutation(12)
    expected = clusters_of(features, labels, 0.9)
    found = clusters_of(features[order], [labels[row] for row in order], 0.9)
    assert sorted(sorted(order[rows].tolist()) for rows in found) == expected


def test_too_long_a_chain_is_refused(monkeypatch):
    monkeypatch.setattr(groups_module, "LARGEST_CHAIN", 2)
    with pytest.raises(
        InputError, match=r"^cosine: from 0.9, 3 photos of one label hang together. Choose a larger one."
    ):
        clusters_of(directions(0, 5, 10), ["cat"] * 3 + ["dog"] * 3, 0.9)


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
