"""The author's stored arrays and heads: both layouts, his own results, and what is refused."""

import h5py
import numpy as np
import pytest

from catml.errors import InputError
from experiments.talk import arrays, author, published

NASNET = 4032


@pytest.fixture
def talk(shared):
    return shared / "talk"


def write_head(path, *sizes, activation="relu", value=0.0):
    """Write Dense layers of these sizes as Keras 2 did; all weights are `value`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = [f"dense_{number}" for number in range(1, len(sizes))]
    config = [{"class_name": "Dense", "config": {"activation": activation}} for _ in layers]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = str({"config": {"layers": config}}).replace("'", '"')
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dropout_1", *(name.encode() for name in layers)]
        group.create_group("dropout_1").attrs["weight_names"] = np.array([], "S1")
        for name, rows, units in zip(layers, sizes, sizes[1:], strict=False):
            layer = group.create_group(name)
            layer.create_dataset(f"{name}/kernel:0", data=np.full((rows, units), value, np.float32))
            layer.create_dataset(f"{name}/bias:0", data=np.full(units, value, np.float32))
            layer.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]


def refused(folder):
    with pytest.raises(InputError) as caught:
        author.read(str(folder))
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_authors_heads_are_right_and_wrong_where_his_files_say(talk):
    stored = author.read(str(talk))
    found = arrays.author_heads(stored, arrays.talk())
    assert {key: (tested.count, tested.wrong) for key, tested in found.items()} == {
        "nasnetlarge_head_1": (55, [8, 10, 11, 21, 44]),
        "nasnetlarge_augmented_2": (57, [10, 11, 27]),
    }
    assert list(stored.features) == ["inceptionresnetv2", "xception"]
    assert len(stored.missing) == 1
    assert "nasnet_bottleneck.npy" in stored.missing[0]


def test_a_clone_of_his_repository_is_understood(talk, tmp_path):
    places = {
        "inception_bottleneck.npy": "data/bottleneck_features/inception_bottleneck.npy",
        "nasnet_test_bottleneck.npy": "data/bottleneck_features/test_bottleneck.npy",
        "head_nasnet_1.hdf5": "models/transfer_learning/weights.best.nasnet_1.hdf5",
        "head_nasnet_augmented_2.hdf5": "models/data_augmentation/weights.best.nasnet_2.hdf5",
    }
    for name, place in places.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).symlink_to(talk / name)
    write_head(tmp_path / "models/transfer_learning/weights.best.xception_3.hdf5", 1000, 10, 1)
    write_head(tmp_path / "models/transfer_learning/weights.best.inception_3.hdf5", 1536, 10, 1, value=1.0)
    stored = author.read(str(tmp_path))
    assert list(stored.features) == ["inceptionresnetv2"]
    assert any(line.startswith("Xception's features") for line in stored.missing)
    found = arrays.author_heads(stored, arrays.talk())
    # Xception's head has nothing to be tested on; one that always says cat 1 is right for half of the photos.
    assert {key: tested.count for key, tested in found.items()} == {
        "nasnetlarge_head_1": 55,
        "nasnetlarge_augmented_2": 57,
        "inceptionresnetv2_head_3": 30,
    }


def test_a_made_up_head():
    width = published.BACKBONES[0].width
    kernel = np.zeros((width, 2), np.float32)
    kernel[0], kernel[1] = (1, 0), (0, 1)
    last = np.array([[1], [-2]], np.float32)
    layers = ((kernel, np.array([0, -1], np.float32)), (last, np.array([0.25], np.float32)))
    head = author.StoredHead(published.BACKBONES[0], 2, False, layers)
    features = np.zeros((4, width), np.float32)
    features[:, :2] = [[0.5, 0], [0.5, 1.5], [-3, 0], [1, 0.5]]
    # ReLU between: 1.5 - 1 counts twice against, 0.5 - 1 not at all; and at the end: nothing below zero.
    assert head.outputs(features).tolist() == [0.75, 0, 0.25, 1.25]


def test_nothing_given_is_nothing_found():
    stored = author.read("")
    assert not stored.features
    assert not stored.heads
    assert len(stored.missing) == 6
    assert all(published.REPOSITORY in line or "that repository" in line for line in stored.missing)


def test_everything_wrong_is_said_at_once(tmp_path):
    np.save(tmp_path / "nasnet_bottleneck.npy", np.zeros((400, NASNET)))
    np.save(tmp_path / "inception_bottleneck.npy", np.full((400, 1536), np.nan, np.float32))
    np.save(tmp_path / "xception_bottleneck.npy", np.zeros((400, 1000), np.float32))
    (tmp_path / "nasnet_test_bottleneck.npy").write_bytes(b"\x93NUMPY\x01\x00 cut")
    (tmp_path / "head_nasnet_1.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n cut")
    write_head(tmp_path / "head_nasnet_2.hdf5", NASNET, 10, 2)
    write_head(tmp_path / "head_nasnet_3.hdf5", 1536, 1)
    write_head(tmp_path / "head_nasnet_augmented_1.hdf5", NASNET, 1, value=np.inf)
    write_head(tmp_path / "head_nasnet_augmented_2.hdf5", NASNET, 1, activation="sigmoid")
    said = refused(tmp_path)
    assert [problem.split(":")[0] for problem in said] == [
        "nasnet_bottleneck.npy",
        "inception_bottleneck.npy",
        "xception_bottleneck.npy",
        "nasnet_test_bottleneck.npy",
        "head_nasnet_1.hdf5",
        "head_nasnet_2.hdf5",
        "head_nasnet_3.hdf5",
        "head_nasnet_augmented_1.hdf5",
        "head_nasnet_augmented_2.hdf5",
    ]
    assert "found float64 (400, 4032)" in said[0]
    assert "614400 of its values are no numbers" in said[1]
    assert "rows sum to 1" in said[2]
    assert "damaged" in said[3]
    assert "damaged" in said[4]
    assert "found kernels [(4032, 10), (10, 2)]" in said[5]
    assert "from 4032 features" in said[6]
    assert "weights that are no numbers" in said[7]
    assert "found sigmoid" in said[8]


def test_objects_in_an_array_are_not_loaded(tmp_path):
    np.save(tmp_path / "inception_bottleneck.npy", np.array([{}], object), allow_pickle=True)
    (said,) = refused(tmp_path)
    assert "not a NumPy array, or damaged" in said


def test_the_same_thing_twice(tmp_path):
    for name in ("nasnet_test_bottleneck.npy", "data/bottleneck_features/test_bottleneck.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / name, np.zeros((60, NASNET), np.float32))
    write_head(tmp_path / "head_nasnet_1.hdf5", NASNET, 1)
    write_head(tmp_path / "models/transfer_learning/weights.best.nasnet_1.hdf5", NASNET, 1)
    assert [problem.split(" ")[0] for problem in refused(tmp_path)] == ["bottlenecks:", "bottlenecks:"]


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert published.REPOSITORY in refused(tmp_path)[0]
    assert "there is no folder" in refused(tmp_path / "nowhere")[0]
