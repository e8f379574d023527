"""The network of a classifier, put together from backbones and trained heads as ordinary Keras layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catml.heads.spec import HeadSpec, Layer, respond

if TYPE_CHECKING:
    import keras

SEEN = "features_"  # layers whose outputs are the features that heads look at
PROBABILITIES, MAPS = "probabilities", "maps_"  # outputs of a network that tells what backbones give before pooling


@dataclass(frozen=True)
class Head:
    """A trained head and the backbones whose features it takes, one behind the other."""

    backbones: tuple[str, ...]
    layers: Sequence[Layer]
    spec: HeadSpec

    def probabilities(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return probabilities (n, labels) of features (n, width), as `keras_head` would, without Keras."""
        return respond(self.layers, features)


def assemble(networks: Mapping[str, "keras.Model"], heads: Sequence[Head], *, mirrored: bool = False) -> "keras.Model":
    """Join backbones, pixels (n, size, size, 3) to features, and heads into one network.

    Args:
        networks: by the names that heads know them by.
        heads: whose probabilities are averaged, where there are several.
        mirrored: whether features are the mean of those of the photo and of its mirror image.

    Returns:
        A network with one input a size, the smaller sizes first, and probabilities (n, labels) as its output.
    """
    import keras

    wanted = dict.fromkeys(name for head in heads for name in head.backbones)
    sizes = sorted({int(networks[name].input_shape[1]) for name in wanted})
    names = ["pixels"] if len(sizes) == 1 else [f"pixels_{size}" for size in sizes]
    inputs = {size: keras.Input((size, size, 3), name=name) for size, name in zip(sizes, names, strict=True)}
    features = {name: _features(networks[name], inputs[networks[name].input_shape[1]], mirrored) for name in wanted}
    outputs: list[Any] = []
    seen: dict[tuple[str, ...], Any] = {}
    for number, head in enumerate(heads):
        if head.backbones not in seen:
            parts = [features[name] for name in head.backbones]
            together = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
            seen[head.backbones] = keras.layers.Identity(name=f"{SEEN}{len(seen)}")(together)
        name = "head" if len(heads) == 1 else f"head_{number}"
        outputs.append(keras_head(head.layers, head.spec, name)(seen[head.backbones]))
    output = outputs[0] if len(outputs) == 1 else keras.layers.Average(name="labels")(outputs)
    return keras.Model(inputs[sizes[0]] if len(sizes) == 1 else list(inputs.values()), output, name="classifier")


def with_features(network: "keras.Model") -> "keras.Model":
    """Return what `assemble` made with more outputs: the features that heads look at, each set once, in their order."""
    import keras

    seen = [layer.output for layer in network.layers if layer.name.startswith(SEEN)]
    return keras.Model(network.inputs if len(network.inputs) > 1 else network.inputs[0], [network.output, *seen])


def with_maps(network: "keras.Model") -> "keras.Model | None":
    """Return what `assemble` made with all that an answer is explained by, in one pass.

    Returns:
        A network that shares its weights, and returns by name `probabilities`; `features_0`, …, each set that heads
        look at; and `maps_BACKBONE`, what each backbone gives before its pooling, shape (n, rows, columns, width),
        whose means over rows and columns are its features. Of a mirrored network, mirrored maps are turned back and
        averaged.
        None where a backbone doesn't end with a global average pooling.
    """
    import keras

    backbones = [layer for layer in network.layers if _is_backbone(layer)]
    if not all(isinstance(layer.layers[-1], keras.layers.GlobalAveragePooling2D) for layer in backbones):
        return None
    unpooled = {layer.name: keras.Model(layer.inputs[0], [layer.output, layer.layers[-1].input]) for layer in backbones}
    inputs = [keras.Input(given.shape[1:], dtype=given.dtype, name=given.name) for given in network.inputs]
    outputs: dict[str, Any] = {}
    maps: dict[str, list[Any]] = {layer.name: [] for layer in backbones}

    def call(layer: Any, *given: Any, **options: Any) -> Any:
        if layer.name in unpooled:
            pooled, found = unpooled[layer.name](given[0])
            straight = any(given[0] is one for one in inputs)
            maps[layer.name].append(found if straight else keras.ops.flip(found, axis=2))
            return pooled
        found = layer(*given, **options)
        if layer.name.startswith(SEEN):
            outputs[layer.name] = found
        return found

    again = keras.models.clone_model(
        network,
        input_tensors=inputs if len(inputs) > 1 else inputs[0],
        clone_function=lambda layer: layer,  # the same layers, with their weights
        call_function=call,
    )
    for name, parts in maps.items():
        outputs[MAPS + name] = parts[0] if len(parts) == 1 else keras.layers.Average()(parts)
    return keras.Model(again.input, {PROBABILITIES: again.output, **outputs})


def heads_of(network: "keras.Model") -> list[list[Layer]]:
    """Return the layers of each head of what `assemble` made, in their order."""
    import keras

    heads = {layer.name: layer for layer in network.layers if isinstance(layer, keras.Sequential)}
    names = ["head"] if "head" in heads else [f"head_{number}" for number in range(len(heads))]
    return [
        [Layer(*layer.get_weights()) for layer in heads[name].layers if isinstance(layer, keras.layers.Dense)]
        for name in names
    ]


def _is_backbone(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential)


def _features(network: "keras.Model", pixels: Any, mirrored: bool) -> Any:
    import keras

    if not mirrored:
        return network(pixels)
    return keras.layers.Average()([network(pixels), network(keras.ops.flip(pixels, axis=2))])


def keras_head(layers: Sequence[Layer], spec: HeadSpec, name: str = "head") -> "keras.Model":
    """Return a trained head as ordinary Keras layers on raw features."""
    import keras

    head = keras.Sequential(name=name)
    head.add(keras.Input((layers[0].kernel.shape[0],)))
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        dense = keras.layers.Dense(len(layer.bias), "softmax" if last else "relu", name="labels" if last else None)
        head.add(dense)
        dense.set_weights([layer.kernel, layer.bias])
        if not last and spec.dropout:
            head.add(keras.layers.Dropout(spec.dropout))
    return head
