"""Replaces the scales of Resize nodes by the sizes they mean: usage exact_resize.py IN.onnx OUT.onnx

Newer versions of ONNX Runtime round 3 * 1.6667 down to 4. An older one, 1.26.0, is asked for the true sizes.
"""

import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

source, target = sys.argv[1:3]
model = onnx.load(source)
del model.graph.value_info[:]
resizes = [node for node in model.graph.node if node.op_type == "Resize"]

# A copy of the network that also shows what each Resize gives.
probe = onnx.ModelProto()
probe.CopyFrom(model)
for node in resizes:
    probe.graph.output.append(helper.make_empty_tensor_value_info(node.input[0]))
    probe.graph.output.append(helper.make_empty_tensor_value_info(node.output[0]))
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
entry = session.get_inputs()[0]
element = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[entry.type]
names = [output.name for output in session.get_outputs()]
shown = dict(zip(names, session.run(None, {entry.name: np.zeros(entry.shape, element)})))

for node in resizes:
    sizes = node.output[0] + "_sizes"
    shape = np.array(shown[node.output[0]].shape, np.int64)
    model.graph.initializer.append(numpy_helper.from_array(shape, sizes))
    region = node.input[1] if len(node.input) > 1 else ""
    inputs = [node.input[0], region, "", sizes]
    del node.input[:]
    node.input.extend(inputs)
onnx.save(model, target)
