//! A network file that has its weights read from another file: whoever wrote it would have a say in what this process reads.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::path::Path;

use frostglass_models::{Detail, FaceSetup, Family, ModelError, NetworkFile, Runtime, face_detector};

/// A field of the Protocol Buffers encoding: bytes behind their length.
fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
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
fn network(weight: &[u8]) -> Vec<u8> {
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
fn elsewhere(location: &Path) -> Vec<u8> {
    let entry = |key: &str, value: &[u8]| bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value)].concat());
    let location = entry("location", location.to_str().unwrap().as_bytes());
    [location, entry("offset", b"0"), entry("length", b"4"), number(14, 1)].concat()
}

fn load(folder: &Path, weight: &[u8]) -> ModelError {
    let path = folder.join("own.onnx");
    std::fs::write(&path, network(weight)).unwrap();
    let networks = vec![NetworkFile::Own { family: Family::YuNet, path }];
    let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.5, threads: 1, stills: false };
    face_detector(&Runtime::load().unwrap(), &setup).err().unwrap()
}

#[test]
fn a_network_file_that_has_its_weights_elsewhere_is_refused_wherever_that_is() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("networks");
    std::fs::create_dir(&folder).unwrap();
    // With the weight in the file itself it is a network, if none that finds faces.
    let plain = load(&folder, &bytes(9, &1.0f32.to_le_bytes()));
    assert!(matches!(plain, ModelError::Family { .. }), "{plain:?}");
    for (place, location) in [
        (outer.path().join("weights"), "../weights".into()),
        (folder.join("weights"), "weights".into()),
        (outer.path().join("weights"), outer.path().join("weights")),
        // Relative to where this process was started.
        (std::env::current_dir().unwrap().join("Cargo.toml"), "Cargo.toml".into()),
    ] {
        if !place.exists() {
            std::fs::write(&place, 1.0f32.to_le_bytes()).unwrap();
        }
        let refused = load(&folder, &elsewhere(&location));
        assert!(matches!(refused, ModelError::Load { .. }), "{}: {refused:?}", location.display());
    }
}
