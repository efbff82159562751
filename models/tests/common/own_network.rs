//! A network file that is made here: one addition, and no detector of anything.
#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::path::Path;

/// A field of the Protocol Buffers encoding: bytes behind their length.
pub(crate) fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut all = vec![field << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        all.push(length as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    all.extend_from_slice(value);
    all
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// A network that adds one number to another. Field numbers: `onnx.proto` of ONNX 1.16.
pub(crate) fn network(weight: &[u8]) -> Vec<u8> {
    const FLOAT: u8 = 1;
    let info = |name: &str| {
        let shape = bytes(2, &bytes(1, &number(1, 1)));
        let tensor = [number(1, FLOAT), shape].concat();
        [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
    };
    let add = [bytes(1, b"input"), bytes(1, b"weight"), bytes(2, b"sum"), bytes(4, b"Add")].concat();
    let initializer = [number(1, 1), number(2, FLOAT), bytes(8, b"weight"), weight.to_vec()].concat();
    let graph = [
        bytes(1, &add),
        bytes(2, b"graph"),
        bytes(5, &initializer),
        bytes(11, &info("input")),
        bytes(12, &info("sum")),
    ];
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &number(2, 13))].concat()
}

/// The four bytes of the weight stand in this file.
pub(crate) fn elsewhere(location: &Path) -> Vec<u8> {
    let entry = |key: &str, value: &[u8]| bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value)].concat());
    let location = entry("location", location.to_str().unwrap().as_bytes());
    [location, entry("offset", b"0"), entry("length", b"4"), number(14, 1)].concat()
}
