//! What is linked in: no crate that recognises faces, knows an account or a cloud, or asks anybody for anything.
//!
//! Which those are stands in `deny.toml`, with a reason for each; `cargo deny` holds it against the crates each night, and
//! against their features, licences and sources. Here it is held against `Cargo.lock`, so that a change which brings one in
//! turns the ordinary tests red.

#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::path::{Path, PathBuf};

use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> Table {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn words(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// A crate that is not wanted, and those of our crates whose tests may have it all the same.
#[derive(Debug)]
struct Banned {
    name: String,
    testers: Vec<String>,
}

fn banned() -> Vec<Banned> {
    let rules = read("deny.toml");
    let entries = rules["bans"]["deny"].as_array().unwrap();
    let read = |entry: &Value| {
        let name = entry["crate"].as_str().unwrap().to_owned();
        // A version, which `cargo deny` would take, has no meaning here.
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{name}");
        assert!(entry.get("reason").is_some_and(|reason| !reason.as_str().unwrap().is_empty()), "{name}: say why");
        Banned { name, testers: words(entry.get("wrappers")) }
    };
    entries.iter().map(read).collect()
}

/// Who has a crate that is not wanted, by a lock file.
fn breaches(banned: &[Banned], lock: &Table) -> Vec<String> {
    let packages = lock["package"].as_array().unwrap();
    let mut found = Vec::new();
    for Banned { name, testers } in banned {
        for package in packages {
            let by = package["name"].as_str().unwrap();
            if testers.is_empty() && by == name {
                found.push(format!("{name} is locked"));
            }
            // "name", or "name version" where there are several.
            let needs = words(package.get("dependencies")).iter().any(|it| it.split(' ').next() == Some(name));
            if needs && !testers.iter().any(|tester| tester == by) {
                found.push(format!("{by} needs {name}"));
            }
        }
    }
    found
}

#[test]
fn no_crate_recognises_faces_knows_a_cloud_or_reports_home() {
    let (banned, lock) = (banned(), read("Cargo.lock"));
    // Neither list is empty, and the first has each sort.
    for name in
        ["reqwest", "rustls", "ureq", "sentry", "opentelemetry", "aws-config", "oauth2", "dlib-face-recognition"]
    {
        assert!(banned.iter().any(|it| it.name == name), "deny.toml does not ban {name} any more");
    }
    let locked = lock["package"].as_array().unwrap();
    for name in ["axum", "frostglass", "ort", "ureq"] {
        assert!(
            locked.iter().any(|package| package["name"].as_str() == Some(name)),
            "Cargo.lock was read wrongly: {name}"
        );
    }
    assert_eq!(breaches(&banned, &lock), [""; 0]);
}

#[test]
fn a_crate_that_is_not_wanted_would_be_noticed_wherever_it_comes_in() {
    let cases = [
        ("name = \"reqwest\"", vec!["reqwest is locked"]),
        ("name = \"axum\"\ndependencies = [\"reqwest 0.12.9\"]", vec!["axum needs reqwest"]),
        ("name = \"axum\"\ndependencies = [\"ureq\"]", vec!["axum needs ureq"]),
        ("name = \"frostglass\"\ndependencies = [\"ureq\"]", vec![]),
        ("name = \"axum\"\ndependencies = [\"reqwest-like\"]", vec![]),
    ];
    for (package, expected) in cases {
        let lock: Table = format!("[[package]]\n{package}\n").parse().unwrap();
        assert_eq!(breaches(&banned(), &lock), expected, "{package}");
    }
}

/// Of a crate that tests may have, a lock file does not say who else does; the manifests do.
#[test]
fn what_only_tests_may_have_is_in_no_program() {
    let workspace = read("Cargo.toml")["workspace"].as_table().unwrap().clone();
    let manifests: Vec<Table> =
        words(workspace.get("members")).iter().map(|it| read(&format!("{it}/Cargo.toml"))).collect();
    for Banned { name, testers } in banned() {
        let shared = asks_for(&workspace, "dependencies", &name);
        assert!(
            !shared || workspace["dependencies"].get(&name).is_some(),
            "{name} hides behind another name in Cargo.toml"
        );
        for tester in testers {
            let manifest = manifests.iter().find(|it| it["package"]["name"].as_str() == Some(&tester)).unwrap();
            assert!(
                manifest["dev-dependencies"].get(&name).is_some(),
                "deny.toml lets {tester} have {name}: it has none"
            );
        }
        let asks =
            |table: &Table| ["dependencies", "build-dependencies"].iter().any(|kind| asks_for(table, kind, &name));
        for manifest in &manifests {
            let by = manifest["package"]["name"].as_str().unwrap();
            assert!(!asks(manifest), "{by} has {name}, and not for its tests only");
            let targets = manifest.get("target").and_then(Value::as_table).cloned().unwrap_or_default();
            assert!(
                !targets.values().any(|target| asks(target.as_table().unwrap())),
                "{by} has {name} for some target"
            );
        }
    }
}

/// Whether a table of dependencies has a crate, under its own name or another.
fn asks_for(manifest: &Table, kind: &str, name: &str) -> bool {
    let list = manifest.get(kind).and_then(Value::as_table).cloned().unwrap_or_default();
    let is = |(key, asked): (&String, &Value)| {
        let renamed = asked.as_table().and_then(|asked| asked.get("package")).and_then(Value::as_str);
        renamed.unwrap_or(key) == name
    };
    list.iter().any(is)
}
