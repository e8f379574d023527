"""The networks of `keras.applications` that the registry doesn't name one by one.

Their facts stand in applications.csv, most accurate first. Accuracies are those of Keras's own table, or, of
MobileNetV3, of its docstring; an empty field is a figure that nobody publishes. Addresses stand in Keras alone:
`module` (of keras.src.applications) and `constant` say where. Licences are those of the repositories that the weights
come from. Seconds a photo were measured on two cores in the batches of extract.py, beside Xception, and are in
proportion to the registry's figure for that: rough, and for estimates only.
"""

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras


class Application(NamedTuple):
    """A row of the table; the fields are those of `registry.Backbone` and `registry.KerasDownload`."""

    keras: str  # name of the function in keras.applications
    input_size: int
    width: int
    preprocessing: str  # "tf", "caffe" or "torch" as Keras calls it; "raw": the network scales pixels itself
    imagenet_top1: float
    imagenet_top5: float | None
    parameters: int
    depth: int
    megabytes: int
    licence: str
    seconds_per_photo: float
    module: str
    constant: str
    file: str
    digest: str


def read() -> list[Application]:
    """Return the rows of the table."""
    with Path(__file__).with_name("applications.csv").open(newline="", encoding="utf-8") as file:
        return [
            Application(
                keras=row["keras"],
                input_size=int(row["input_size"]),
                width=int(row["width"]),
                preprocessing=row["preprocessing"],
                imagenet_top1=float(row["imagenet_top1"]),
                imagenet_top5=float(row["imagenet_top5"]) if row["imagenet_top5"] else None,
                parameters=int(row["parameters"]),
                depth=int(row["depth"]),
                megabytes=int(row["megabytes"]),
                licence=row["licence"],
                seconds_per_photo=float(row["seconds_per_photo"]),
                module=f"keras.src.applications.{row['module']}",
                constant=row["constant"],
                file=row["file"],
                digest=row["digest"],
            )
            for row in csv.DictReader(file)
        ]


def build(name: str, size: int) -> "keras.Model":
    """Build a network of `keras.applications` without top, with random weights, as its ImageNet weights need it."""
    import keras

    # NASNet can't be built without knowing its size.
    network: keras.Model = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    # With weights of its own choice, Keras builds EfficientNet with one layer more than without.
    return _scaled_again(network) if name.startswith("EfficientNetB") else network


def _scaled_again(network: "keras.Model") -> "keras.Model":
    """Return an EfficientNet with the layer that makes up for dividing by the root of the deviation, not by itself."""
    import keras
    from keras.src.applications.efficientnet import IMAGENET_STDDEV_RGB

    def call(layer: "keras.Layer", *arguments: object, **options: object) -> object:
        x = layer(*arguments, **options)
        if isinstance(layer, keras.layers.Normalization):
            x = keras.layers.Rescaling([1 / math.sqrt(deviation) for deviation in IMAGENET_STDDEV_RGB])(x)
        return x

    again: keras.Model = keras.models.clone_model(network, call_function=call)
    return again
