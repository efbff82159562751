//! Which format, size and rate are taken of those that a camera offers.
//!
//! **Invariant.** What the driver answers counts, not what was asked for; each difference is a note for the owner.

use frostglass_vault::Size;

use super::CameraFault;
use super::find::{Found, holders};
use super::unpack::Unpack;
use crate::capture::{MOST_PIXELS, Rate};
use crate::config::{Camera as Wish, PixelFormat};
use crate::v4l2::{Driver, Fourcc, Kind, Layout, MOST_PLANES, Sizes};

/// Formats that are taken, with the cheapest first: what is already planar is copied, the rest is unpacked or decoded.
pub(super) const TAKEN: [(Fourcc, PixelFormat); 7] = [
    (Fourcc(*b"YU12"), PixelFormat::Yu12),
    (Fourcc(*b"YM12"), PixelFormat::Yu12),
    (Fourcc(*b"NV12"), PixelFormat::Nv12),
    (Fourcc(*b"NM12"), PixelFormat::Nv12),
    (Fourcc(*b"YUYV"), PixelFormat::Yuyv),
    (Fourcc(*b"UYVY"), PixelFormat::Uyvy),
    (Fourcc(*b"MJPG"), PixelFormat::Mjpg),
];

/// A format and a size that a camera offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The format.
    pub fourcc: Fourcc,
    /// The size that is nearest to the wish.
    pub size: Size,
    /// Frames a second that are missing to the wish at this size; 0 when the camera does not say.
    short: f64,
}

/// What can be asked of a camera, best first: the nearest size, then the nearest rate, then the cheapest format.
#[must_use]
pub fn candidates(found: &Found, wish: &Wish) -> Vec<Candidate> {
    let wanted = Size::new(wish.width, wish.height);
    let offered = found.device.formats(found.kind);
    let taken = TAKEN.iter().filter(|(fourcc, name)| {
        offered.contains(fourcc) && (wish.format == PixelFormat::Auto || wish.format == *name)
    });
    let mut list: Vec<Candidate> = taken
        .map(|&(fourcc, _)| {
            let size = nearest(&found.device.sizes(fourcc), wanted);
            let per_second = |rate: &Rate| f64::from(rate.frames) / f64::from(rate.seconds);
            let best = found.device.rates(fourcc, size).iter().map(per_second).reduce(f64::max);
            let short = best.map_or(0.0, |best| (f64::from(wish.fps) - best).max(0.0));
            Candidate { fourcc, size, short }
        })
        .collect();
    // The sort is stable: the order of `TAKEN` decides among equals.
    list.sort_by(|one, other| {
        distance(one.size, wanted).cmp(&distance(other.size, wanted)).then(one.short.total_cmp(&other.short))
    });
    list
}

/// Whether this format is one that is taken.
#[must_use]
pub fn is_taken(fourcc: Fourcc) -> bool {
    TAKEN.iter().any(|(taken, _)| *taken == fourcc)
}

/// What the camera was brought to.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) layout: Layout,
    pub(super) unpack: Unpack,
    /// `None` when the driver does not know its rate.
    pub(super) rate: Option<Rate>,
    /// What differs from the wish.
    pub(super) notes: Vec<String>,
}

/// Brings the camera to the best of what it offers.
pub(super) fn agree(found: &mut Found, wish: &Wish) -> Result<Agreed, CameraFault> {
    let list = candidates(found, wish);
    let path = found.path.clone();
    let mut refused = Vec::new();
    for candidate in &list {
        let layout = match found.device.set_format(found.kind, &wanted(*candidate)) {
            Ok(layout) => layout,
            // EBUSY.
            Err(error) if error.raw_os_error() == Some(16) => return Err(CameraFault::Busy(holders(&path))),
            Err(error) if error.raw_os_error() == Some(19) => return Err(CameraFault::Gone),
            Err(error) => {
                refused.push(format!("{} ({error})", candidate.fourcc));
                continue;
            }
        };
        if layout.fourcc != candidate.fourcc {
            refused.push(format!("{} (the driver took {} instead)", candidate.fourcc, layout.fourcc));
            continue;
        }
        let unpack = match Unpack::new(&layout, found.kind) {
            Ok(unpack) => unpack,
            Err(why) => {
                refused.push(format!("{} (the driver {why})", candidate.fourcc));
                continue;
            }
        };
        // After the format: setting that may set the rate back.
        let rate = Rate::new(wish.fps, 1).and_then(|rate| found.device.set_rate(found.kind, rate).ok());
        let notes = notes(wish, &layout, rate);
        return Ok(Agreed { layout, unpack, rate, notes });
    }
    let offers = found.device.formats(found.kind).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let offers = if offers.is_empty() { "none".to_owned() } else { offers };
    let advice = match (wish.format, refused.as_slice()) {
        (PixelFormat::Auto, []) => "set another format with its own tool, if it has one".to_owned(),
        (_, []) => "[camera] format = \"auto\" takes what there is".to_owned(),
        (_, refused) => format!("not agreed on: {}", refused.join(", ")),
    };
    Err(CameraFault::NoFormat { offers, advice })
}

