"""Cuts a tf2onnx EfficientDet-Lite before its suppression: usage only_persons.py IN.onnx OUT.onnx

What is left answers `boxes` [1, N, 4] (top, left, bottom, right in 0..1) and `person_score` [1, N].
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

source, target = sys.argv[1:3]
graph = onnx.load(source).graph
producer = {output: node for node in graph.node for output in node.output}

suppression = next(node for node in graph.node if node.op_type == "NonMaxSuppression")
boxes = suppression.input[0]
transpose = producer[suppression.input[1]]
assert transpose.op_type == "Transpose"
scores = transpose.input[0]  # [1, N, classes]; persons are class 0

needed, stack = set(), [boxes, scores]
while stack:
    name = stack.pop()
    if name in producer and id(producer[name]) not in needed:
        needed.add(id(producer[name]))
        stack += [name for name in producer[name].input if name]
nodes = [node for node in graph.node if id(node) in needed]

weights = {tensor.name: tensor for tensor in graph.initializer}
slice_at = [
    numpy_helper.from_array(np.array(value, np.int64), name)
    for name, value in (("p_s", [0]), ("p_e", [1]), ("p_a", [2]))
]
nodes += [
    helper.make_node("Slice", [scores, "p_s", "p_e", "p_a"], ["p_slice"]),
    helper.make_node("Squeeze", ["p_slice", "p_a"], ["person_score"]),
    helper.make_node("Identity", [boxes], ["boxes"]),
]
used = {name for node in nodes for name in node.input}
weights = [weights[name] for name in weights if name in used] + slice_at

inputs = list(graph.input)
inputs[0].name, old_name = "image", inputs[0].name
for node in nodes:
    for index, name in enumerate(node.input):
        if name == old_name:
            node.input[index] = "image"
outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("boxes", "person_score")]

model = helper.make_model(
    helper.make_graph(nodes, "effdet_person", inputs, outputs, weights),
    opset_imports=[helper.make_opsetid("", 13)],
    producer_name="tf2onnx 1.16.1 + cut",
)
model.ir_version = 7
onnx.save(model, target)
