"""Reading the pages that catml writes."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
from PIL import Image

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """The tags and the words of a page; fails where a tag is closed that isn't open."""

    def __init__(self, raw):
        super().__init__()
        self.raw, self.open, self.tags, self.words = raw, [], [], []
        self.feed(raw)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def images(self):
        """Return the thumbnails by the paths of their photos."""
        found = {}
        for tag, attributes in self.tags:
            if tag == "img":
                kind, _, data = attributes["src"].partition(",")
                assert kind == "data:image/jpeg;base64"
                found[attributes["alt"]] = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), np.int16)
        return found
