//! `frostglass check`: proves a config, and says in plain words what it does.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use frostglass_models::NetworkFile;

use super::Done;
use super::networks::{Medium, detail, face_networks};
use crate::config::{CameraSource, Config};

/// Arguments of `frostglass check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The config to prove (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Done> {
    let config = Config::read(&args.config)?;
    let (moving, stills) = (face_networks(&config, Medium::Moving), face_networks(&config, Medium::Stills));
    let person = config.persons.model.file();
    let (on_moving, on_stills) = if moving == stills { ("", None) } else { (", on clips and cameras", Some(&stills)) };
    let networks = moving.iter().map(|file| network_line(file, on_moving));
    let networks = networks.chain(on_stills.into_iter().flatten().map(|file| network_line(file, ", on pictures")));
    let networks = networks.chain([network_line(&person, "")]).collect::<anyhow::Result<Vec<_>>>()?;
    let looks = format!(
        "{:?} on clips and cameras, {:?} on pictures",
        detail(&config, Medium::Moving),
        detail(&config, Medium::Stills)
    );
    let described = crate::config::describe(&config, &networks);
    let missing = match &config.camera.source {
        Some(CameraSource::Path(path)) if !path.exists() => {
            format!("NOT THERE at the moment: {}; `run` would not start.\n", path.display())
        }
        _ => String::new(),
    };
    let text = format!("{described}Looks: {}\n{missing}", looks.to_lowercase());
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read the beginning had enough of it, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("standard output")?,
    }
    Ok(Done::Whole)
}

fn network_line(network: &NetworkFile, on: &str) -> anyhow::Result<String> {
    let card = network.card()?;
    let pin = if card.pinned { "pinned" } else { "your own, NOT pinned" };
    Ok(format!("{} from {}, SHA-256 {} ({pin}){on}", card.family.name(), card.file, card.sha256))
}
