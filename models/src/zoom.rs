//! Zoom: looks at places in which a face is presumed, at the size at which face networks see best.
//!
//! **Invariant.** All looks of one call together show a network no more pixels than [`MOST_PIXELS`]; a place that finds no
//! room any more is left out, never shown smaller than it should be.

use frostglass_vault::{Area, Chroma, Rect, Size};

use crate::look::Look;

/// All inputs of one call together: as many pixels as one `fast` look at a camera has.
pub(crate) const MOST_PIXELS: usize = 640 * 384;
/// The longer side of a place in the input. A place is some three faces wide: a face is then some 50 pixels, which is
/// what the networks see best.
const LONG: f64 = 160.0;
/// Beyond this, enlarging shows nothing that was not there before.
const MOST_ENLARGED: f64 = 3.0;

/// The looks at these places, in their order, as many as there is room for.
pub(crate) fn looks(picture: Size, places: &[Area], looks: &mut Vec<Look>) {
    looks.clear();
    let mut room = MOST_PIXELS;
    for place in places {
        let look = look_at(picture, *place);
        let Some(left) = room.checked_sub(look.input().pixels()) else { return };
        room = left;
        looks.push(look);
    }
}

fn look_at(picture: Size, place: Area) -> Look {
    // Begins are even, for the chroma grid. A place at the far edge of an odd picture begins a pixel before it.
    let Rect { left, top, right, bottom } = place.cover(picture, Chroma::Half);
    let region = Rect { left, top, right, bottom };
    let long = f64::from(region.width().max(region.height()));
    Look::of_region(picture, region, (LONG / long).min(MOST_ENLARGED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(picture: Size, places: &[Area]) -> Vec<Look> {
        let mut all = Vec::new();
        looks(picture, places, &mut all);
        all
    }

    #[test]
    fn a_place_is_shown_160_pixels_long_but_no_more_than_three_times_as_large() {
        let picture = Size::new(1280, 720);
        let place = |side: f32| Area::new(0.5, 0.5, 0.5 + side / 1280.0, 0.5 + side / 720.0).unwrap();
        for (side, shown, input) in [(20.0, 60, 64), (40.0, 120, 128), (80.0, 160, 160), (320.0, 160, 160)] {
            let [look] = all(picture, &[place(side)])[..] else { panic!("one look for one place") };
            assert!(look.content().width.abs_diff(shown) <= 6, "{side}: {look:?}");
            assert_eq!(look.input().width, input, "{side}");
        }
    }

    #[test]
    fn the_pixels_of_one_call_are_bounded_and_the_first_places_come_first() {
        let picture = Size::new(1920, 1080);
        let places: Vec<Area> = (0..500u16)
            .map(|at| {
                let left = f32::from(at) / 600.0;
                Area::new(left, 0.2, left + 0.05, 0.3).unwrap()
            })
            .collect();
        let looks = all(picture, &places);
        let pixels: usize = looks.iter().map(|look| look.input().pixels()).sum();
        assert!(pixels <= MOST_PIXELS && looks.len() >= 9, "{pixels} in {}", looks.len());
        for (look, place) in looks.iter().zip(&places) {
            assert_eq!(look.region(), place.cover(picture, Chroma::Half));
        }
    }

    proptest! {
        #[test]
        fn each_look_shows_its_whole_place(
            width in 1u32..3000, height in 1u32..3000,
            a in 0.0f32..=1.0, b in 0.0f32..=1.0, c in 0.0f32..=1.0, d in 0.0f32..=1.0,
        ) {
            let (picture, place) = (Size::new(width, height), Area::new(a.min(b), c.min(d), a.max(b), c.max(d)).unwrap());
            for look in all(picture, &[place]) {
                let (shown, wanted) = (look.region(), place.cover(picture, Chroma::Full));
                prop_assert_eq!(shown.union(wanted), shown);
                prop_assert!(shown.left % 2 == 0 && shown.top % 2 == 0);
                prop_assert!(shown.right <= width && shown.bottom <= height);
                let content = look.content();
                prop_assert!(content.width >= 1 && content.height >= 1 && content.width.max(content.height) <= 160);
            }
        }
    }
}
