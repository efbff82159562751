//! A network file that has its weights read from another file: whoever wrote it would have a say in what this process reads.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

#[path = "common/own_network.rs"]
mod own_network;

use std::path::Path;

use frostglass_models::{Detail, FaceSetup, Family, ModelError, NetworkFile, Runtime, face_detector};
use own_network::{bytes, elsewhere, network};

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
