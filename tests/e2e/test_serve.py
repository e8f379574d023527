"""`catml serve`, the real command: over HTTP it says what `catml predict` says, and its page works in a browser."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.browser import CHROMIUM, Browser
from tests.e2e.conftest import BIN, Run, environment

FEW = ("--backbones", "efficientnet-lite0", "--trials", "1", "--nested", "false")


@pytest.fixture(scope="module")
def trained(colours: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    run("catml", "train", "--photos", colours, *FEW, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def served(trained: Path, home: Path) -> Iterator[Callable[..., tuple["subprocess.Popen[str]", str]]]:
    """Return a function that starts the command on a free port and waits until it says where it listens."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple["subprocess.Popen[str]", str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [str(BIN / "catml"), "serve", "--port", str(port), *options],
            cwd=trained, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[0].startswith("model      catml version 1: cyan, magenta, yellow; test "), lines
        assert lines[1] == f"serving    http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address(served: Callable[..., tuple["subprocess.Popen[str]", str]]) -> str:
    return served("--max-megabytes", "2")[1]


def ask(address: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_it_says_what_predict_says(address: str, colours: Path, run: Run, trained: Path) -> None:
    photos = [sorted(colours.glob("*/*.jpg"))[place] for place in (0, 21, 42, 59)]
    out = run("catml", "predict", *photos, "--format", "jsonl", cwd=trained).stdout
    for line in map(json.loads, out.splitlines()):
        status, said = ask(f"{address}/predict", Path(line["photo"]).read_bytes())
        assert status == 200
        assert (said["label"], said["unsure"]) == (line["label"], line["unsure"])
        assert said["probabilities"] == pytest.approx(line["probabilities"], abs=1e-5)
        assert len(said["nearest"]) == 3
        assert said["nearest"][0]["name"].endswith(".jpg")
    _, said = ask(f"{address}/predict?explain=true", photos[0].read_bytes())
    assert said["heat"].startswith("data:image/jpeg;base64,")
    assert all(one["picture"].startswith("data:image/jpeg;base64,") for one in said["nearest"])
    assert ask(f"{address}/predict", os.fsencode(photos[0]))[0] == 422  # a path is no photo
    _, about = ask(f"{address}/version")
    assert (about["name"], about["version"], about["aliases"]) == ("catml", 1, ["champion"])
    assert (about["labels"], about["photos"]) == (["cyan", "magenta", "yellow"], 48)
    assert about["test"]["low"] < about["test"]["accuracy"] <= about["test"]["high"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_to(ending: signal.Signals, served: Callable[..., Any], run: Run, trained: Path) -> None:
    process, address = served()
    port = address.rsplit(":", 1)[1]
    if ending == signal.SIGINT:
        taken = run("catml", "serve", "--port", port, cwd=trained, code=2)
        assert taken.stderr == f"catml: port: {port} on 127.0.0.1 is in use. --port takes another one.\n"
    process.send_signal(ending)
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 0


def test_no_such_model(run: Run, trained: Path) -> None:
    wrong = run("catml", "serve", "--model", "models:/nothing@champion", "--port", "18999", cwd=trained, code=2)
    assert wrong.stderr.startswith("catml: model: nothing can be loaded from 'models:/nothing@champion'")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    found = Browser(tmp_path / "profile")
    yield found
    found.close()


def answers(browser: Browser) -> list[str]:
    return list(browser.run("[...document.querySelectorAll('.answer')].map((each) => each.textContent)"))


def test_the_page(address: str, browser: Browser, colours: Path, tmp_path: Path) -> None:
    """Several photos at once, two of them no photos, one too large and one a bomb: answered in their order."""
    broken, huge, bomb, named = (tmp_path / name for name in ("broken.jpg", "huge.jpg", "bomb.png", "<b>x.jpg"))
    broken.write_bytes((colours / "cyan" / "000.jpg").read_bytes()[:700])
    huge.write_bytes(b"\xff\xd8\xff" + bytes(2_100_000))
    Image.new("1", (20_000, 20_000), 1).save(bomb)
    named.write_bytes((colours / "yellow" / "003.jpg").read_bytes())
    browser.open(address)
    browser.wait("about.labels")
    assert browser.run("document.querySelector('h1').textContent") == "cyan, magenta, and yellow"
    assert "95\u00a0% interval" in browser.run("document.querySelector('#about').textContent")

    browser.give("#files", [colours / "cyan" / "001.jpg", broken, named, huge, bomb, colours / "magenta" / "002.jpg"])
    browser.wait("answered === 6")
    said = answers(browser)
    assert [text.split(",")[0].split()[-1] for text in (said[0], said[2], said[5])] == ["cyan", "yellow", "magenta"]
    assert [said[place] for place in (1, 3, 4)] == ["Can't be answered"] * 3
    problems = browser.run("[...document.querySelectorAll('.broken .problem')].map((each) => each.textContent)")
    assert problems[0].startswith("can't be decoded")
    assert problems[1:] == ["larger than 2 MB", "more pixels than are safe to decode"]
    good = ".card:not(.broken)"
    assert browser.run(f"document.querySelectorAll('{good} .bars meter').length") == 9
    assert browser.run(f"document.querySelectorAll('{good} .alike img').length") == 9
    browser.wait(f"[...document.querySelectorAll('{good} img')].every((each) => each.naturalWidth > 0)")
    assert browser.run("document.querySelectorAll('.card b').length") == 0  # a file's name is text, whatever is in it
    assert browser.run("document.querySelectorAll('.photo figcaption')[2].textContent") == "<b>x.jpg"
    assert "6 of 6 photos" in browser.run("document.body.innerText")
    spoken = browser.run("document.querySelector('[aria-live=polite]').textContent")
    assert "photos done" in spoken
    forbidden = [event for event in browser.events if "Content Security Policy" in json.dumps(event)]
    assert forbidden == []

    for width in (390, 1280):
        browser.resize(width)
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelector('#camera').getAttribute('capture')") == "environment"

    browser.run("document.querySelector('#clear').click()")
    assert answers(browser) == []
    paste = """(() => {
      const data = new DataTransfer();
      data.items.add(new File(['buy milk'], 'list.txt', {type: 'text/plain'}));
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}));
      document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
    })()"""
    browser.run(paste)
    browser.wait("answered === 2")
    assert answers(browser) == ["Can't be answered"] * 2


def test_two_browsers_at_once(address: str, browser: Browser, colours: Path, tmp_path: Path) -> None:
    other = Browser(tmp_path / "other")
    try:
        photos = sorted(colours.glob("*/*.jpg"))[::6]
        for one in (browser, other):
            one.open(address)
        for one, order in ((browser, photos), (other, photos[::-1])):
            one.give("#files", order)
        found = []
        for one in (browser, other):
            one.wait(f"answered === {len(photos)}")
            found.append(answers(one))
        assert found[0] == found[1][::-1]
        assert len({text.split(",")[0] for text in found[0]}) >= 3
    finally:
        other.close()


def test_the_page_goes_on_when_the_server_is_away(served: Callable[..., Any], browser: Browser, colours: Path) -> None:
    process, address = served()
    browser.open(address)
    browser.wait("about.labels")
    process.kill()
    process.wait()
    time.sleep(0.2)
    browser.give("#files", [colours / "cyan" / "001.jpg"])
    browser.wait("answered === 1")
    assert answers(browser) == ["No answer"]
    assert browser.run("document.querySelector('.again').hidden") is False
