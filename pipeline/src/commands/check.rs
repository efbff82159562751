//! `frostglass check`: proves a config, and says in plain words what it does.

use std::path::PathBuf;

use clap::Args;
use frostglass_models::NetworkFile;

use super::Done;
use super::networks::{Medium, detail, face_networks, person_network};
use crate::config::Config;

/// Arguments of `frostglass check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The config to prove (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[expect(clippy::print_stdout, reason = "the description is this command's data")]
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Done> {
    let config = Config::read(&args.config)?;
    let files = face_networks(&config.faces.model).into_iter().chain([person_network(&config.persons.model)]);
    let networks = files.map(|file| network_line(&file)).collect::<anyhow::Result<Vec<_>>>()?;
    print!("{}", crate::config::describe(&config, &networks));
    let looks = format!(
        "{:?} on clips and cameras, {:?} on pictures",
        detail(&config, Medium::Moving),
        detail(&config, Medium::Stills)
    );
    println!("Looks: {}", looks.to_lowercase());
    Ok(Done::Whole)
}

fn network_line(network: &NetworkFile) -> anyhow::Result<String> {
    let card = network.card()?;
    let pin = if card.pinned { "pinned" } else { "your own, NOT pinned" };
    Ok(format!("{} from {}, SHA-256 {} ({pin})", card.family.name(), card.file, card.sha256))
}
