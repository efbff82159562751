//! A config in plain words, as `frostglass check` prints it.

use frostglass_vault::{Chroma, Colour, Format, PersonRule, Size, Style, Zone, ZoneStyle, Zones};

use super::{CameraSource, Config, NamedZone, Target, ZoneRule};

/// What a config hides, watches and emits, and what follows from it, a line for each thing. `networks` are the
/// networks it loads, in words.
#[must_use]
pub fn describe(config: &Config, networks: &[String]) -> String {
    let mut lines = vec![format!("Frames come from {}.", source(config))];
    lines.push(format!(
        "Faces are {}, each box grown by {:.0} % to cover the head.",
        style(config.faces.style),
        100.0 * config.faces.margin
    ));
    lines.push(match config.persons.rule {
        PersonRule::Head => "Of persons whose face was not found, the place of the head is hidden, too.".to_owned(),
        PersonRule::Body => "Persons are hidden whole.".to_owned(),
        PersonRule::None => "Persons whose face was not found are NOT hidden.".to_owned(),
    });
    lines.extend(zones(config));
    lines.push(match (config.events.motion, config.zones.iter().any(|zone| zone.rule == ZoneRule::Watch)) {
        (false, _) => "Motion is not told.".to_owned(),
        (true, false) => format!(
            "Motion is told anywhere outside hidden and ignored zones, at sensitivity {}.",
            config.events.sensitivity
        ),
        (true, true) => format!("Motion is told in watched zones only, at sensitivity {}.", config.events.sensitivity),
    });
    lines.extend(emits(config));
    lines.push(latency(config));
    lines.push("A frame that was not inspected in time leaves wholly masked.".to_owned());
    if let first @ 1.. = config.masked_start() {
        lines.push(format!(
            "So do the first {first} that were, after each start: some faces are found at the second or fifth look only."
        ));
    }
    lines.push(format!(
        "A face or person that is lost stays masked for {} frames; one that appears is masked in the {} frames before, too.",
        config.hold.linger, config.hold.frames
    ));
    if config.moving {
        lines.push("Everything that moves is masked, whatever it is.".to_owned());
    }
    if let Some(record) = &config.record {
        lines
            .push(format!("What is hidden is told in the signed record {}; its key lies beside it.", record.display()));
    }
    lines.extend(networks.iter().map(|network| format!("Network: {network}.")));
    lines.extend(
        config
            .not_yet()
            .iter()
            .map(|wish| format!("NOT SERVED by this version, `run` refuses: {} ({}).", wish.key, wish.why)),
    );
    lines.join("\n") + "\n"
}

fn source(config: &Config) -> String {
    let turned = match config.camera.rotate {
        0 => String::new(),
        degrees => format!(", turned by {degrees} degrees"),
    };
    let repeat = if config.camera.repeat { ", again and again" } else { "" };
    match &config.camera.source {
        None => "the files that `redact` is given (no [camera] source is named)".to_owned(),
        Some(CameraSource::Auto) => format!("the only camera there is{turned}"),
        Some(CameraSource::Path(path)) => format!("{}{turned}{repeat}", path.display()),
    }
}

fn style(style: Style) -> &'static str {
    match style {
        Style::Blur => "blurred (frosted glass made of what is around them)",
        Style::Mosaic => "turned into a coarse mosaic (pictures only; a hint of colour stays)",
        Style::Solid => "painted over with one colour",
    }
}

fn zones(config: &Config) -> Vec<String> {
    let line = |zone: &NamedZone| {
        let share = share(zone);
        match zone.rule {
            ZoneRule::Hide => {
                let how = match zone.style {
                    ZoneStyle::Solid => "",
                    ZoneStyle::Blur => ", and later filled in from around it",
                };
                format!(
                    "Hidden always: \"{}\", {share:.1} % of the picture, painted flat at capture, so that no network and no motion watch sees what is behind{how}.",
                    zone.name
                )
            }
            ZoneRule::Watch => format!("Watched: \"{}\", {share:.1} % of the picture.", zone.name),
            ZoneRule::Ignore => format!(
                "Ignored: \"{}\", {share:.1} % of the picture: no events from there, but it is NOT hidden.",
                zone.name
            ),
        }
    };
    if config.zones.iter().any(|zone| zone.rule == ZoneRule::Hide) {
        return config.zones.iter().map(line).collect();
    }
    std::iter::once("No zone is hidden.".to_owned()).chain(config.zones.iter().map(line)).collect()
}

/// Per cent of a picture of the configured size that a zone covers.
fn share(zone: &NamedZone) -> f64 {
    // Fine enough for a tenth of a per cent, whatever the camera's size.
    let format = Format { size: Size::new(1000, 1000), chroma: Chroma::Full, colour: Colour::Rgb };
    100.0 * Zones::new(&[Zone { outline: zone.outline.clone(), style: zone.style }], format).covered_share()
}

fn emits(config: &Config) -> Vec<String> {
    let emit = &config.emit;
    let to = |target: &Target| match target {
        Target::Stdout => "standard output".to_owned(),
        Target::File(path) => path.display().to_string(),
    };
    let mut lines = Vec::new();
    if let Some(target) = &emit.jsonl {
        lines.push(format!("Events go to {}, one JSON object a line.", to(target)));
    }
    if let Some(folder) = &emit.pictures {
        let limit = match emit.pictures_max_mib {
            0 => "without a limit".to_owned(),
            limit => format!("the oldest go above {limit} MiB"),
        };
        let which = match emit.pictures_every {
            1 => "Every redacted frame".to_owned(),
            every => format!("One of {every} redacted frames"),
        };
        lines.push(format!("{which} goes to {} as a JPEG; {limit}.", folder.display()));
    }
    if let Some(target) = &emit.y4m {
        lines.push(format!("Redacted video goes to {} as Y4M.", to(target)));
    }
    if let Some(device) = &emit.loopback {
        lines.push(format!("Redacted video goes to the device {}.", device.display()));
    }
    if let Some(address) = &emit.http {
        lines.push(format!("A live view of redacted video is served at {address}."));
    }
    if lines.is_empty() {
        lines.push("Nothing leaves: no way out is named in [emit].".to_owned());
    }
    lines
}

fn latency(config: &Config) -> String {
    let frame = 1000.0 / f64::from(config.camera.fps);
    let deadline = config.hold.deadline.as_millis();
    let most = deadline as f64 + frame * config.hold.frames as f64;
    format!(
        "A frame is due at most {most:.0} ms after capture, on a machine that is not busy with other things: {deadline} ms to \
         inspect it, and {} frames of look-ahead at {} a second.",
        config.hold.frames, config.camera.fps
    )
}
