//! Looks: which part of a picture is shown to a network, at which size, and the way back from its boxes.
//!
//! **Invariant.** The looks of a plan together show every pixel of the picture, and a box of the network's input maps
//! back to where its pixels came from.

use frostglass_vault::{Rect, Size};

use crate::decode::Candidate;
use crate::detector::Detail;
use crate::merge::Found;
use crate::network::Curve;
use crate::turn::Turn;

/// One region of a picture, placed in the upper left of a network's input, black around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    picture: Size,
    region: Rect,
    content: Size,
    turn: Turn,
    input: Size,
    /// The largest box, in pixels of the input, that this look is trusted for; larger ones are another look's.
    largest: f32,
    /// Looks at one scale are one view of the picture: where two of its tiles overlap, they see the same.
    view: u8,
}

/// The networks halve their input five times.
const GRID: u32 = 32;
/// Sides beyond this, in pixels of the input, are left to the next smaller look.
const LARGEST: f32 = 400.0;
/// Side of a tile and how much neighbours share, in pixels of the input. What is larger than the shared part is whole
/// in a smaller look.
const TILE: f64 = 1024.0;
const SHARED: f64 = 192.0;
/// Pictures up to so many pixels are also enlarged by this: it is what brings faces of ten pixels.
const ENLARGED: [(f64, usize); 2] = [(2.0, 4_200_000), (3.0, 1_050_000)];
/// All tiles of one scale together hold at most so many pixels: it bounds the time for one picture.
const MOST_PIXELS: f64 = 40.0e6;

/// Degrees by which copies of a still are turned; networks take faces up to some 40 degrees beside these.
const TURNED: [f32; 5] = [45.0, -45.0, 90.0, -90.0, 180.0];
/// The scales and mirrored copies of a still, the most useful first. Those that find no room are left out.
const ENLARGED_STILLS: [(f64, Turn); 8] = [
    (2.0, Turn::NONE),
    (2.0, Turn::MIRRORED),
    (3.0, Turn::NONE),
    (1.5, Turn::NONE),
    (1.5, Turn::MIRRORED),
    (3.0, Turn::MIRRORED),
    (4.0, Turn::NONE),
    (4.0, Turn::MIRRORED),
];
/// Beside one look in its own resolution, all looks at a still together hold at most so many pixels.
const MOST_STILL_PIXELS: f64 = 18.5e6;

impl Look {
    /// The whole picture in an input of this size, as large as fits.
    pub(crate) fn into_input(picture: Size, input: Size) -> Self {
        let scale = (f64::from(input.width) / f64::from(picture.width))
            .min(f64::from(input.height) / f64::from(picture.height));
        Self { input, ..Self::of_region(picture, Rect::of(picture), scale) }
    }

    /// The whole picture, its longer side `long` pixels in the input.
    fn whole(picture: Size, long: f64) -> Self {
        Self::of_region(picture, Rect::of(picture), long / longer_side(picture))
    }

    /// A part of the picture, at this scale.
    pub(crate) fn of_region(picture: Size, region: Rect, scale: f64) -> Self {
        let content = Size::new(scaled(region.width(), scale), scaled(region.height(), scale));
        let (turn, input) = (Turn::NONE, on_grid(content));
        Self { picture, region, content, turn, input, largest: f32::INFINITY, view: 0 }
    }

    /// The same, turned.
    fn turned(self, turn: Turn) -> Self {
        Self { turn, input: on_grid(turn.shown(self.content)), ..self }
    }

    /// What is shown, in pixels of the picture.
    pub(crate) fn region(&self) -> Rect {
        self.region
    }

    /// How large it is shown, before it is turned.
    pub(crate) fn content(&self) -> Size {
        self.content
    }

    /// How it is turned.
    pub(crate) fn turn(&self) -> Turn {
        self.turn
    }

    /// How large it is shown, turned.
    pub(crate) fn shown(&self) -> Size {
        self.turn.shown(self.content)
    }

    /// Of which view of the picture it is a part.
    pub(crate) fn view(&self) -> u8 {
        self.view
    }

