"""A reader of PyTorch's old, non-zip weight files that needs no PyTorch and executes nothing from the file.

Such a file is five pickles (magic number, protocol, facts about the machine, the object, the keys of its storages)
and then the raw numbers of each storage. The project loads no pickles; this reader is the one, restricted exception:

- only a short list of pickle operations is let through, checked before anything is interpreted;
- the only names a file may mention are `OrderedDict`, the storage types and `_rebuild_tensor_v2`, and they stand
  here for a dictionary, a piece of text and a function of this module that only notes what was asked for;
- every offset, size and stride is checked against the storage before a number is read.

The format is that of `torch.save(..., _use_new_zipfile_serialization=False)`, PyTorch 0.1 to 1.5.
"""

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catml.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_STORAGES = {
    ("torch", "DoubleStorage"): "<f8",
    ("torch", "FloatStorage"): "<f4",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "LongStorage"): "<i8",
    ("torch", "IntStorage"): "<i4",
    ("torch", "ShortStorage"): "<i2",
    ("torch", "CharStorage"): "|i1",
    ("torch", "ByteStorage"): "|u1",
}

# What pickles of plain containers need. Left out: everything that makes objects in other ways (INST, OBJ, NEWOBJ, EXT).
_ALLOWED = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND "
    "APPENDS EMPTY_DICT SETITEM SETITEMS BINPUT LONG_BINPUT BINGET LONG_BINGET MEMOIZE GLOBAL STACK_GLOBAL REDUCE "
    "BUILD BINPERSID"
)
_OPERATIONS = frozenset(_ALLOWED.split())
_MEMO_WRITES = ("BINPUT", "LONG_BINPUT")


class _Storage(NamedTuple):
    dtype: str
    key: str
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Broken(Exception):
    """Raised inside this module when the file is not what it should be; the message is the reason."""


def read_pth(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a PyTorch state dictionary saved in the old, non-zip format.

    Args:
        path: the `.pth` file.

    Returns:
        Arrays by PyTorch name, each contiguous and with the shape and type it had in PyTorch.

    Raises:
        InputError: the file can't be read, is in another format, is truncated or damaged, holds something other than
            tensors by name, or asks for something to be executed.
    """
    try:
        return _read(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).") from None
    except _Broken as reason:
        raise InputError(f"{path}: {reason}.") from None


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    if data.startswith(b"PK"):
        raise _Broken("is in PyTorch's newer zip format; expected the older one, as in the named PyPI package")
    stream = io.BytesIO(data)
    if _unpickle(stream) != _MAGIC:
        raise _Broken("not a PyTorch file (its magic number is missing)")
    if _unpickle(stream) != _PROTOCOL:
        raise _Broken("a PyTorch file of an unknown protocol")
    facts = _unpickle(stream)
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise _Broken("written on a big-endian machine, or damaged")
    tensors = _named_tensors(_unpickle(stream))
    storages = _read_storages(stream, _unpickle(stream), {t.storage.key: t.storage for t in tensors.values()})
    return {name: _values(name, tensor, storages) for name, tensor in tensors.items()}


def _named_tensors(found: object) -> dict[str, _Tensor]:
    if not isinstance(found, dict):
        raise _Broken(f"holds a {type(found).__name__}; expected tensors by name (a state dictionary)")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise _Broken("holds more than tensors by name (a state dictionary)")
    return dict(found)


def _read_storages(stream: io.BytesIO, keys: object, wanted: dict[str, _Storage]) -> dict[str, NDArray[Any]]:
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or set(keys) != set(wanted):
        raise _Broken("damaged: its list of storages doesn't fit its tensors")
    storages = {}
    for key in keys:
        dtype = np.dtype(wanted[key].dtype)
        size = int.from_bytes(stream.read(8), "little")
        if size != wanted[key].size:
            raise _Broken("truncated or damaged: the size of a storage is not the announced one")
        raw = stream.read(size * dtype.itemsize)
        if len(raw) < size * dtype.itemsize:
            raise _Broken("truncated: its numbers end early")
        storages[key] = np.frombuffer(raw, dtype)
    return storages


def _values(name: str, tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    storage, offset, shape, strides = storages[tensor.storage.key], tensor.offset, tensor.shape, tensor.strides
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or any(type(number) is not int or number < 0 for number in numbers):
        raise _Broken(f"tensor {name}: its shape, strides and offset make no sense")
    count = math.prod(shape)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    # More values than the storage has would mean strides of zero, by which a tiny file could fill the memory.
    if count > storage.size or (count and last >= storage.size):
        raise _Broken(f"tensor {name}: reaches outside its storage")
    if not count:
        return np.empty(shape, storage.dtype)
    step = storage.itemsize
    view = np.lib.stride_tricks.as_strided(storage[offset:], shape, [stride * step for stride in strides])
    return np.array(view, order="C")


class _Unpickler(pickle.Unpickler):
    """Knows a handful of names, all of them harmless here; any other is refused by name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in _STORAGES:
            return _STORAGES[module, name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._note_tensor
        raise _Broken(f"refused: asks for '{module}.{name}', which has no place in a file of weights")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) != 6:
            raise _Broken("damaged: a storage is described wrongly")
        kind, dtype, key, _location, size, view = pid
        if kind != "storage" or dtype not in _STORAGES.values() or view is not None:
            raise _Broken("damaged, or older than what can be read: a storage is described wrongly")
        if not isinstance(key, str) or type(size) is not int or size < 0:
            raise _Broken("damaged: a storage is described wrongly")
        return _Storage(dtype, key, size)

    def _note_tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_training: Any) -> _Tensor:
        if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise _Broken("damaged: a tensor is described wrongly")
        return _Tensor(storage, offset, shape, strides)


def _unpickle(stream: io.BytesIO) -> Any:
    """Read the next pickle, leaving the stream behind it."""
    start = stream.tell()
    _guarded(lambda: _check_operations(stream))
    end = stream.tell()
    return _guarded(lambda: _Unpickler(io.BytesIO(stream.getvalue()[start:end])).load())


def _check_operations(stream: io.BytesIO) -> None:
    for number, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if operation.name not in _OPERATIONS:
            raise _Broken(f"refused: uses the pickle operation {operation.name} {argument or ''}".rstrip())
        # The interpreter makes room up to the index it is told to write to, so an absurd index would fill the memory.
        if operation.name in _MEMO_WRITES and (argument or 0) > number:
            raise _Broken("damaged: an index is too large")


def _guarded(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except _Broken:
        raise
    except Exception as error:  # damaged bytes make pickle raise nearly any kind
        raise _Broken(f"truncated, damaged or not a PyTorch file ({type(error).__name__})") from None
