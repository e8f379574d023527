"""A backbone with its weights, and where its features are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catml import config
from catml.backbones import weights
from catml.backbones.registry import Backbone
from catml.backbones.store import FeatureStore, fingerprint
from catml.backbones.weights import Weights
from catml.photos.views import AS_IS, View

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Source:
    """A backbone with its weights, and where its features are kept, by view; that of the photo as it is among them."""

    backbone: Backbone
    weights: Weights
    stores: Mapping[View, FeatureStore]
    fingerprint: Mapping[str, object]
    network: "keras.Model | None" = None  # where it had to be loaded early, to check a user's file

    @property
    def store(self) -> FeatureStore:
        """Where the features of the photos as they are, are kept."""
        return self.stores[AS_IS]

    def of(self, number: int) -> dict[View, FeatureStore]:
        """Return the stores whose features have to be averaged for an augmented view, 0 for the photo itself."""
        return {view: store for view, store in self.stores.items() if view.number == number}

    @property
    def views(self) -> int:
        """How many augmented views there are."""
        return max(view.number for view in self.stores)

    def load(self) -> "keras.Model":
        """Return the network from pixels to features."""
        return self.network or weights.load(self.backbone, self.weights)


def make_source(backbone: Backbone, ready: Weights, views: Sequence[View] = (AS_IS,)) -> Source:
    """Return a backbone with its weights and the stores of some views, that of the photo as it is among them."""
    of = {view: fingerprint(backbone, ready, view) for view in views}
    stores = {view: FeatureStore(config.data_folder() / "features", of[view], backbone.width) for view in views}
    return Source(backbone, ready, stores, of[AS_IS])
