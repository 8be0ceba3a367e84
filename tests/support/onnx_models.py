"""Whole QONNX files beside the executor of the package qonnx: every tensor, on random inputs and
extremes. `cd tests && python -m support.onnx_models FILE... --count 1000`.

With `--extent 32` an image of 32 x 32 goes through a file that has convolutions alone; with `--rtl`
one frame goes through the simulated hardware.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import hwgen
from hwgen.importers.onnx import import_onnx
from support.onnx_graphs import CHANNELS_LAST
from support.whole import planned


def resized(path, batch, extent, folder):
    """Write a file of so many frames at once, of images of another size, and return it and its
    input's shape. Only what is convolutional may have another size."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    model = onnx.load(path)
    graph = model.graph
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    model.opset_import.append(onnx.helper.make_opsetid(CHANNELS_LAST, opset))
    known = {constant.name for constant in graph.initializer}
    entry = next(entry for entry in graph.input if entry.name not in known)
    rank = len(_dims(entry))
    places = [n for n, dim in enumerate(_dims(entry)) if n and dim.dim_value > 4]
    size = max(dim.dim_value for dim in _dims(entry))
    for tensor in (*graph.value_info, *graph.output, entry):
        dims = _dims(tensor)
        if len(dims) != rank or dims[0].dim_value != 1:
            continue  # such as weights
        dims[0].dim_value = batch
        for n in places if extent else ():
            dims[n].dim_value = dims[n].dim_value * extent // size
    onnx.save(model, Path(folder) / path.name)
    found = ModelWrapper(model)
    if not any(value.name not in known for value in graph.value_info):
        found = found.transform(InferShapes())
    return found, entry.name, [dim.dim_value for dim in _dims(entry)]


def _dims(tensor):
    return tensor.type.tensor_type.shape.dim


def frames(network, count, rng):
    """Return integers that enter: random ones of several spreads, and the least and the largest."""
    x = network.input
    spread = rng.choice([1, 1 / 4, 1 / 16], (count, *[1] * len(x.shape)))
    integers = np.rint(rng.uniform(x.lo, x.hi, (count, *x.shape)) * spread).astype(np.int64)
    integers[:4] = np.array([x.lo, x.hi, 0, x.zero_point]).reshape(-1, *[1] * len(x.shape))
    integers[4] = rng.choice([x.lo, x.hi], x.shape)
    return np.clip(integers, x.lo, x.hi)


def compared(path, count, batch, extent, seed=0):
    """Return the network, and of each tensor how many numbers differ, and by how much at most."""
    from qonnx.core.onnx_exec import execute_onnx

    rng = np.random.default_rng(seed)
    found = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a file whose shapes are not said, and rounding
        onnxruntime.set_default_logger_severity(3)
        model, entry, shape = resized(path, batch, extent, folder)
        network = import_onnx(Path(folder) / path.name)
        theirs_first = shape[1:] == [*network.input.shape]
        integers = frames(network, count, rng)
        for at in range(0, count, batch):
            x = integers[at : at + batch]
            real = (network.input.scale * (x - network.input.zero_point)).astype(np.float32)
            real = real if theirs_first else np.moveaxis(real, 1, -1)
            tensors = execute_onnx(model, {entry: real}, return_full_exec_context=True)
            trace = network.trace(x)
            ends = {end.node: end for end in network.ends}
            for name, t in network.tensors.items():
                of = ends[name].name if name in ends and not ends[name].steps else name
                if of not in tensors or (t.format is None and name not in ends):
                    continue
                scale = t.scale.reshape(-1, *[1] * (len(t.shape) - 1))
                ours = scale * (trace[name] - t.zero_point)
                theirs = np.asarray(tensors[of])
                theirs = theirs if theirs_first or ours.ndim < 3 else np.moveaxis(theirs, -1, 1)
                apart = np.abs(ours - theirs)
                number, most, of_all = found.get(of, (0, 0.0, 0))
                found[of] = (
                    number + np.count_nonzero(apart),
                    max(most, apart.max()),
                    of_all + apart.size,
                )
            for end in network.ends:
                if end.steps:
                    ours = network.dequantize(
                        {end.name: trace[end.node]} if len(ends) > 1 else trace[end.node]
                    )
                    theirs = tensors[end.name]
                    differs, most, of_all = found.get("largest", (0, 0.0, 0))
                    differs += np.count_nonzero(ours.argmax(1) != theirs.argmax(1))
                    most = max(most, np.abs(ours - theirs).max())
                    found["largest"] = differs, most, of_all + len(ours)
    return network, found


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--extent", type=int, default=0)
    parser.add_argument("--rtl", action="store_true")
    given = parser.parse_args(arguments)
    for path in given.files:
        network, found = compared(path, given.count, given.batch, given.extent)
        for name, (number, most, of_all) in found.items():
            print(f"{path.name}: {name}: {number} of {of_all} differ, by {most:g} at most")
        if given.rtl:
            with tempfile.TemporaryDirectory() as folder:
                package = hwgen.generate(planned(network), Path(folder) / "package")
                x = frames(network, 8, np.random.default_rng(1))[-1:]
                result = package.simulate(x)
                print(f"{path.name}: RTL equal: {result.equal} {result.first_difference or ''}")


if __name__ == "__main__":
    main(sys.argv[1:])