    /// Pixels of the input for each pixel of the picture.
    pub(crate) fn scale(&self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a ratio of sides")]
        let scale = (f64::from(self.content.width) / f64::from(self.region.width().max(1))) as f32;
        scale
    }

    /// The size of the network's input.
    pub(crate) fn input(&self) -> Size {
        self.input
    }

    /// A box of the input as shares of the picture; `None` when it is left to a smaller look.
    pub(crate) fn found(&self, candidate: &Candidate, curve: &Curve) -> Option<Found> {
        let Candidate { left, top, right, bottom, score } = *candidate;
        if (right - left).max(bottom - top) > self.largest {
            return None;
        }
        let upright @ [left, top, right, bottom] = self.turn.upright([left, top, right, bottom], self.content);
        let [origin_x, origin_y] = [self.region.left, self.region.top].map(f64::from);
        let across = f64::from(self.region.width()) / f64::from(self.content.width);
        let down = f64::from(self.region.height()) / f64::from(self.content.height);
        #[expect(clippy::cast_possible_truncation, reason = "a share of the picture needs no more than f32")]
        let share =
            |at: f32, step: f64, origin: f64, length: u32| ((f64::from(at) * step + origin) / f64::from(length)) as f32;
        Some(Found {
            left: share(left, across, origin_x, self.picture.width),
            top: share(top, down, origin_y, self.picture.height),
            right: share(right, across, origin_x, self.picture.width),
            bottom: share(bottom, down, origin_y, self.picture.height),
            score: curve.score(score),
            cut: self.is_cut(upright),
            view: self.view,
        })
    }

    /// Whether a box of the content lies at an edge beyond which the picture goes on: the face may too.
    fn is_cut(&self, [left, top, right, bottom]: [f32; 4]) -> bool {
        const NEAR: f32 = 2.0;
        #[expect(clippy::cast_precision_loss, reason = "an input is a few thousand pixels wide")]
        let (width, height) = (self.content.width as f32, self.content.height as f32);
        (self.region.left > 0 && left < NEAR)
            || (self.region.top > 0 && top < NEAR)
            || (self.region.right < self.picture.width && right > width - NEAR)
            || (self.region.bottom < self.picture.height && bottom > height - NEAR)
    }
}

/// The looks for faces, the smallest first. The picture has pixels.
pub(crate) fn for_faces(picture: Size, detail: Detail) -> Vec<Look> {
    let long = longer_side(picture);
    // A small picture is enlarged a little: faces below ten pixels of the input are missed.
    let middle = if long < 320.0 { (2.0 * long).min(320.0) } else { long.min(640.0) };
    let large = (2.0 * long).min(1280.0);
    let mut longs = match detail {
        Detail::Fast => vec![middle],
        Detail::Balanced | Detail::Thorough => vec![320.0f64.min(long), middle, large],
    };
    longs.dedup_by(|larger, smaller| *larger < *smaller * 1.25);
    let mut looks: Vec<Look> = longs.iter().map(|&long| Look::whole(picture, long)).collect();
    if detail == Detail::Thorough {
        let beyond = longs.last().copied().unwrap_or(middle) / long * 1.25;
        let mut native = 1.0;
        while input_pixels(&tiles(picture, native)) > MOST_PIXELS {
            native /= 1.5;
        }
        if native > beyond {
            looks.extend(tiles(picture, native));
        }
        for (scale, most) in ENLARGED {
            let enlarged = tiles(picture, scale);
            if scale > beyond && picture.pixels() <= most && input_pixels(&enlarged) <= MOST_PIXELS {
                looks.extend(enlarged);
            }
        }
    }
    for look in looks.iter_mut().skip(1) {
        look.largest = LARGEST;
    }
    looks
}

