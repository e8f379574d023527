"""Where on a photo a classifier found what it answered by."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catml.heads.spec import Layer
from catml.network import Head

if TYPE_CHECKING:
    import keras

SIDE = 64  # of a heat map
# From cold to hot: black, violet, red, yellow, each lighter than the one before, so that it reads without colours, too.
COLOURS = ((10, 7, 35), (87, 15, 109), (187, 55, 84), (249, 142, 8), (252, 250, 150))
LEAST, MOST = 0.25, 0.65  # how much of the colour hides the photo, where it is cold and hot
BATCH = 8  # photos at once: their feature maps take 8 MB each where a network is wide
Map = NDArray[np.floating]


def gradient(layers: Sequence[Layer], features: NDArray[np.floating], answer: int) -> NDArray[np.float64]:
    """Return how the logit of an answer, less the mean of the others', changes with each feature.

    Args:
        layers: of a head, ReLU between them.
        features: of one photo, shape (d,); a linear head's gradient is the same for all.
        answer: class number.

    Returns:
        Shape (d,).
    """
    *hidden, last = layers
    active = []
    for layer in hidden:
        features = features @ layer.kernel + layer.bias
        active.append(features > 0)
        features = np.maximum(features, 0)
    others = np.delete(last.kernel, answer, axis=1).mean(axis=1)
    found = np.asarray(last.kernel[:, answer] - others, np.float64)
    for layer, on in zip(reversed(hidden), reversed(active), strict=True):
        found = layer.kernel @ (found * on)
    return found


def weighted(maps: Map, weights: NDArray[np.floating], middle: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what each place of a photo adds to the answer, against the average photo: its mean is what all add.

    Of a linear head it is exact: the class activation map (Zhou et al. 2016). With hidden layers it holds to first
    order (Grad-CAM, Selvaraju et al. 2017).

    Args:
        maps: a backbone's output before pooling, shape (rows, columns, d).
        weights: of its features, shape (d,).
        middle: the mean of its features over the photos learnt from, shape (d,).

    Returns:
        Shape (rows, columns).
    """
    return np.asarray((maps.astype(np.float64) - middle) @ weights)


def heat(parts: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Return a heat map, shape (SIDE, SIDE), 0 to 1, from what `weighted` returns for each backbone.

    What speaks against the answer is left out; 1 is the place that speaks most for it.
    """
    smooth = [
        np.asarray(Image.fromarray(part.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for part in parts
    ]
    found = np.maximum(np.sum(smooth, axis=0, dtype=np.float64), 0)
    return np.asarray(found / max(float(found.max()), 1e-12))


def before_pooling(network: "keras.Model") -> "keras.Model":
    """Return the part of a network that ends before its last global average pooling."""
    import keras

    pooling = [layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)][-1]
    return keras.Model(network.input, pooling.input)


def feature_maps(network: "keras.Model", pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what a network gives before pooling, shape (n, rows, columns, d), of pixels (n, size, size, 3).

    Where it normalises what was pooled (ConvNeXt), each place is brought to the same scale as that, so that here too
    the mean over all places is the photo's features.
    """
    import keras

    unpooled = before_pooling(network)
    parts = [np.asarray(unpooled(pixels[start : start + BATCH])) for start in range(0, len(pixels), BATCH)]
    maps: NDArray[np.float32] = np.concatenate(parts)
    last = network.layers[-1]
    if not isinstance(last, keras.layers.LayerNormalization):
        return maps
    pooled = maps.mean(axis=(1, 2), keepdims=True)
    deviation = np.sqrt(pooled.var(axis=-1, keepdims=True) + last.epsilon)
    return np.asarray((maps - pooled.mean(axis=-1, keepdims=True)) / deviation * last.gamma + last.beta, np.float32)


def added(
    layers: Sequence[Layer], maps: Sequence[NDArray[np.floating]], answer: int, middle: NDArray[np.floating]
) -> list[NDArray[np.float64]]:
    """Return what each place of a photo adds to an answer, a map for each backbone of a head, as `weighted`.

    Args:
        layers: of the head.
        maps: of each of its backbones, in the order it takes them, shape (rows, columns, d).
        answer: class number.
        middle: mean of the features that the head takes, over the photos learnt from.
    """
    widths = [of.shape[-1] for of in maps]
    slope = gradient(layers, np.concatenate([of.mean(axis=(0, 1)) for of in maps]), answer)
    return [
        weighted(of, slope[end - width : end], middle[end - width : end])
        for of, width, end in zip(maps, widths, np.cumsum(widths), strict=True)
    ]


def heat_maps(
    head: Head,
    maps: Mapping[str, NDArray[np.floating]],
    answers: Sequence[int],
    middle: NDArray[np.floating],
) -> list[NDArray[np.float64]]:
    """Return the heat map of each photo, for its answer.

    Args:
        head: a trained head.
        maps: of each of its backbones, shape (n, rows, columns, d).
        answers: class number of each photo.
        middle: mean of the features that the head takes, over the photos learnt from.
    """
    return [
        heat(added(head.layers, [maps[name][place] for name in head.backbones], answer, middle))
        for place, answer in enumerate(answers)
    ]


def overlaid(image: Image.Image, heat: NDArray[np.floating]) -> Image.Image:
    """Return a photo, without its own colours, under a heat map of it, values 0 to 1, whatever its size."""
    stretched = Image.fromarray((255 * heat).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    values = np.asarray(stretched, np.float64) / 255
    steps = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(values, steps, channel) for channel in zip(*COLOURS, strict=True)], axis=-1)
    share = (LEAST + (MOST - LEAST) * values)[..., None]
    grey = np.asarray(image.convert("L"), np.float64)[..., None]
    return Image.fromarray(((1 - share) * grey + share * colours).round().astype(np.uint8))
