//! No engine, and network files that are damaged, of another kind, or not whole by themselves.

use std::path::Path;
use std::process::Command;

use crate::common::{files, folder, frostglass, pan, solvay};
use crate::{own_network, told};

/// What `run` would refuse is not called good before.
#[test]
fn a_config_whose_network_is_none_or_that_run_refuses_fails_its_check() {
    let dir = folder();
    std::fs::write(dir.path().join("junk.onnx"), "hello").unwrap();
    let check = |text: &str| {
        std::fs::write(dir.path().join("camera.toml"), text).unwrap();
        frostglass().args(["check", "--config", "camera.toml"]).current_dir(dir.path()).assert()
    };
    let run = check("[faces]\nmodel = { family = \"yunet\", path = \"junk.onnx\" }\n").code(1);
    assert!(told(&run).contains("junk.onnx"), "{}", told(&run));
    let run = check("[camera]\nsource = \"clip.mp4\"\n[faces]\nredact = \"mosaic\"\n").code(1);
    let said = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(said.contains("refuses") && said.contains("mosaic"), "{said}");
    check("[camera]\nsource = \"clip.mp4\"\n").success();
}

#[test]
fn a_missing_runtime_lists_where_it_was_looked_for_and_the_cure() {
    let dir = folder();
    let program = dir.path().join("frostglass");
    std::fs::copy(assert_cmd::cargo::cargo_bin("frostglass"), &program).unwrap();
    let run = Command::new(&program)
        .args(["redact", "-o", "out/"])
        .arg(solvay())
        .current_dir(dir.path())
        .env("FROSTGLASS_RUNTIME_DIR", dir.path().join("nowhere"))
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    if run.status.success() {
        println!("skipped: a system-wide ONNX Runtime was found");
        return;
    }
    assert!(told.contains("nowhere") && told.contains("fetch-runtime"), "{told}");
    assert!(files(&dir.path().join("out")).is_empty());
}

#[test]
fn an_own_network_with_damage_or_a_wrong_shape_is_refused() {
    let dir = folder();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("models/onnx");
    let yunet = std::fs::read(models.join("face_yunet_2023mar_dynamic_mit.onnx")).unwrap();
    std::fs::write(dir.path().join("cut.onnx"), &yunet[..yunet.len() / 2]).unwrap();
    std::fs::copy(models.join("face_centerface_dynamic_mit.onnx"), dir.path().join("other.onnx")).unwrap();
    std::fs::write(dir.path().join("text.onnx"), "not a network").unwrap();
    std::fs::write(dir.path().join("far.onnx"), own_network::network(&own_network::elsewhere(&solvay()))).unwrap();
    for name in ["cut.onnx", "other.onnx", "text.onnx", "missing.onnx", "far.onnx"] {
        let config = dir.path().join("own.toml");
        std::fs::write(&config, format!("[faces]\nmodel = {{ family = \"yunet\", path = \"{name}\" }}\n")).unwrap();
        let out = folder();
        let mut redact = frostglass();
        redact.arg("redact").arg(solvay()).arg("-o").arg(out.path()).arg("--config").arg(&config);
        let run = redact.assert().code(1);
        assert!(told(&run).contains(name), "{name}: {}", told(&run));
        assert!(files(out.path()).is_empty(), "{name}");
    }
    // Of a camera's as well, and nothing has left by then; who proves the config is told the same.
    let config = dir.path().join("camera.toml");
    let faces = "[faces]\nmodel = { family = \"yunet\", path = \"far.onnx\" }\n";
    std::fs::write(&config, format!("[camera]\nsource = {:?}\n{faces}[emit]\ny4m = \"out.y4m\"\n", pan())).unwrap();
    for command in ["check", "run"] {
        let run = frostglass().args([command, "--config"]).arg(&config).current_dir(dir.path()).assert().code(1);
        assert!(told(&run).contains("far.onnx") && told(&run).contains("External data"), "{command}: {}", told(&run));
        let left = std::fs::read(dir.path().join("out.y4m")).unwrap_or_default();
        assert!(left.is_empty(), "{command}: {} bytes", left.len());
    }
}
