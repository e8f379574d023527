"""The reader of old PyTorch files, against files written here the way PyTorch wrote them."""

import io
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catml.backbones.pth import read_pth
from catml.errors import InputError

MAGIC = 0x1950A86A20F9469CFC6C
FACTS = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
KINDS = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage", "u1": "ByteStorage"}


def _rebuild_tensor_v2(*arguments):
    raise AssertionError("only its name is written")


class Storage:
    def __init__(self, key, values, size=None):
        self.key, self.values = key, np.asarray(values)
        self.size = self.values.size if size is None else size


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.arguments


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """A stand-in for PyTorch with nothing but the names that its files mention."""
    module, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in KINDS.values():
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


def written(content, storages=(), *, magic=MAGIC, facts=FACTS, protocol=2, view=None):
    stream = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                kind = getattr(sys.modules["torch"], KINDS[thing.values.dtype.str[1:]])
                return ("storage", kind, thing.key, "cpu", thing.size, view)
            return None

    for part in (magic, 1001, facts, content, [storage.key for storage in storages]):
        Pickler(stream, protocol).dump(part)
    for storage in storages:
        stream.write(storage.values.size.to_bytes(8, "little") + storage.values.tobytes())
    return stream.getvalue()


def with_content(operations):
    """Return a file whose content is these pickle operations."""
    whole, empty = written({}), pickle.dumps({}, 2)
    return whole.replace(empty, b"\x80\x02" + operations)


def read(data, folder):
    path = folder / "weights.pth"
    path.write_bytes(data)
    return read_pth(path)


def refused(data, folder, match):
    with pytest.raises(InputError, match=match) as caught:
        read(data, folder)
    assert str(folder / "weights.pth") in str(caught.value)


def test_offsets_and_strides_count(tmp_path):
    numbers = Storage("a", np.arange(100, dtype="<f4"))
    tensors = OrderedDict(
        plain=Tensor(numbers, 0, (4, 25), (25, 1)),
        transposed=Tensor(numbers, 0, (25, 4), (1, 25)),
        kernel=Tensor(numbers, 4, (2, 3, 4, 4), (1, 2, 24, 6)),
        column=Tensor(numbers, 3, (4,), (25,)),
        last=Tensor(numbers, 99, (1, 1), (1, 1)),
        scalar=Tensor(numbers, 7, (), ()),
        empty=Tensor(numbers, 0, (0, 5), (5, 1)),
    )
    found = read(written(tensors, [numbers]), tmp_path)
    grid = numbers.values.reshape(4, 25)
    np.testing.assert_array_equal(found["plain"], grid)
    np.testing.assert_array_equal(found["transposed"], grid.T)
    np.testing.assert_array_equal(found["kernel"], numbers.values[4:].reshape(4, 4, 3, 2).transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(found["column"], grid[:, 3])
    assert found["last"].tolist() == [[99.0]]
    assert found["scalar"].shape == ()
    assert found["scalar"] == 7.0
    assert found["empty"].shape == (0, 5)
    assert all(array.flags.c_contiguous and array.flags.owndata for array in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_kept(kind, tmp_path):
    storage = Storage("1", np.array([1, 2, 250], dtype=kind))
    found = read(written({"x": Tensor(storage, 0, (3,), (1,))}, [storage]), tmp_path)["x"]
    assert found.dtype == np.dtype(kind)
    assert found.tolist() == [1, 2, 250]


def test_state_dictionary_with_metadata(tmp_path):
    storage = Storage("1", np.ones(2, "<f4"))
    state = OrderedDict(x=Tensor(storage, 0, (2,), (1,)))
    state._metadata = OrderedDict({"": {"version": 1}})
    assert list(read(written(state, [storage]), tmp_path)) == ["x"]


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["magic", "facts", "content"])
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (eval, "eval"), (getattr, "getattr"), (subprocess.Popen, "Popen")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_executed(function, name, place, protocol, tmp_path):
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'w')" if function is eval else f"touch {trace}"
    arguments = {"content": {}} | {place: Hostile(function, code)}
    refused(written(**arguments, protocol=protocol), tmp_path, rf"refused: asks for '\w+\.{name}'")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "operation"),
    [
        (b"(K\x01ios\nsystem\n.", "INST os system"),
        (b"\x82\x01.", "EXT1"),
        (b"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
    ],
)
def test_other_ways_to_call_are_refused(content, operation, tmp_path):
    refused(with_content(content), tmp_path, f"refused: uses the pickle operation {operation}")


