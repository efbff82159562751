"""Writes a network so that equal graphs give equal bytes: usage canonical.py IN.onnx OUT.onnx

Nodes stand in the order in which the outputs need them, tensors are numbered, equal weights are kept once.
"""

import hashlib
import sys

import onnx
from onnx import helper, numpy_helper

source, target = sys.argv[1:3]
model = onnx.load(source)
graph = model.graph

producer = {output: node for node in graph.node for output in node.output}
weights = {tensor.name: tensor for tensor in graph.initializer}
outputs = [value.name for value in graph.output]

# Depth first from the outputs, without recursion: a node comes after all that it needs.
order, placed = [], set()
for root in outputs:
    stack = [(root, False)]
    while stack:
        name, needs_are_placed = stack.pop()
        node = producer.get(name)
        if node is None or id(node) in placed:
            continue
        if needs_are_placed:
            placed.add(id(node))
            order.append(node)
            continue
        stack.append((name, True))
        for needed in reversed(node.input):
            if needed in producer and id(producer[needed]) not in placed:
                stack.append((needed, False))

new_name = {value.name: value.name for value in graph.input}
kept_weights, weight_of_content, nodes, tensors = [], {}, [], 0
for node in order:
    for name in node.input:
        if name in weights and name not in new_name:
            array = numpy_helper.to_array(weights[name])
            content = hashlib.sha256(array.tobytes() + str((array.dtype, array.shape)).encode()).hexdigest()
            if content not in weight_of_content:
                weight_of_content[content] = f"w{len(kept_weights)}"
                kept_weights.append(numpy_helper.from_array(array, weight_of_content[content]))
            new_name[name] = weight_of_content[content]
    copy = onnx.NodeProto()
    copy.op_type, copy.domain = node.op_type, node.domain
    copy.input.extend(new_name[name] if name else "" for name in node.input)
    for name in node.output:
        if name in outputs:
            new_name[name] = name
        else:
            new_name[name] = f"t{tensors}"
            tensors += 1
    copy.output.extend(new_name[name] for name in node.output)
    copy.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    nodes.append(copy)

opset = next(entry.version for entry in model.opset_import if entry.domain == "")
canonical = helper.make_model(
    helper.make_graph(nodes, "g", list(graph.input), list(graph.output), kept_weights),
    opset_imports=[helper.make_opsetid("", opset)],
)
canonical.ir_version = model.ir_version
canonical.producer_name = canonical.producer_version = ""
with open(target, "wb") as file:
    file.write(canonical.SerializeToString(deterministic=True))