fn wanted(candidate: Candidate) -> Layout {
    Layout {
        fourcc: candidate.fourcc,
        size: candidate.size,
        planes: 1,
        strides: [0; MOST_PLANES],
        bytes: [0; MOST_PLANES],
        colorspace: 0,
        encoding: 0,
        quantization: 0,
        field: 1,
    }
}

fn notes(wish: &Wish, layout: &Layout, rate: Option<Rate>) -> Vec<String> {
    let mut notes = Vec::new();
    if layout.size != Size::new(wish.width, wish.height) {
        notes.push(format!("the nearest to {}x{} that it offers is {}", wish.width, wish.height, layout.size));
    }
    match rate {
        None => notes.push("it does not say its rate".to_owned()),
        Some(rate) if u64::from(rate.frames) != u64::from(wish.fps) * u64::from(rate.seconds) => notes.push(format!(
            "the nearest to {} frames a second that it offers is {:.2}",
            wish.fps,
            f64::from(rate.frames) / f64::from(rate.seconds)
        )),
        Some(_) => {}
    }
    notes
}

/// Of all sizes the nearest; of two that are as near the larger.
fn nearest(offered: &[Sizes], wanted: Size) -> Size {
    let within = |sizes: &Sizes| match *sizes {
        Sizes::One(size) => size,
        Sizes::Range { least, most, step } => Size::new(
            on_grid(wanted.width, least.width, most.width, step.width),
            on_grid(wanted.height, least.height, most.height, step.height),
        ),
    };
    let sizes = offered.iter().map(within).filter(|size| size.pixels() > 0 && size.pixels() <= MOST_PIXELS);
    sizes.min_by_key(|&size| (distance(size, wanted), std::cmp::Reverse(size.pixels()))).unwrap_or(wanted)
}

fn on_grid(wanted: u32, least: u32, most: u32, step: u32) -> u32 {
    let most = most.max(least);
    let (step, room) = (step.max(1), most - least);
    let steps = ((wanted.clamp(least, most) - least).saturating_add(step / 2) / step).min(room / step);
    least.saturating_add(steps.saturating_mul(step))
}

fn distance(one: Size, other: Size) -> u64 {
    u64::from(one.width.abs_diff(other.width)) + u64::from(one.height.abs_diff(other.height))
}

/// Whether pictures come in one buffer each, for messages.
pub(super) fn api(kind: Kind) -> &'static str {
    if kind == Kind::CaptureMultiplanar { "multi-planar" } else { "single-planar" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_size_is_taken_and_the_larger_of_two() {
        let one = |width, height| Sizes::One(Size::new(width, height));
        let list = [one(320, 240), one(640, 480), one(1920, 1080)];
        assert_eq!(nearest(&list, Size::new(640, 480)), Size::new(640, 480));
        assert_eq!(nearest(&list, Size::new(1280, 720)), Size::new(640, 480));
        assert_eq!(nearest(&list, Size::new(4000, 4000)), Size::new(1920, 1080));
        assert_eq!(nearest(&[one(600, 400), one(680, 400)], Size::new(640, 400)), Size::new(680, 400));
        assert_eq!(nearest(&[], Size::new(640, 400)), Size::new(640, 400), "a driver that does not say is asked");
    }

    #[test]
    fn a_range_is_kept_to_its_steps_and_its_ends() {
        let range = |least, most, step| {
            let size = |side| Size::new(side, side);
            [Sizes::Range { least: size(least), most: size(most), step: size(step) }]
        };
        assert_eq!(nearest(&range(16, 1000, 16), Size::new(650, 120)), Size::new(656, 128));
        assert_eq!(nearest(&range(100, 300, 7), Size::new(5000, 1)), Size::new(296, 100));
        // Ends in the wrong order, and a step beyond the end.
        assert_eq!(nearest(&range(300, 100, 1), Size::new(200, 200)), Size::new(300, 300));
        assert_eq!(nearest(&range(u32::MAX, u32::MAX, u32::MAX), Size::new(9, 9)), Size::new(9, 9));
    }
}
