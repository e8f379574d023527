"""The page has every section, whatever labels and files are called, and needs nothing but itself."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catml import config, pipeline
from catml.assessment import assess
from catml.backbones.registry import Backbone, Preprocessing
from catml.backbones.store import FeatureStore
from catml.backbones.weights import Weights, load
from catml.conclusion import Result
from catml.gate import Verdict
from catml.learning import Wanted, learn
from catml.photos.findings import examine
from catml.photos.views import AS_IS
from catml.pipeline import Found
from catml.preparation import load as load_data
from catml.preparation import prepare
from catml.report.page import render
from catml.sources import Source
from catml.strangers import Strangers
from catml.train import nested
from tests.pages import Page

NASTY = '<b>ants & "bees"'
COLOURS = {NASTY: (210, 40, 40), "Kätzchen 🐈": (40, 60, 200), "plain": (60, 190, 70)}
SECTIONS = ["compared", "unsure", "heads", "confusion", "mistakes", "labels", "curve", "reliability", "looked",
            "left-out", "repeat"]  # fmt: skip
WANTED = Wanted(1, 0.95, {"tiny": 0.01})


def lacking(text):
    """Return the sections that a page lacks, or has at the wrong place, or has without anything in them."""
    names = re.findall(r'<section id="([\w-]+)"><h2>[^<]+</h2>\s*(?!\s|</section>)', text)
    return [name for number, name in enumerate(SECTIONS) if names[number : number + 1] != [name]]


def tiny():
    """A backbone whose features are mixtures of the colours of a photo."""
    import keras

    def build():
        return keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(12, 2, 2, activation="relu")])

    return Backbone(
        "tiny", 16, 12, Preprocessing(127.5, 127.5), 0.1, None, 1, 1, "none", 0.01, build, lambda *_: None, None
    )


def paint(folder):
    generator = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(16):
            pixels = generator.normal(colour, 50, (24, 32, 3)).clip(0, 255).astype(np.uint8)
            name = f"{number}.png" if number else "a 'quoted' & <i> ü 🐈.png"
            Image.fromarray(pixels).save(folder / label / name)
    (folder / "plain" / "broken <i>.png").write_bytes(b"no photo")
    return folder


def study(folder, data_folder, **given):
    """Return what `render` takes, as a small study makes it, and the colours of its photos."""
    texts = {"photos": str(folder), "trials": "4", "repeats": "1", "space": "hidden=0", "skip_broken": "true"}
    values, problems = config.read_parameters("train", texts | given)
    assert problems == []
    checked = examine(folder, data_folder / "photos", 10, skip_broken=True)
    store = FeatureStore(data_folder / "features", {"backbone": "tiny"}, 12)
    weights, backbone = Weights("random", None, "random-0"), tiny()
    source = Source(backbone, weights, {AS_IS: store}, {}, network=load(backbone, weights))
    prepared = prepare(Found(checked, (source,), (), {"tiny": ("tiny",)}), values)
    pipeline.extract(prepared.found)
    data, colours = load_data(prepared.found, prepared.splits), pipeline.colours(prepared.found)
    sweep = prepared.sweep(data.material)
    trials = sweep.run(values["trials"], lambda trial: None)
    learnt = learn(trials, sweep, data.splits["group"].tolist(), WANTED)
    if prepared.is_nested:
        assessed = nested(prepared, data, colours, values["trials"], WANTED)
    else:
        assessed = assess(learnt, data, colours, 0)
    passed = Verdict(True, "it lies above")
    return prepared, data, Result(trials, learnt, assessed, None, (), 0.25, 1, passed, passed, 3), values


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("report") / "photos")


@pytest.fixture(scope="module")
def studies(folder, tmp_path_factory):
    """A study with a test, and a nested one."""
    data_folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATML_DATA", str(data_folder))
        return {
            "test": study(folder, data_folder, nested="false"),
            "nested": study(folder, data_folder, nested="true", trials="2"),
        }


def with_mistakes(prepared, data, result, values):
    """The same, but the labels of two test photos and of two photos learnt from are not what they were."""
    classes = len(data.labels)
    labels, rows = result.assessed.labels.copy(), result.learnt.rows[:2]
    labels[:2] = (labels[:2] + 1) % classes
    numbers = data.material.labels.copy()
    numbers[rows] = (numbers[rows] + 1) % classes
    changed = replace(data, material=replace(data.material, labels=numbers))
    return prepared, changed, replace(result, assessed=replace(result.assessed, labels=labels)), values


@pytest.fixture(scope="module")
def clean(studies):
    return Page(render(*studies["test"])[0])


@pytest.fixture(scope="module")
def wrong(studies):
    return Page(render(*with_mistakes(*studies["test"]))[0])


def test_every_section_is_there(clean, wrong):
    assert lacking(clean.raw) == []
    assert lacking(wrong.raw) == []


@pytest.mark.parametrize("lost", SECTIONS)
def test_a_lost_section_would_be_noticed(wrong, lost):
    without = re.sub(rf'<section id="{lost}">.*?</section>', "", wrong.raw, flags=re.DOTALL)
    empty = re.sub(rf'(<section id="{lost}"><h2>[^<]+</h2>).*?</section>', r"\1</section>", wrong.raw, flags=re.DOTALL)
    assert lost in lacking(without)
    assert lost in lacking(empty)


def test_nothing_is_fetched(wrong):
    assert not re.search(r"https?:|@import|<link|<script|<iframe", wrong.raw)
    for tag, attributes in wrong.tags:
        assert tag != "img" or attributes["src"].startswith("data:image/jpeg;base64,")
        assert attributes.get("href", "#").startswith("#"), tag
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", wrong.raw))


def test_names_of_things_are_told_apart(wrong):
    names = [attributes["id"] for _, attributes in wrong.tags if "id" in attributes]
    assert len(set(names)) == len(names)
    used = re.findall(r"url\(#([^)]*)\)", wrong.raw)
    used += [value[1:] for _, given in wrong.tags for key, value in given.items() if key.endswith("href")]
    assert set(used) <= set(names)


def test_nasty_names_are_shown_and_do_nothing(wrong):
    assert "<b>ants" not in wrong.raw
    assert f"{NASTY}/a 'quoted' & <i> ü 🐈.png" in " ".join([wrong.text, *map(str, alts(wrong))])
    assert NASTY in wrong.text
    assert "Kätzchen 🐈" in wrong.text
    assert not any(tag in ("b", "i") for tag, _ in wrong.tags)
    wrong.raw.encode()


def alts(page):
    return [attributes["alt"] for tag, attributes in page.tags if tag == "img"]


def test_mistakes_have_their_pictures(wrong):
    assert "Every mistake (2)" in wrong.text
    assert sum(alt.startswith("Heat map of") for alt in alts(wrong)) >= 3
    for tag, attributes in wrong.tags:
        if tag == "img":
            picture = Image.open(io.BytesIO(base64.b64decode(attributes["src"].partition(",")[2])))
            assert picture.size > (1, 1)
    assert "Most suspicious labels (2)" in wrong.text
    assert "most like it, learnt from" in wrong.text


def test_no_mistake_is_no_promise(clean):
    assert "Of 9 photos it had never seen, it got all right." in clean.text
    assert "Every mistake (0)" in clean.text
    assert "That does not mean that there will never be one" in clean.text
    assert "Twice the photos would add hardly anything" in clean.text


def test_what_was_left_out_and_how_to_repeat_it(clean, folder):
    assert "plain/broken <i>.png" in clean.text
    assert "not an image of a known format" in clean.text
    assert "--skip-broken true" in clean.text
    assert f"--photos {folder}" in clean.text
    assert "seed 42" in clean.text


def test_nested_keeps_no_photos_back(studies):
    page = Page(render(*studies["nested"])[0])
    assert lacking(page.raw) == []
    assert "48 photos were each answered by a classifier that had not learnt from them" in page.text
    assert "kept back for the test" not in page.text


def test_looks_and_refusal_are_loud(studies, clean):
    prepared, data, result, values = studies["test"]
    refused = replace(result, looks=3, verdict=Verdict(False, "too bad"), place=None, version=None)
    page = Page(render(prepared, data, refused, values)[0])
    assert "The test photos were looked at 2 times before this run" in page.text
    assert "Not registered: too bad." in page.text
    assert 'class="verdict bad"' in page.raw
    assert "Not the first look" not in clean.text
    assert "Registered as catml, version 3, alias champion" in clean.text


def test_strangers_that_were_answered_are_shown(studies, folder):
    paths = [f"{NASTY}/1.png", "plain/1.png", "plain/2.png"]
    table = pd.DataFrame(
        {"path": paths, "answer": ["plain"] * 3, "probability": [0.6, 0.9, 0.8], "similarity": 0.9}
    ).assign(unsure=[False, False, True])
    prepared, data, result, values = studies["test"]
    page = Page(
        render(prepared, data, replace(result, strangers=Strangers(table, 0, 0)), {**values, "other": folder})[0]
    )
    section = Page(re.search(r'<section id="unsure">.*?</section>', page.raw, re.DOTALL)[0])
    assert alts(section) == ["plain/1.png", f"{NASTY}/1.png"]
    assert "Of 3 photos of something else, 2 are answered" in section.text


def test_photo_that_is_gone_is_named(studies, tmp_path):
    prepared, data, result, values = with_mistakes(*studies["test"])
    listing = replace(prepared.found.checked.listing, folder=tmp_path)
    elsewhere = replace(
        prepared, found=replace(prepared.found, checked=replace(prepared.found.checked, listing=listing))
    )
    page = Page(render(elsewhere, data, result, values)[0])
    assert lacking(page.raw) == []
    assert alts(page) == []
    assert data.splits["path"].iloc[result.assessed.rows[0]] in page.text


def test_figures_are_there_as_pictures(studies):
    _, figures = render(*studies["test"])
    assert list(figures) == ["heads.png", "curve.png", "reliability.png"]
    assert all(Image.open(io.BytesIO(picture)).width > 500 for picture in figures.values())
