//! `frostglass verify`: proves a record of policy, and says where it is broken.
//!
//! **Invariant.** "Whole" is said of what was proved line by line, and together with the key that this rests on. What can not be
//! seen in a record, a cut off end, is said each time.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::redact::plural;
use super::{Done, WrongUse};
use crate::event;
use crate::record::key::PublicKey;
use crate::record::place::Place;
use crate::record::verify::{Span, Told, VerifyError, verify as prove};

/// Arguments of `frostglass verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The record, as `[record] policy` names it
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The key that has to have signed it: its .pub file, or the 64 digits in that. Left out, it is the one that lies beside the
    /// record, or else the one that its first line names: whoever can exchange the record can exchange those, too
    #[arg(long, value_name = "PUBLIC")]
    key: Option<String>,
}

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<Done> {
    let log = args.log.display();
    let (key, from, whose) = key(args)?;
    let record = File::open(&args.log).with_context(|| format!("{log}: opening the record failed"))?;
    let (done, data) = match prove(record, key) {
        Ok(told) => {
            tell(&args.log, &told, &whose);
            let mut data = serde_json::to_value(&told)?;
            data["whole"] = true.into();
            data["key_from"] = from.into();
            (Done::Whole, data)
        }
        Err(VerifyError::Read(error)) => {
            return Err(error).with_context(|| format!("{log}: reading the record failed"));
        }
        Err(VerifyError::Broken { line, why }) => {
            eprintln!("frostglass: {log}: broken at line {line}: {why}");
            (Done::InPart, json!({"whole": false, "line": line, "why": why}))
        }
        Err(error @ VerifyError::Empty) => {
            eprintln!("frostglass: {log}: {error}");
            (Done::InPart, json!({"whole": false, "why": error.to_string()}))
        }
    };
    match writeln!(std::io::stdout().lock(), "{data}") {
        // Whoever read the beginning had enough of it, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("standard output")?,
    }
    Ok(done)
}

/// The key that has to have signed it, where it comes from, and what to call it; `None` when only the record itself names one.
fn key(args: &VerifyArgs) -> anyhow::Result<(Option<PublicKey>, &'static str, String)> {
    if let Some(given) = &args.key {
        let read = PublicKey::from_digits(given).map_or_else(|| PublicKey::read(Path::new(given)), Ok);
        let key = read.map_err(|error| {
            WrongUse(format!("--key {given}: expected the .pub file of a record, or its 64 digits ({error})"))
        })?;
        return Ok((Some(key), "given", "the key that was given".to_owned()));
    }
    let Place { public, .. } = Place::of(&args.log);
    match PublicKey::read(&public) {
        Ok(key) => Ok((Some(key), "beside", format!("the key beside it, {}", public.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok((None, "itself", "the key that its first line names; name one that you trust with --key".to_owned()))
        }
        Err(error) => Err(error)
            .with_context(|| format!("{}: reading the public key failed; name one with --key", public.display())),
    }
}

fn tell(log: &Path, told: &Told, whose: &str) {
    let Told { lines, first, last, hash, key, torn, torn_at_the_end, ended, starts, faults, walls_missing, policies } =
        told;
    // What a stranger signed may hold anything.
    let [first, last] = [first, last].map(|time| event::plain(time));
    eprintln!("{}: whole, {} from {first} to {last}, signed by {whose}:", log.display(), plural(*lines, "line"));
    eprintln!("  key {key}");
    eprintln!("  last hash {hash}");
    for Span { config, hides, from, until, frames } in policies {
        let at_least = if frames.at_least { "at least " } else { "" };
        let hides = event::plain(&hides.join(", "));
        let [from, until, config] = [from, until, config].map(|text| event::plain(text));
        eprintln!(
            "  {from} to {until}: {at_least}{} left, {} of them wholly masked; hidden: {hides} (config {config:.12}…)",
            plural(frames.out, "frame"),
            frames.masked
        );
    }
    let (starts, faults) = (plural(*starts, "start"), plural(*faults, "fault"));
    eprintln!("  {starts}; {faults}, at each of which everything was masked until a line tells of more");
    for wall in walls_missing {
        eprintln!("  a wall that was missing at some time: {}", event::plain(wall));
    }
    if !ended {
        eprintln!(
            "  its last line is no stop: it is still written, the run was killed, or its end is cut off; what left since is not counted"
        );
    }
    if !torn.is_empty() {
        let lines = torn.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        eprintln!("  torn by a power cut or a full disk, and named by the next line: in front of line {lines}");
    }
    if *torn_at_the_end > 0 {
        eprintln!(
            "  its last line is torn, as a power cut leaves it: {} behind the last whole line",
            plural(*torn_at_the_end, "byte")
        );
    }
    eprintln!(
        "Lines that were cut off at the end are not missed in it: compare count and hash with what was noted elsewhere."
    );
}
