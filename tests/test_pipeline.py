"""What a command has to work with: every input checked, all problems at once, each photo once."""

import shutil

import pytest

from catml import cli, config, pipeline
from catml.errors import InputError
from catml.photos.findings import group_notes
from catml.photos.views import AS_IS, MIRRORED

VALUES = {"backbones": ("efficientnet-lite0",), "weights": ""}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=12, dog=12)


def problems_of(values):
    with pytest.raises(InputError) as caught:
        pipeline.find(values)
    return list(caught.value.problems)


def test_copies_count_once_and_names_do_not_matter(photos, tmp_path):
    plain = pipeline.find(VALUES | {"photos": str(photos)})
    renamed = tmp_path / "renamed"
    shutil.copytree(photos, renamed)
    for number, photo in enumerate(sorted(renamed.glob("*/*.png"), reverse=True)):
        photo.rename(photo.with_name(f"{number:02d}.png"))
    for number in range(5):
        shutil.copy(next((renamed / "cat").iterdir()), renamed / "cat" / f"copy{number}.png")
    found = pipeline.find(VALUES | {"photos": str(renamed)})
    assert "5 files are exact copies of others; each photo counts once" in found.checked.notes
    columns = ["label", "group", "pixels_sha256"]
    assert found.table[columns].equals(plain.table[columns])


def test_problems_of_photos_backbones_and_weights_at_once(tmp_path):
    values = {
        "photos": str(tmp_path / "nowhere"),
        "backbones": ("xeption", "efficientnet-lite0"),
        "weights": "nonsense,efficientnet-lite0=nowhere.pth,nasnetlarge=x.h5",
    }
    problems = problems_of(values)
    assert [problem.split(".")[0][:60] for problem in problems] == [
        "weights: expected NAME=PATH, got 'nonsense'",
        "backbones: no 'xeption'",
        "weights: efficientnet-lite0=nowhere",
        "weights: given for 'nasnetlarge', which is not among backbon",
        f"photos: there is no folder or table '{tmp_path / 'nowhere'}'"[:60],
    ]


def test_nothing_is_added_to_the_drawn_sample(photos):
    with pytest.raises(InputError) as caught:
        pipeline.look("sample", False, str(photos))
    assert "new_photos: there is nothing of yours to add them to" in caught.value.problems[0]


def test_weights_of_another_network_are_refused_before_any_work(photos, tmp_path):
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not weights at all")
    values = VALUES | {"photos": str(photos), "weights": f"efficientnet-lite0={wrong}"}
    (problem,) = problems_of(values)
    assert problem.startswith(f"weights of efficientnet-lite0: {wrong}: ")
    assert not (tmp_path / "data" / "features").exists()


def test_auto_leaves_out_what_is_not_here(photos):
    found = pipeline.find({"photos": str(photos), "backbones": (config.AUTO,), "weights": ""})
    names = [source.backbone.name for source in found.sources]
    assert "efficientnet-lite0" in names
    assert {"xception", "nasnetlarge", "inceptionresnetv2"} <= {backbone.name for backbone in found.left_out}
    assert not set(names) & {backbone.name for backbone in found.left_out}


def test_look_alikes_under_two_labels_are_noted(photos):
    from catml.photos.sample import draw_photo

    draw_photo("kuki", 0).save(photos / "cat" / "kuki.jpg", quality=95)
    draw_photo("kuki", 0).save(photos / "dog" / "kuki.jpg", quality=60)
    checked = pipeline.find(VALUES | {"photos": str(photos)}).checked
    assert (
        "cat/kuki.jpg and dog/kuki.jpg look alike or are of one moment, but have different labels: is one mislabelled?"
        in group_notes(checked.photos, checked.links)
    )


def table_of(photos, column, values):
    """Write a table of the photos in which each has a value of its own in one more column."""
    files = sorted(photos.glob("*/*.png"))
    rows = [f"{file.relative_to(photos)},{file.parent.name},{value}" for file, value in zip(files, values, strict=True)]
    table = photos / "photos.csv"
    table.write_text("\n".join([f"path,label,{column}", *rows]))
    return str(table)


def test_the_split_of_a_folder_is_remembered_and_that_of_a_user_is_not(photos):
    splits, sides = pipeline.decide(pipeline.look(str(photos), False), 0.2, 42)
    assert sides.parent == config.data_folder() / "splits"
    assert set(splits["split"]) == {"test", *"01234"}
    given = ["test", "test", *["train"] * 10] * 2
    splits, sides = pipeline.decide(pipeline.look(table_of(photos, "split", given), False), 0.5, 1)
    assert sides is None
    tested = splits.loc[splits["split"] == "test", "path"].tolist()
    assert sorted(tested) == ["cat/cat00.png", "cat/cat01.png", "dog/dog00.png", "dog/dog01.png"]


def test_groups_by_features_keep_given_groups_and_labels_apart(photos):
    given = ["mine", "mine", *[""] * 10, *[""] * 12]
    checked = pipeline.look(table_of(photos, "group", given), False)
    everything = pipeline.group_by_features(checked, 0.0001).photos
    nothing = pipeline.group_by_features(checked, 1.0).photos
    assert nothing["group"].value_counts().tolist() == [2, *[1] * 22]
    assert everything["group"].nunique() < nothing["group"].nunique()
    assert everything.groupby("group")["label"].nunique().max() == 1
    assert everything.loc[everything["group"] == "mine", "path"].isin(["cat/cat00.png", "cat/cat01.png"]).sum() == 2


def test_sets_of_backbones_share_their_sources(photos):
    names = ("efficientnet-lite0", "efficientnet-lite2+efficientnet-lite0")
    found = pipeline.find({"photos": str(photos), "backbones": names, "weights": "efficientnet-lite2=random"})
    assert [source.backbone.name for source in found.sources] == ["efficientnet-lite0", "efficientnet-lite2"]
    assert found.sets == {
        "efficientnet-lite0": ("efficientnet-lite0",),
        "efficientnet-lite2+efficientnet-lite0": ("efficientnet-lite2", "efficientnet-lite0"),
    }


def test_weights_may_be_given_for_a_part_of_a_set_and_no_other(photos):
    values = {"photos": str(photos), "backbones": ("efficientnet-lite0+xeption",), "weights": "nasnetlarge=random"}
    unknown, misplaced = problems_of(values)
    assert unknown.startswith("backbones: no 'xeption'. Did you mean 'xception'?")
    assert misplaced == (
        "weights: given for 'nasnetlarge', which is not among backbones=efficientnet-lite0+xeption. Add or drop it."
    )


def test_mirror_images_have_a_store_of_their_own(photos, capsys):
    (plain,) = pipeline.find(VALUES | {"photos": str(photos)}).sources
    found = pipeline.find(VALUES | {"photos": str(photos), "mirrored": True})
    (both,) = found.sources
    assert (list(plain.stores), list(both.stores)) == ([AS_IS], [AS_IS, MIRRORED])
    assert plain.store.folder == both.store.folder != both.stores[MIRRORED].folder
    pipeline.announce(found)
    assert "features of 0 photos and their mirror images at hand, 48 to extract" in capsys.readouterr().out


def test_trouble_of_the_machine_is_one_line(photos, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "file"))
    assert cli.main(["extract", "--photos", str(photos), "--backbones", "efficientnet-lite0"]) == 1
    complaint = capsys.readouterr().err
    assert "\ncatml: NotADirectoryError: " in complaint
    assert "Traceback" not in complaint


def test_mistakes_of_our_own_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(pipeline, "find", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["extract"])
