//! The labelled frames: a folder of pictures, or a clip of which line n of the labels is frame n.
//!
//! **Invariant.** A frame that can not be read whole, or is not as large as its label says, ends the attack: a figure
//! about other faces than the labelled ones would be worth nothing.

use std::path::Path;
use std::time::Duration;

use frostglass::capture::{Kind, OpenOptions, Opened, Source, kind_of, open, open_still};
use frostglass_vault::{Chroma, Colour, Format, Matrix, Picture, Pool, Range, RedactedFrame, Stamp, Zones};

use super::ReidentifyError;
use crate::labels::Labelled;
use crate::picture::find;

/// A frame of which this tool may see everything: planes as the vault lays them, packed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Size, chroma layout and colour.
    pub(super) format: Format,
    /// As many bytes each as [`Format::plane_size`] has pixels.
    pub(super) planes: [Vec<u8>; 3],
}

impl Frame {
    /// What left the redactor.
    pub(super) fn of_redacted(redacted: &RedactedFrame) -> Self {
        Self::of(redacted.picture())
    }

    fn of(picture: Picture<'_>) -> Self {
        let format = picture.format();
        let plane =
            |index: usize| (0..format.plane_size(index).height).flat_map(move |y| picture.row(index, y)).copied();
        Self { format, planes: [0, 1, 2].map(|index| plane(index).collect()) }
    }

    /// Red, green and blue (0 to 255) at a point, in pixels from the top left, between the samples around it.
    pub(super) fn rgb(&self, x: f32, y: f32) -> [f32; 3] {
        let cell = |plane: usize| if plane == 0 { 1.0 } else { self.format.chroma.cell() as f32 };
        let samples = [0, 1, 2].map(|plane| self.sample(plane, x / cell(plane), y / cell(plane)));
        let Colour::Yuv { matrix, range } = self.format.colour else {
            return samples;
        };
        let (luma, swing) = match range {
            Range::Full => (samples[0], 255.0),
            Range::Limited => ((samples[0] - 16.0) * 255.0 / 219.0, 224.0),
        };
        let (blue, red) = ((samples[1] - 128.0) * 255.0 / swing, (samples[2] - 128.0) * 255.0 / swing);
        let (of_red, of_blue) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (r, b) = (luma + 2.0 * (1.0 - of_red) * red, luma + 2.0 * (1.0 - of_blue) * blue);
        let g = (luma - of_red * r - of_blue * b) / (1.0 - of_red - of_blue);
        [r, g, b].map(|level| level.clamp(0.0, 255.0))
    }

