"""The section on photos that came later."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from catml.newcomers import meet
from catml.report.page import render
from tests.pages import Page
from tests.report.test_report_page import COLOURS, lacking, paint, study

BLACK = "new & <b>black.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of coloured photos and of black ones that came later, as `render` takes it."""
    folder, later = paint(tmp_path_factory.mktemp("photos") / "first"), tmp_path_factory.mktemp("later")
    for number, label in enumerate([*COLOURS] * 2):
        pixels = np.random.default_rng(number).integers(0, 20, (24, 32, 3)).astype(np.uint8)
        (folder / label).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / label / f"{number} {BLACK}")
    data_folder = later / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATML_DATA", str(data_folder))
        prepared, data, result, values = study(folder, data_folder, nested="false")
        came = {path: f"<table {path[0]}>.csv" for path in data.splits["path"] if path.endswith(BLACK)}
        listing = replace(prepared.found.checked.listing, added=came)
        newcomers = meet(listing, data, result.learnt, result.assessed, None)
        return prepared, data, replace(result, newcomers=newcomers), values


def test_what_is_said_and_shown(made):
    page = Page(render(*made)[0])
    (everyone, *parts) = made[2].newcomers
    assert everyone.looks_unlike
    assert "The 6 photos that came later look unlike the old ones: " in page.text
    assert ("a", {"href": "#new"}) in page.tags
    section = page.raw.partition('<section id="new">')[2].partition("</section>")[0]
    assert section.count('<article class="case">') == 6
    assert section.count("<img") == 18  # each of the six, and two old ones beside it
    assert section.count("Unlike all old ones.") == everyone.drift.strange.sum() > 0
    assert section.count("<tr><th") == 1 + 1 + len(parts)
    for part in parts:
        assert part.name.replace("<", "&lt;").replace(">", "&gt;") in section
    names = [figure for figure in Page(section).tags if figure[0] == "img"]
    assert all(BLACK not in attributes["alt"] for _, attributes in names[1::3] + names[2::3])


def test_there_is_no_section_where_none_came_later(made):
    prepared, data, result, values = made
    page = Page(render(prepared, data, replace(result, newcomers=()), values)[0])
    assert 'id="new"' not in page.raw
    assert 'href="#new"' not in page.raw
    assert lacking(page.raw) == []
