//! Labels: what people say is in the pictures, as JSON lines.
//!
//! One object a line: `{"image", "width", "height", "faces": [box…], "persons": [box…], "zones": [box…]}` with boxes
//! `{"x", "y", "w", "h", "ignore", "track", "attrs"}` in pixels from the top left of the upright picture. Only `image`
//! and a box's four numbers are required; fields that nobody here knows are left alone, so that labels may carry more.
//!
//! **Invariant:** every box that leaves here is finite, not negative in size, and, where the line states the picture's
//! size, not wholly outside of it. Whether that size is the picture's own is checked by whoever opens the picture.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A line of a label file: one picture or frame, and what is in it.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The line itself.
    pub record: Record,
    /// Where it stands, for messages.
    pub place: Place,
}

/// A line of a label file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The label file.
    pub file: Arc<Path>,
    /// The line in it, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record {
    /// Path of the picture below the folder of originals.
    pub image: String,
    /// Width of the upright picture in pixels.
    pub width: Option<u32>,
    /// Height of the upright picture in pixels.
    pub height: Option<u32>,
    /// Faces.
    #[serde(default)]
    pub faces: Vec<Target>,
    /// Whole persons.
    #[serde(default)]
    pub persons: Vec<Target>,
    /// Places which are hidden on purpose, whatever is in them.
    #[serde(default)]
    pub zones: Vec<Target>,
}

/// A labelled box, in pixels from the top left.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Target {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
    /// Counts neither as leaked nor as hidden, and what is redacted over it is not too much.
    #[serde(default)]
    pub ignore: bool,
    /// Ties the same face over the frames of a clip.
    pub track: Option<Track>,
    /// What else is known of it (pose, light, …).
    #[serde(default)]
    pub attrs: BTreeMap<String, serde_json::Value>,
}

/// The name of a track, unique among the frames of one folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Track {
    /// A number.
    Number(i64),
    /// A word.
    Name(String),
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Why labels can not be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file can not be read.
    #[error("{file}: reading the labels failed")]
    Read {
        /// The label file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not one label in it.
    #[error("{file}: no labels in it; expected JSON lines such as {example}", example = EXAMPLE)]
    Empty {
        /// The label file.
        file: PathBuf,
    },
    /// No line of it says what is in a picture, not even that nothing is.
    #[error("{file}: no line has `faces`, `persons` or `zones`; expected such as {example}", example = EXAMPLE)]
    NoBoxes {
        /// The label file.
        file: PathBuf,
    },
    /// A line is not what a label looks like.
    #[error("{place}: not a label: {reason}; expected such as {example}", example = EXAMPLE)]
    Line {
        /// The line.
        place: Place,
        /// What the JSON reader said.
        reason: String,
    },
    /// A box which is no box.
    #[error("{place}: {kind} {index} is {w}×{h} at ({x}, {y}): a box has finite numbers and no negative size")]
    NoBox {
        /// The line.
        place: Place,
        /// `face`, `person` or `zone`.
        kind: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width.
        w: f64,
        /// Height.
        h: f64,
    },
    /// A box that does not touch its picture.
    #[error("{place}: {kind} {index} is {w}×{h} at ({x}, {y}): wholly outside of its picture of {width}×{height}")]
    Outside {
        /// The line.
        place: Place,
        /// `face`, `person` or `zone`.
        kind: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width.
        w: f64,
        /// Height.
        h: f64,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
}

const EXAMPLE: &str =
    r#"{"image": "a.jpg", "width": 640, "height": 360, "faces": [{"x": 10, "y": 20, "w": 30, "h": 40}]}"#;

/// Reads label files, in the order given. Empty lines are skipped.
///
/// # Errors
/// The first file that can not be read or has no label, the first line that is none, the first box that makes no sense.
pub fn read<P: AsRef<Path>>(files: &[P]) -> Result<Vec<Labelled>, LabelError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(read_one(file.as_ref())?);
    }
    Ok(all)
}

fn read_one(path: &Path) -> Result<Vec<Labelled>, LabelError> {
    let bytes = fs::read(path).map_err(|source| LabelError::Read { file: path.to_owned(), source })?;
    let file: Arc<Path> = path.into();
    let mut labels = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let place = Place { file: Arc::clone(&file), line: index + 1 };
        let record: Record = serde_json::from_slice(line)
            .map_err(|error| LabelError::Line { place: place.clone(), reason: in_one_line(&error) })?;
        record.check(&place)?;
        labels.push(Labelled { record, place });
    }
    if labels.is_empty() {
        return Err(LabelError::Empty { file: path.to_owned() });
    }
    // Pictures in which nobody is are labelled `"faces": []`; a key that is misspelt would look like it.
    let says = |key: &str| bytes.windows(key.len()).any(|window| window == key.as_bytes());
    if !["\"faces\"", "\"persons\"", "\"zones\""].into_iter().any(says) {
        return Err(LabelError::NoBoxes { file: path.to_owned() });
    }
    Ok(labels)
}