    /// A sample of a plane, between those around the point, in samples of the plane from its top left.
    pub(super) fn sample(&self, plane: usize, x: f32, y: f32) -> f32 {
        let size = self.format.plane_size(plane);
        let between = |at: f32, length: u32| {
            let at = (at - 0.5).clamp(0.0, length as f32 - 1.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let first = at as usize;
            (first, (first + 1).min(length as usize - 1), at - first as f32)
        };
        let ((left, right, across), (top, bottom, down)) = (between(x, size.width), between(y, size.height));
        let at = |column: usize, row: usize| f32::from(self.planes[plane][row * size.width as usize + column]);
        let line = |row: usize| at(left, row) * (1.0 - across) + at(right, row) * across;
        line(top) * (1.0 - down) + line(bottom) * down
    }

    /// Changes the sample of a plane at whole numbers.
    pub(super) fn set(&mut self, plane: usize, column: usize, row: usize, level: f32) {
        let width = self.format.plane_size(plane).width as usize;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let level = level.round().clamp(0.0, 255.0) as u8;
        self.planes[plane][row * width + column] = level;
    }
}

/// Refuses a single picture, before its labels are judged: what is wrong is not with them.
///
/// # Errors
/// [`ReidentifyError::OnePicture`].
pub(super) fn refuse_one_picture(original: &Path) -> Result<(), ReidentifyError> {
    if kind_of(original).is_ok_and(Kind::is_still) {
        return Err(ReidentifyError::OnePicture { picture: original.to_owned() });
    }
    Ok(())
}

/// Reads the frames of those labels that are wanted (by their place in the list), in order.
///
/// # Errors
/// No such pictures or clip, one that can not be read, a clip with another number of frames than there are labels, a
/// size other than the labelled one, a box outside of its frame.
pub(super) fn read(labels: &[Labelled], original: &Path, wanted: &[usize]) -> Result<Vec<Frame>, ReidentifyError> {
    let frames = if original.is_dir() {
        wanted.iter().map(|&index| read_picture(&labels[index], original)).collect::<Result<Vec<_>, _>>()?
    } else {
        read_clip(labels, original, wanted)?
    };
    for (frame, &index) in frames.iter().zip(wanted) {
        let Labelled { record, place } = &labels[index];
        let size = frame.format.size;
        if record.width.is_some_and(|width| width != size.width) || record.height.is_some_and(|h| h != size.height) {
            return Err(ReidentifyError::OtherSize {
                place: place.clone(),
                labelled: [record.width.unwrap_or(size.width), record.height.unwrap_or(size.height)],
                found: [size.width, size.height],
            });
        }
        record.check_fits(place, size.width, size.height)?;
    }
    Ok(frames)
}

fn read_picture(Labelled { record, place }: &Labelled, folder: &Path) -> Result<Frame, ReidentifyError> {
    let file = find(folder, &record.image).ok_or_else(|| ReidentifyError::NoPicture {
        place: place.clone(),
        image: record.image.clone(),
        folder: folder.to_owned(),
    })?;
    let mut source = open_still(&file)?;
    let pool = Pool::new(source.format(), 1);
    next(&mut source, &pool)?.ok_or_else(|| ReidentifyError::NoPicture {
        place: place.clone(),
        image: record.image.clone(),
        folder: folder.to_owned(),
    })
}

fn read_clip(labels: &[Labelled], clip: &Path, wanted: &[usize]) -> Result<Vec<Frame>, ReidentifyError> {
    let mut source = match open(clip, &OpenOptions::default())? {
        Opened::Moving(moving) => moving.source,
        Opened::Still(_) => return Err(ReidentifyError::OnePicture { picture: clip.to_owned() }),
    };
    let pool = Pool::new(source.format(), 1);
    let mut frames = Vec::with_capacity(wanted.len());
    let mut count = 0;
    while let Some(frame) = next(source.as_mut(), &pool)? {
        if wanted.get(frames.len()) == Some(&count) {
            frames.push(frame);
        }
        count += 1;
    }
    if count != labels.len() {
        return Err(ReidentifyError::OtherLength { clip: clip.to_owned(), frames: count, labels: labels.len() });
    }
    Ok(frames)
}

/// Goes through the vault like any frame, and is read on a lease.
fn next(source: &mut dyn Source, pool: &Pool) -> Result<Option<Frame>, ReidentifyError> {
    let Some(mut blank) = pool.blank() else { return Ok(None) };
    if source.read(&mut blank)?.is_none() {
        return Ok(None);
    }
    let look = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none()).lend();
    Ok(Some(Frame::of(look.picture())))
}

/// Side of the square of pixels that shares one sample of a plane.
pub(super) fn cell(format: Format, plane: usize) -> usize {
    if plane == 0 { Chroma::Full.cell() as usize } else { format.chroma.cell() as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostglass_vault::Size;

    #[test]
    fn greys_are_grey_whatever_the_numbers_mean() {
        let size = Size::new(4, 4);
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for (range, levels) in [(Range::Full, [0, 255]), (Range::Limited, [16, 235])] {
                let format = Format::video(size, matrix, range);
                for (level, shown) in levels.into_iter().zip([0.0, 255.0]) {
                    let frame = Frame { format, planes: [vec![level; 16], vec![128; 4], vec![128; 4]] };
                    let rgb = frame.rgb(1.7, 2.2);
                    assert!(rgb.iter().all(|channel| (channel - shown).abs() < 0.01), "{rgb:?}");
                }
            }
        }
    }

    /// BT.601, full range: the primary red is (76.245, 84.972, 255.5).
    #[test]
    fn red_is_red() {
        let format = Format::video(Size::new(2, 2), Matrix::Bt601, Range::Full);
        let [r, g, b] = Frame { format, planes: [vec![76; 4], vec![85], vec![255]] }.rgb(1.0, 1.0);
        assert!(r > 250.0 && g < 3.0 && b < 3.0, "{r} {g} {b}");
    }
}
