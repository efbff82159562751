//! `frostglass devices`: which cameras there are, what they offer, and what of it would be taken.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::Done;
use crate::capture::camera::find::{Found, look_at, nodes};
use crate::capture::camera::negotiate::{candidates, is_taken};
use crate::config::Config;
use crate::v4l2::{Fourcc, Sizes};

/// Arguments of `frostglass devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// One JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn devices(args: &DevicesArgs) -> anyhow::Result<Done> {
    let listed: Vec<Listed> = nodes().into_iter().map(list).collect();
    let text = if args.json { serde_json::to_string_pretty(&listed)? + "\n" } else { text(&listed) };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("standard output")?,
    }
    Ok(Done::Whole)
}

/// A Video4Linux node.
#[derive(Serialize)]
struct Listed {
    path: PathBuf,
    /// Why it is no camera for us.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(flatten)]
    camera: Option<Offer>,
}

/// What a camera is and offers.
#[derive(Serialize)]
struct Offer {
    card: String,
    driver: String,
    bus: String,
    /// What `run` would ask for by its defaults.
    takes: Option<Takes>,
    formats: Vec<Offered>,
    controls: Vec<String>,
}

#[derive(Serialize)]
struct Takes {
    format: String,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Offered {
    format: String,
    /// Whether Frostglass takes this format.
    taken: bool,
    sizes: Vec<OfferedSize>,
}

/// A size, or a range of them, and the rates at the largest.
#[derive(Serialize)]
struct OfferedSize {
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<[u32; 2]>,
    /// Frames a second.
    rates: Vec<f64>,
}

fn list(path: PathBuf) -> Listed {
    match look_at(&path) {
        Ok(found) => Listed { camera: Some(offer(&found)), fault: None, path },
        Err(fault) => Listed { fault: Some(fault.to_string()), camera: None, path },
    }
}

fn offer(found: &Found) -> Offer {
    let wish = Config::default_for_files().camera;
    let takes = candidates(found, &wish).first().map(|best| Takes {
        format: best.fourcc.to_string(),
        width: best.size.width,
        height: best.size.height,
    });
    let formats = found.device.formats(found.kind).into_iter().map(|fourcc| Offered {
        format: fourcc.to_string(),
        taken: is_taken(fourcc),
        sizes: found.device.sizes(fourcc).iter().map(|sizes| size(found, fourcc, sizes)).collect(),
    });
    let about = &found.capability;
    Offer {
        card: about.card.clone(),
        driver: about.driver.clone(),
        bus: about.bus.clone(),
        takes,
        formats: formats.collect(),
        controls: found.device.controls(),
    }
}

fn size(found: &Found, fourcc: Fourcc, sizes: &Sizes) -> OfferedSize {
    let (least, most, step) = match *sizes {
        Sizes::One(size) => (size, size, None),
        Sizes::Range { least, most, step } => (least, most, Some([step.width, step.height])),
    };
    let rates = found.device.rates(fourcc, most);
    let rates = rates.iter().map(|rate| (100.0 * f64::from(rate.frames) / f64::from(rate.seconds)).round() / 100.0);
    OfferedSize {
        width: least.width,
        height: least.height,
        up_to: step.map(|_| [most.width, most.height]),
        step,
        rates: rates.collect(),
    }
}

fn text(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "There is no Video4Linux device: plug a camera in, or load its driver.\n".to_owned();
    }
    let mut text = String::new();
    for Listed { path, fault, camera } in listed {
        let path = path.display();
        if let Some(fault) = fault {
            let _ = writeln!(text, "{path}: {fault}");
        }
        let Some(Offer { card, driver, bus, takes, formats, controls }) = camera else { continue };
        let _ = writeln!(text, "{path}: {card} ({driver}, {bus})");
        let _ = match takes {
            Some(Takes { format, width, height }) => writeln!(text, "  would be taken as {format} {width}x{height}"),
            None => writeln!(text, "  NOT taken: none of its formats is one of YUYV, UYVY, NV12, YU12, MJPG"),
        };
        for Offered { format, sizes, .. } in formats.iter().filter(|format| format.taken) {
            let sizes: Vec<_> = sizes.iter().map(said).collect();
            let _ = writeln!(text, "  {format}  {}", sizes.join(", "));
        }
        let others: Vec<_> = formats.iter().filter(|format| !format.taken).map(|one| one.format.as_str()).collect();
        if !others.is_empty() {
            let _ = writeln!(text, "  not taken: {}", others.join(" "));
        }
        if !controls.is_empty() {
            let _ = writeln!(text, "  controls: {}", controls.join(", "));
        }
    }
    text
}

fn said(offer: &OfferedSize) -> String {
    let size = format!("{}x{}", offer.width, offer.height);
    let size = match (offer.up_to, offer.step) {
        (Some([width, height]), Some(step)) => format!("{size} to {width}x{height} by {}x{}", step[0], step[1]),
        _ => size,
    };
    let least = offer.rates.iter().copied().reduce(f64::min);
    match (least, offer.rates.iter().copied().reduce(f64::max)) {
        (Some(least), Some(most)) if least < most => format!("{size} ({least} to {most}/s)"),
        (Some(least), _) => format!("{size} ({least}/s)"),
        _ => size,
    }
}