/// Each line is read alone, so that the reader's own "line 1" would mislead.
fn in_one_line(error: &serde_json::Error) -> String {
    if error.is_syntax() || error.is_eof() {
        return format!("no JSON at column {}", error.column());
    }
    error.to_string().replace(" at line 1 column ", ", column ")
}

impl Record {
    fn check(&self, place: &Place) -> Result<(), LabelError> {
        let kinds = [("face", &self.faces), ("person", &self.persons), ("zone", &self.zones)];
        for (kind, targets) in kinds {
            for (index, &Target { x, y, w, h, .. }) in targets.iter().enumerate() {
                let finite = [x, y, w, h].iter().all(|number| number.is_finite());
                if !finite || w < 0.0 || h < 0.0 {
                    return Err(LabelError::NoBox { place: place.clone(), kind, index, x, y, w, h });
                }
            }
            if let (Some(width), Some(height)) = (self.width, self.height) {
                self.check_inside(place, kind, targets, width, height)?;
            }
        }
        Ok(())
    }

    /// Refuses boxes that do not touch a picture of this size: the labels belong to another one.
    ///
    /// # Errors
    /// The first such box.
    pub fn check_fits(&self, place: &Place, width: u32, height: u32) -> Result<(), LabelError> {
        for (kind, targets) in [("face", &self.faces), ("person", &self.persons), ("zone", &self.zones)] {
            self.check_inside(place, kind, targets, width, height)?;
        }
        Ok(())
    }

    fn check_inside(
        &self,
        place: &Place,
        kind: &'static str,
        targets: &[Target],
        width: u32,
        height: u32,
    ) -> Result<(), LabelError> {
        let outside = |target: &Target| {
            target.x >= f64::from(width)
                || target.y >= f64::from(height)
                || target.x + target.w < 0.0
                || target.y + target.h < 0.0
        };
        match targets.iter().position(outside) {
            None => Ok(()),
            Some(index) => {
                let Target { x, y, w, h, .. } = targets[index];
                Err(LabelError::Outside { place: place.clone(), kind, index, x, y, w, h, width, height })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Labelled>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gt.jsonl");
        fs::write(&file, text).unwrap();
        read(&[&file]).map_err(|error| error.to_string())
    }

    #[test]
    fn unknown_fields_and_missing_ones_are_tolerated() {
        let text =
            "\n{\"image\":\"a.jpg\",\"gt\":\"by eye\",\"faces\":[{\"x\":1,\"y\":2,\"w\":3,\"h\":4,\"n\":null}]}\n";
        let labels = read_text(text).unwrap();
        assert_eq!(labels.len(), 1);
        assert_eq!(labels[0].place.line, 2);
        assert_eq!(labels[0].record.faces[0].track, None);
        assert!(!labels[0].record.faces[0].ignore);
    }

    #[test]
    fn tracks_have_numbers_or_names() {
        let text =
            r#"{"image":"a","faces":[{"x":0,"y":0,"w":1,"h":1,"track":7},{"x":0,"y":0,"w":1,"h":1,"track":"t"}]}"#;
        let faces = &read_text(text).unwrap()[0].record.faces;
        assert_eq!(faces[0].track, Some(Track::Number(7)));
        assert_eq!(faces[1].track, Some(Track::Name("t".into())));
    }

    #[test]
    fn a_fault_names_its_line_and_what_was_expected() {
        struct Case {
            text: &'static str,
            says: &'static str,
        }
        let cases = [
            Case { text: "", says: "no labels" },
            Case { text: " \n\n", says: "no labels" },
            Case { text: "{\"image\":\"a\"}\n{\"image\":", says: "gt.jsonl:2: not a label: no JSON at column 9" },
            Case { text: "{\"image\":\"a\",\"face\":[]}", says: "no line has `faces`" },
            Case { text: "{\"faces\":[]}", says: "gt.jsonl:1: not a label: missing field `image`" },
            Case { text: "{\"image\":\"a\",\"faces\":[{\"x\":1,\"y\":1,\"w\":1}]}", says: "missing field `h`" },
            Case { text: "{\"image\":\"a\",\"faces\":[{\"x\":1,\"y\":1,\"w\":-1,\"h\":1}]}", says: "face 0 is -1×1" },
            Case {
                text: "{\"image\":\"a\",\"width\":9,\"height\":9,\"zones\":[{\"x\":9,\"y\":1,\"w\":1,\"h\":1}]}",
                says: "zone 0 is 1×1 at (9, 1): wholly outside of its picture of 9×9",
            },
        ];
        for Case { text, says } in cases {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(&["/nowhere/gt.jsonl"]).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/gt.jsonl: "), "{error}");
    }
}
