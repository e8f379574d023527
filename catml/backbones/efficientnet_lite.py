"""EfficientNet-Lite in Keras, and how the PyTorch files of its ImageNet weights fill it.

EfficientNet (Tan and Le 2019, https://arxiv.org/abs/1905.11946) without squeeze-excitation and with ReLU6 in place of
swish, so that it runs well on small processors (Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite").
"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from catml.backbones.pth import read_pth
from catml.errors import InputError

if TYPE_CHECKING:
    import keras

STEM_CHANNELS, HEAD_CHANNELS, CLASSES = 32, 1280, 1000
_EPSILON = 1e-3


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def build(width: float, depth: float, size: int, *, include_top: bool = False) -> "keras.Model":
    """Build an EfficientNet-Lite with random weights.

    Args:
        width: factor on the channels of the blocks; stem and head keep theirs.
        depth: factor on the repeats of the stages; the first and the last keep theirs.
        size: side of the input, in pixels.
        include_top: add pooling and the 1000 ImageNet logits.

    Returns:
        A network from (n, size, size, 3), scaled as (pixel - 127) / 128, to (n, size / 32, size / 32, 1280), or to
        logits (n, 1000). Layers are named as in the PyTorch files, without underscores in front.
    """
    import keras

    inputs = keras.Input((size, size, 3), name="input")
    x = _convolution(inputs, STEM_CHANNELS, "conv_stem", "bn0", kernel=3, stride=2)
    for index, stage in enumerate(_blocks(width, depth)):
        x = _block(x, stage, f"block{index}_")
    x = _convolution(x, HEAD_CHANNELS, "conv_head", "bn1")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        x = keras.layers.Dense(CLASSES, name="fc")(x)
    return keras.Model(inputs, x, name="efficientnet_lite")


def load_pth(network: "keras.Model", path: Path) -> None:
    """Fill a network made by `build` from a PyTorch file.

    Args:
        network: what `build` returned, with or without top.
        path: the `.pth` file, PyTorch's old non-zip format.

    Raises:
        InputError: the file can't be read, or its tensors are not exactly those of this network; names each tensor
            that is missing, unknown or of the wrong shape.
    """
    tensors = read_pth(path)
    problems, values = [], []
    for variable, name in _variables(network):
        if name not in tensors:
            problems.append(f"{path}: has no tensor {name}.")
            continue
        value = _as_keras(name, tensors.pop(name))
        if value.shape != tuple(variable.shape):
            problems.append(f"{path}: {name} has shape {value.shape}, expected {tuple(variable.shape)}.")
        values.append((variable, value))
    problems += [f"{path}: has an unknown tensor {name}." for name in tensors if not _known_unused(name)]
    if problems:
        raise InputError([*problems[:5], *([f"… and {len(problems) - 5} more."] if len(problems) > 5 else [])])
    for variable, value in values:
        variable.assign(value)


def _blocks(width: float, depth: float) -> list[_Stage]:
    """Return one entry per block, scaled."""
    blocks = []
    for index, stage in enumerate(_STAGES):
        outer = index in (0, len(_STAGES) - 1)
        repeats = stage.repeats if outer else math.ceil(depth * stage.repeats)
        first = stage._replace(channels=_rounded(width * stage.channels))
        blocks += [first] + [first._replace(stride=1)] * (repeats - 1)
    return blocks


def _rounded(channels: float, step: int = 8) -> int:
    nearest = max(step, int(channels + step / 2) // step * step)
    return nearest if nearest >= 0.9 * channels else nearest + step


def _block(x: Any, stage: _Stage, prefix: str) -> Any:
    """Add an inverted residual block: widen, look around per channel, narrow."""
    import keras

    entry, channels = x, x.shape[-1]
    if stage.expansion != 1:
        x = _convolution(x, channels * stage.expansion, f"{prefix}expand_conv", f"{prefix}bn0")
    x = keras.layers.DepthwiseConv2D(
        stage.kernel, stage.stride, padding="same", use_bias=False, name=f"{prefix}depthwise_conv"
    )(x)
    x = _normalised(x, f"{prefix}bn1")
    x = _convolution(x, stage.channels, f"{prefix}project_conv", f"{prefix}bn2", activated=False)
    if stage.stride == 1 and channels == stage.channels:
        x = keras.layers.Add(name=f"{prefix}add")([entry, x])
    return x


def _convolution(
    x: Any, channels: int, name: str, norm: str, *, kernel: int = 1, stride: int = 1, activated: bool = True
) -> Any:
    import keras

    x = keras.layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)(x)
    return _normalised(x, norm, activated=activated)


def _normalised(x: Any, name: str, *, activated: bool = True) -> Any:
    import keras

    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x) if activated else x


_PARTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _variables(network: "keras.Model") -> list[tuple["keras.Variable", str]]:
    """Return every variable of the network and the name of the tensor that belongs in it."""
    pairs = []
    for layer in network.layers:
        tensor = re.sub(r"^_block(\d+)", r"_blocks.\1.", f"_{layer.name}")
        pairs += [(variable, f"{tensor}.{_PARTS[variable.name]}") for variable in layer.weights]
    return pairs


def _known_unused(name: str) -> bool:
    return name.endswith(".num_batches_tracked") or name in ("_fc.weight", "_fc.bias")


def _as_keras(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    """Reorder a tensor: PyTorch keeps (out, in, rows, columns), Keras (rows, columns, in, out)."""
    if tensor.ndim == 4:
        # In a depthwise kernel "out" counts the channels and "in" is 1; Keras has the channels first there.
        return tensor.transpose((2, 3, 0, 1) if "_depthwise_conv" in name else (2, 3, 1, 0))
    return tensor.T