@pytest.mark.parametrize("innocent", ["torch.load", "collections.Counter", "numpy.ndarray"])
def test_only_the_few_names_are_known(innocent, tmp_path):
    module, name = innocent.split(".")
    refused(with_content(f"c{module}\n{name}\n.".encode()), tmp_path, f"refused: asks for '{innocent}'")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (91, (10,), (1,)),
        (0, (2, 51), (50, 1)),
        (0, (11,), (10,)),
        (-1, (2,), (1,)),
        (99, (2,), (-1,)),
        (0, (-2, -2), (1, 1)),
        (0, (1000, 1000, 1000), (0, 0, 0)),
        (2**62, (1,), (1,)),
        (0, (2**40, 2**40), (2**40, 1)),
        (0, (2,), (1, 1)),
        (0, (2.0,), (1,)),
        (True, (2,), (1,)),
        ("0", (2,), (1,)),
        (0, [2], [1]),
    ],
)
def test_no_tensor_reaches_outside_its_storage(offset, shape, strides, tmp_path):
    storage = Storage("1", np.zeros(100, "<f4"))
    data = written({"x": Tensor(storage, offset, shape, strides)}, [storage])
    refused(data, tmp_path, "tensor")


@pytest.mark.parametrize("size", [99, 101, -1, 2**62, 1.0])
def test_announced_size_must_be_the_real_one(size, tmp_path):
    storage = Storage("1", np.zeros(100, "<f4"), size=size)
    refused(written({"x": Tensor(storage, 0, (2,), (1,))}, [storage]), tmp_path, "damaged")


def test_absurd_index_takes_no_memory(tmp_path):
    refused(with_content(b"}r\xff\xff\xff\x7f."), tmp_path, "index")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "truncated, damaged or not"),
        (b"PK\x03\x04rest", "newer zip format"),
        (b"<html>not found</html>", "not a PyTorch file"),
        (pickle.dumps(1, 2), "magic number"),
        (pickle.dumps(MAGIC, 2) + pickle.dumps(1002, 2), "protocol"),
    ],
)
def test_other_files(data, match, tmp_path):
    refused(data, tmp_path, match)


@pytest.mark.parametrize("content", [[], {"x": 1}, {1: 2}, "text", {"state": OrderedDict()}])
def test_other_content(content, tmp_path):
    refused(written(content), tmp_path, "state dictionary")


def test_other_machines_and_views(tmp_path):
    refused(written({}, facts={"little_endian": False}), tmp_path, "big-endian")
    refused(written({}, facts=None), tmp_path, "big-endian")
    storage = Storage("1", np.zeros(2, "<f4"))
    content = {"x": Tensor(storage, 0, (2,), (1,))}
    refused(written(content, [storage], view=("2", 0, 1)), tmp_path, "older than")
    refused(written(content, []), tmp_path, "list of storages")
    refused(written({"x": Tensor(1, 0, (2,), (1,))}), tmp_path, "tensor is described wrongly")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        read_pth(Path(tmp_path, "none.pth"))


def small_file():
    storages = [Storage("1", np.arange(6, dtype="<f4")), Storage("2", np.array([3], "<i8"))]
    return written(OrderedDict(w=Tensor(storages[0], 0, (2, 3), (1, 2)), n=Tensor(storages[1], 0, (), ())), storages)


def test_truncated_anywhere(tmp_path):
    data = small_file()
    assert set(read(data, tmp_path)) == {"w", "n"}
    for length in range(len(data)):
        with pytest.raises(InputError):
            read(data[:length], tmp_path)


def test_damaged_anywhere(tmp_path):
    data = small_file()

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), min_size=1, max_size=4))
    def check(changes):
        damaged = bytearray(data)
        for position, value in changes:
            damaged[position] = value
        with suppress(InputError):
            read(bytes(damaged), tmp_path)

    check()