/// The looks for faces in a single picture, for which there is time: mirrored and turned copies, and enlarged ones, as many
/// as [`MOST_STILL_PIXELS`] hold. Each scale, mirrored or not, is a view. The picture has pixels.
pub(crate) fn for_stills(picture: Size) -> Vec<Look> {
    let long = longer_side(picture);
    let small = if long < 320.0 { (2.0 * long).min(320.0) } else { 320.0 };
    let mut native = 1.0;
    while input_pixels(&tiles(picture, native)) > MOST_PIXELS {
        native /= 1.5;
    }
    let mut looks = vec![Look::whole(picture, small)];
    for shown in [640.0, 1280.0] {
        if shown < 0.8 * native * long {
            looks.push(Look { view: next_view(&looks), ..Look::whole(picture, shown) });
        }
    }
    for degrees in TURNED {
        let look = Look::whole(picture, small.max(long.min(640.0))).turned(Turn::by_degrees(degrees));
        looks.push(Look { view: next_view(&looks), ..look });
    }
    for (scale, turn) in [(1.0, Turn::NONE)].into_iter().chain(ENLARGED_STILLS) {
        let view = next_view(&looks);
        let tiles: Vec<Look> =
            tiles(picture, native * scale).into_iter().map(|look| Look { view, ..look.turned(turn) }).collect();
        if scale == 1.0 || input_pixels(&looks) + input_pixels(&tiles) <= MOST_STILL_PIXELS {
            looks.extend(tiles);
        }
    }
    for look in looks.iter_mut().skip(1) {
        look.largest = LARGEST;
    }
    looks
}

fn next_view(looks: &[Look]) -> u8 {
    looks.last().map_or(0, |look| look.view + 1)
}

/// The looks for persons: all of it at once, and in two overlapping halves when it is so wide (or high) that little
/// of the square input would be used.
pub(crate) fn for_persons(picture: Size, input: Size) -> Vec<Look> {
    let mut looks = vec![Look::into_input(picture, input)];
    let Size { width, height } = picture;
    let half = |length: u32| (length / 16 * 9).next_multiple_of(2).min(length);
    let whole = Rect::of(picture);
    let halves = if width > height.saturating_mul(2) {
        let (right, left) = (half(width), (width - half(width)) / 2 * 2);
        [Rect { right, ..whole }, Rect { left, ..whole }]
    } else if height > width.saturating_mul(2) {
        let (bottom, top) = (half(height), (height - half(height)) / 2 * 2);
        [Rect { bottom, ..whole }, Rect { top, ..whole }]
    } else {
        return looks;
    };
    for region in halves {
        let part = Look::into_input(Size::new(region.width(), region.height()), input);
        looks.push(Look { picture, region, ..part });
    }
    looks
}

/// Overlapping tiles that together show the picture at `scale`.
fn tiles(picture: Size, scale: f64) -> Vec<Look> {
    let columns = spans(picture.width, scale);
    let rows = spans(picture.height, scale);
    let region = |&(top, bottom): &(u32, u32), &(left, right): &(u32, u32)| Rect { left, top, right, bottom };
    rows.iter()
        .flat_map(|row| columns.iter().map(move |column| Look::of_region(picture, region(row, column), scale)))
        .collect()
}

/// Begin and end, in pixels of the picture, of the tiles along one side; begins are even, for the chroma grid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the picture's length")]
fn spans(length: u32, scale: f64) -> Vec<(u32, u32)> {
    let scaled = f64::from(length) * scale;
    let count = ((scaled - SHARED) / (TILE - SHARED)).ceil().max(1.0);
    let side = if count > 1.0 { TILE / scale } else { f64::from(length) };
    let step = if count > 1.0 { (f64::from(length) - side) / (count - 1.0) } else { 0.0 };
    (0..count as u32)
        .map(|index| {
            let begin = f64::from(index) * step;
            ((begin as u32) / 2 * 2, ((begin + side).ceil() as u32).min(length))
        })
        .collect()
}

fn on_grid(content: Size) -> Size {
    Size::new(content.width.next_multiple_of(GRID), content.height.next_multiple_of(GRID))
}

fn input_pixels(looks: &[Look]) -> f64 {
    looks.iter().map(|look| f64::from(look.input.width) * f64::from(look.input.height)).sum()
}

