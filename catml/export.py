"""`catml export`: a classifier's network as a file for another runtime, kept only if it answers as Keras does."""

import importlib.util
import itertools
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from catml import __version__, quiet, screen
from catml.classifier import Classifier, Description
from catml.errors import CatmlError, InputError
from catml.files import write_whole
from catml.photos.decode import DecodeError, decode, read_bytes
from catml.photos.named import find
from catml.registration import load_from

if TYPE_CHECKING:
    import keras

ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "keras": ".keras"}
# What converts and what runs the result, by the name it is imported by and that it is installed by.
NEEDED = {
    "onnx": {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"},
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "keras": {},
}
# Float32 in another order of operations differs by 1e-6 or so; a wrong layer by thousandths.
CLOSE = 1e-5
MADE_UP = 32
TIMED = 30  # photos, each answered by both in turn
# From pixels, one array (n, size, size, 3) an input, to probabilities (n, labels).
Answer = Callable[[Sequence[NDArray[np.float32]]], NDArray[np.float32]]


@dataclass(frozen=True)
class Checked:
    """How an exported file compares with Keras.

    Attributes:
        photos: how many photos both were asked about.
        difference: largest one between two probabilities.
        seconds: median for one photo.
        keras_seconds: the same for Keras.
    """

    photos: int
    difference: float
    seconds: float
    keras_seconds: float


def show(model: str, kind: str, output: str, photos: str, problems: Sequence[str] = ()) -> None:
    """Export a registered classifier, and say what came of it.

    Args:
        model: MLflow address of the classifier.
        kind: a key of `ENDINGS`.
        output: file to write, with the ending of its kind, or a folder.
        photos: photos or folders to compare answers on, beside made-up ones; separated by commas.
        problems: what else is wrong already.

    Raises:
        InputError: what is missing or wrong, all of it.
        CatmlError: the file's answers are not Keras's; nothing is written.
    """
    target, found = _target(output, kind)
    paths, unfound = find([photos]) if photos else ([], [])
    problems = [*problems, *found, *(f"photos: {problem}" for problem in unfound), *missing(kind)]
    if problems:
        raise InputError(problems)
    quiet.settle("tensorflow", "mlflow")
    _require_photos(paths)
    classifier = load_from(model)
    checked = export(classifier, kind, target, paths)
    real = f" and {len(paths)} given" if paths else ""
    size = target.stat().st_size / 1e6
    screen.say(f"exported   {target}, {size:.1f} MB, and {sidecar(target).name}: labels, threshold, input")
    screen.say(
        f"checked    on {MADE_UP} made-up{real} photos: probabilities differ from Keras's by at most "
        f"{checked.difference:.1e}"
    )
    theirs, keras = 1000 * checked.seconds, 1000 * checked.keras_seconds
    screen.say(
        f"time       {theirs:.1f} ms a photo, {theirs / keras:.2f} of Keras's {keras:.1f} ms; one at a time, here"
    )


def missing(kind: str) -> list[str]:
    """Return what has to be installed first, as a problem; none where all is there."""
    gone = [package for name, package in NEEDED[kind].items() if importlib.util.find_spec(name) is None]
    return [f"format: {kind} needs 'pip install {' '.join(gone)}', or catml's extra 'export'."] if gone else []


def export(classifier: Classifier, kind: str, target: Path, photos: Sequence[Path] = ()) -> Checked:
    """Write the network to `target` and its description beside it, if it answers as Keras does.

    Args:
        classifier: what to export.
        kind: a key of `ENDINGS`.
        target: the file.
        photos: photo files that both are asked about, beside made-up ones.

    Raises:
        CatmlError: the answers differ, or the network can't be converted; nothing is written.
    """
    described = describe(classifier.description, [tensor.name for tensor in classifier.network.inputs])
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / target.with_suffix(ENDINGS[kind]).name
        try:
            with quiet.stderr_kept_back(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _convert(classifier.network, kind, made)
                if kind == "onnx":
                    _tell(made, described)
                answer = {"onnx": _onnx, "litert": _litert, "keras": _keras}[kind](made, classifier.network)
        except Exception as error:  # converters raise many kinds; whatever it is, this network can't be converted
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise CatmlError(f"export: {kind} can't express this network ({reason}). Nothing is written.") from error
        checked = check(classifier, answer, photos)
        # A difference that is not a number is none that is small.
        if not checked.difference <= CLOSE:
            raise CatmlError(
                f"export: the {kind} file's probabilities differ from Keras's by {checked.difference:.1e}, more than "
                f"{CLOSE:g}. Nothing is written."
            )
        write_whole(sidecar(target), json.dumps(described, indent=2, ensure_ascii=False).encode())
        write_whole(target, made.read_bytes())
    return checked


def check(classifier: Classifier, answer: Answer, photos: Sequence[Path] = ()) -> Checked:
    """Ask both about the same pixels: made-up photos and given files, one at a time."""
    rng = np.random.default_rng(0)
    sizes = classifier.description.input_sizes
    differences, seconds = [], []
    asked = itertools.chain((_made_up(rng) for _ in range(MADE_UP)), map(read_bytes, photos))
    for photo in tqdm(asked, "comparing", MADE_UP + len(photos), unit="photo", disable=len(photos) < MADE_UP):
        pixels = [decode(photo, size)[np.newaxis].astype(np.float32) for size in sizes]
        start = time.perf_counter()
        theirs = answer(pixels)
        between = time.perf_counter()
        ours = classifier.network.predict_on_batch(_one(pixels))
        seconds.append((between - start, time.perf_counter() - between))
        differences.append(float(np.abs(theirs - np.asarray(ours)).max()))
    median = np.median(seconds[-TIMED:], axis=0)
    return Checked(len(differences), float(np.max(differences)), float(median[0]), float(median[1]))


def describe(description: Description, names: Sequence[str]) -> dict[str, object]:
    """Return what has to be known to use an exported network: what goes in, what comes out, what not to believe."""
    return {
        "labels": list(description.labels),
        "inputs": {
            name: {"shape": ["photos", size, size, 3], "type": "float32"}
            for name, size in zip(names, description.input_sizes, strict=True)
        },
        "pixels": "upright RGB, values 0 to 255, the whole photo squashed to the square (bicubic); all other "
        "preprocessing is inside",
        "output": "probabilities, in the order of the labels; the temperature is inside",
        "temperature": description.temperature,
        "threshold": description.threshold,
        "unsure": "where the largest probability is below the threshold. Photos unlike all those learnt from are not "
        "found here: that takes familiar.npz and catml",
        "precision": description.precision,
        "backbones": list(description.backbones),
        "photos": description.photos,
        "metrics": description.metrics,
        "catml": __version__,
    }


def sidecar(target: Path) -> Path:
    """Return where the description of an exported file lies."""
    return target.with_suffix(".json")


def _target(output: str, kind: str) -> tuple[Path, list[str]]:
    """Return the file to write, and what is wrong with it."""
    given = Path(output).expanduser()
    ending = given.suffix.lower()
    if ending in ENDINGS.values() and ending != ENDINGS[kind]:
        return given, [
            f"output: '{output}' is a name for another format than {kind}, whose files end in {ENDINGS[kind]}."
        ]
    target = given if ending == ENDINGS[kind] else given / f"classifier{ENDINGS[kind]}"
    there = [path for path in (target, sidecar(target)) if path.exists()]
    return target, [f"output: {path} is there already. Remove it, or give another name." for path in there]


def _require_photos(paths: Sequence[Path]) -> None:
    """Raise InputError, with all of them, where files are no photos."""
    problems = []
    for path in paths:
        try:
            decode(read_bytes(path), 8)
        except DecodeError as reason:
            problems.append(f"photos: {path}: {reason}.")
    if problems:
        raise InputError(problems)


def _made_up(rng: np.random.Generator) -> bytes:
    """Return a photo file of patches, from some pixels to half the picture wide, under noise."""
    side = int(rng.integers(2, 60))
    patches = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize(
        (320, 240), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(patches, np.float64) + rng.normal(0, rng.uniform(0, 40), (240, 320, 3))
    photo = BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(photo, "PNG", compress_level=1)
    return photo.getvalue()


def _convert(network: "keras.Model", kind: str, path: Path) -> None:
    if kind == "keras":
        network.save(path)
        return
    # Keras exports only what has been called.
    shapes = [tensor.shape[1:] for tensor in network.inputs]
    network.predict_on_batch(_one([np.zeros((1, *shape), np.float32) for shape in shapes]))
    network.export(str(path), format=kind, verbose=False)


def _tell(path: Path, described: Mapping[str, object]) -> None:
    """Write the description into an ONNX file, where runtimes find it as its metadata."""
    import onnx

    file = onnx.load(str(path))
    onnx.helper.set_model_props(
        file, {name: value if isinstance(value, str) else json.dumps(value) for name, value in described.items()}
    )
    onnx.save(file, str(path))


def _onnx(path: Path, network: "keras.Model") -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in network.inputs]
    return lambda pixels: session.run(None, dict(zip(names, pixels, strict=True)))[0]


def _litert(path: Path, network: "keras.Model") -> Answer:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    ask = interpreter.get_signature_runner()
    names = [tensor.name for tensor in network.inputs]

    def answer(pixels: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        (said,) = ask(**dict(zip(names, pixels, strict=True))).values()
        return np.array(said)

    return answer


def _keras(path: Path, network: "keras.Model") -> Answer:
    import keras

    again = keras.saving.load_model(path, compile=False, safe_mode=True)
    return lambda pixels: np.asarray(again.predict_on_batch(_one(pixels)))


def _one(pixels: Sequence[Any]) -> Any:
    """Return what Keras takes: an array where there is one input, else the list of them."""
    return pixels[0] if len(pixels) == 1 else list(pixels)
