"""A model of the size and shape of ResNet-50 (He et al., 2016) with random weights, as ONNX.

What it costs is what a copy-detection model on that trunk costs; what it says is worth nothing.
Batch normalisation is left out, as it is folded into the convolutions of exported models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests import onnx_models

SIDE, DIMENSIONS = 288, 512
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
_WIDEN = 4
_MANIFEST = {
    "name": "random-resnet50",
    "version": "1",
    "licence": "none needed",
    "input": onnx_models.square_input(SIDE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "output": {"name": "out", "dimensions": DIMENSIONS, "normalise": True},
    "scale": {"candidate": 0.5, "similar": 0.7},
}


class _Graph:
    """Nodes and weights as they are added; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._rng = np.random.default_rng(1)

    def node(self, kind: str, *inputs: str, **settings: Sequence[int]) -> str:
        name = f"t{len(self.nodes)}"
        made = helper.make_node(kind, list(inputs), [name])
        made.attribute.extend(helper.make_attribute(*setting) for setting in settings.items())
        self.nodes.append(made)
        return name

    def weight(self, *shape: int) -> str:
        scale = (2 / np.prod(shape[1:])) ** 0.5
        values = self._rng.standard_normal(shape, np.float32) * np.float32(scale)
        self.weights.append(numpy_helper.from_array(values, f"w{len(self.weights)}"))
        return str(self.weights[-1].name)

    def conv(self, given: str, inner: int, outer: int, side: int, stride: int = 1) -> str:
        weight = self.weight(outer, inner, side, side)
        return self.node("Conv", given, weight, strides=[stride, stride], pads=[side // 2] * 4)

    def block(self, given: str, inner: int, width: int, stride: int) -> str:
        """A bottleneck: 1 x 1, 3 x 3, 1 x 1, beside what it was given."""
        outer = width * _WIDEN
        made = self.node("Relu", self.conv(given, inner, width, 1))
        made = self.node("Relu", self.conv(made, width, width, 3, stride))
        made = self.conv(made, width, outer, 1)
        beside = given if inner == outer else self.conv(given, inner, outer, 1, stride)
        return self.node("Relu", self.node("Add", made, beside))


def install(folder: Path) -> Path:
    """Write the model and its manifest; the manifest's path."""
    graph = _Graph()
    made = graph.node("Relu", graph.conv("picture", 3, 64, 7, 2))
    made = graph.node("MaxPool", made, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inner = 64
    for number, (width, blocks) in enumerate(_STAGES):
        for block in range(blocks):
            made = graph.block(made, inner, width, 2 if number and not block else 1)
            inner = width * _WIDEN
    made = graph.node("Flatten", graph.node("GlobalAveragePool", made))
    graph.nodes.append(helper.make_node("MatMul", [made, graph.weight(inner, DIMENSIONS)], ["out"]))
    shapes: dict[str, list[str | int | None]] = {
        "picture": ["n", 3, SIDE, SIDE],
        "out": ["n", DIMENSIONS],
    }
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    whole = helper.make_graph(graph.nodes, "resnet50", ends[:1], ends[1:], graph.weights)
    return onnx_models.install(folder, onnx_models.serialised(whole), _MANIFEST)
