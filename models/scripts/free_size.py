"""Makes height and width of a network free: usage free_size.py IN.onnx OUT.onnx

The published files are for one input size. The networks are convolutions only, so that it is enough to say that the
sizes are not fixed: in the input, in the outputs, and by dropping what was noted about the tensors in between.
"""

import sys

import onnx

source, target = sys.argv[1:3]
model = onnx.load(source)
graph = model.graph

# Weights that are also listed as inputs would have to be passed in with each run.
weights = {tensor.name for tensor in graph.initializer}
inputs = [value for value in graph.input if value.name not in weights]
del graph.input[:]
graph.input.extend(inputs)
del graph.value_info[:]


def fix(dimension, value):
    dimension.ClearField("dim_value")
    dimension.dim_value = value


def free(dimension, name):
    dimension.ClearField("dim_value")
    dimension.dim_param = name


batch, _, height, width = graph.input[0].type.tensor_type.shape.dim
fix(batch, 1)
free(height, "height")
free(width, "width")

for output in graph.output:
    dimensions = output.type.tensor_type.shape.dim
    # [1, N, values]: N depends on the size. [1, channels, rows, columns]: the last two do.
    depending = (1,) if len(dimensions) == 3 else (2, 3)
    for index in depending:
        free(dimensions[index], f"{output.name}_{index}")
    fix(dimensions[0], 1)

onnx.save(model, target)