fn longer_side(size: Size) -> f64 {
    f64::from(size.width.max(size.height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1, at most a picture's side × 3")]
fn scaled(length: u32, scale: f64) -> u32 {
    (f64::from(length) * scale).round().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NetworkFile;
    use proptest::prelude::*;

    const DETAILS: [Detail; 3] = [Detail::Fast, Detail::Balanced, Detail::Thorough];

    #[test]
    fn a_fast_look_at_a_camera_is_640_by_384() {
        let looks = for_faces(Size::new(1280, 720), Detail::Fast);
        let [look] = looks[..] else { panic!("{looks:?}") };
        assert_eq!((look.content(), look.input()), (Size::new(640, 360), Size::new(640, 384)));
    }

    #[test]
    fn time_for_one_picture_is_bounded() {
        let sizes = [(5472, 3648), (20_000_000, 1), (1, 65_535), (16_384, 16_384), (2, 2), (3000, 1400)];
        for (width, height) in sizes {
            let looks = for_faces(Size::new(width, height), Detail::Thorough);
            assert!(input_pixels(&looks) < 2.2 * MOST_PIXELS, "{width}x{height}: {}", input_pixels(&looks));
        }
    }

    #[test]
    fn a_picture_of_20_megapixels_is_looked_at_in_its_own_resolution() {
        let looks = for_faces(Size::new(5472, 3648), Detail::Thorough);
        assert!(looks.iter().any(|look| look.region().width() == look.content().width));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_looks_of_a_plan_show_every_pixel(width in 1u32..4000, height in 1u32..4000) {
            let picture = Size::new(width, height);
            let inputs = Size::new(320, 320);
            for looks in DETAILS.map(|detail| for_faces(picture, detail)).into_iter().chain([for_persons(picture, inputs)]) {
                prop_assert_eq!(looks[0].region(), Rect::of(picture));
                for look in &looks {
                    let Rect { left, top, right, bottom } = look.region();
                    prop_assert!(left < right && top < bottom && right <= width && bottom <= height);
                    prop_assert!(left % 2 == 0 && top % 2 == 0);
                    prop_assert!(look.content().width <= look.input().width);
                    prop_assert!(look.content().height <= look.input().height);
                    prop_assert!(look.input().width % GRID == 0 && look.input().height % GRID == 0);
                }
            }
            for scale in [1.0, 2.0, 3.0] {
                let tiles = tiles(picture, scale);
                for x in [0, width / 3, width / 2, width - 1] {
                    for y in [0, height / 3, height / 2, height - 1] {
                        let shows = |look: &Look| {
                            let region = look.region();
                            (region.left..region.right).contains(&x) && (region.top..region.bottom).contains(&y)
                        };
                        prop_assert!(tiles.iter().any(shows), "{x},{y}");
                    }
                }
            }
        }

        #[test]
        fn a_box_maps_back_to_where_its_pixels_came_from(
            width in 1u32..3000, height in 1u32..3000, x in 0.0f32..1.0, y in 0.0f32..1.0,
        ) {
            let curve = NetworkFile::Bundled(crate::Family::YuNet).prove().unwrap().curve;
            for look in for_faces(Size::new(width, height), Detail::Thorough) {
                let (content, region) = (look.content(), look.region());
                let left = x * content.width as f32 * 0.9;
                let top = y * content.height as f32 * 0.9;
                let (right, bottom) = (left + content.width as f32 / 10.0, top + content.height as f32 / 10.0);
                let found = look.found(&Candidate { left, top, right, bottom, score: 0.9 }, &curve).unwrap();
                let expected = (f64::from(region.left) + f64::from(x) * 0.9 * f64::from(region.width())) / f64::from(width);
                prop_assert!((f64::from(found.left) - expected).abs() < 1e-4);
                let expected = f64::from(region.height()) / 10.0 / f64::from(height);
                prop_assert!((f64::from(found.bottom - found.top) - expected).abs() < 1e-4);
            }
        }
    }
}
