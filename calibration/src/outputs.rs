//! Outputs that spare inputs.
//!
//! **Invariant.** No command writes what it reads, nor two things to one place: labels, originals and networks are worth more
//! than any report on them. Asked before anything is measured, so that a slip of the finger costs no minutes either.

use std::path::{Path, PathBuf};

/// A place that must not be written to.
#[derive(Debug, thiserror::Error)]
pub enum OutputFault {
    /// It is what is read.
    #[error("{}: it would be written over {}, which is read; name another file", output.display(), input.display())]
    Input {
        /// Where something was to be written.
        output: PathBuf,
        /// What it belongs to: that file, or the folder in which it is.
        input: PathBuf,
    },
    /// Two things would go there.
    #[error("{}: two things would be written there; name a file for each", .0.display())]
    Twice(PathBuf),
}

/// Refuses outputs that are an input, or are a file in a folder of inputs, or are named twice. "-" is standard output.
///
/// # Errors
/// The first such output.
pub fn spare<'a>(
    outputs: impl IntoIterator<Item = Option<&'a Path>>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), OutputFault> {
    let inputs: Vec<(PathBuf, &Path)> =
        inputs.into_iter().filter_map(|input| Some((input.canonicalize().ok()?, input))).collect();
    let mut seen: Vec<PathBuf> = Vec::new();
    for output in outputs.into_iter().flatten().filter(|output| *output != Path::new("-")) {
        let place = place(output);
        // A new file in a folder of pictures harms nobody; one of the pictures is not new.
        let harmed = inputs.iter().find(|(input, _)| place == *input || (place.starts_with(input) && place.exists()));
        if let Some((_, input)) = harmed {
            return Err(OutputFault::Input { output: output.to_owned(), input: (*input).to_owned() });
        }
        if seen.contains(&place) {
            return Err(OutputFault::Twice(output.to_owned()));
        }
        seen.push(place);
    }
    Ok(())
}

/// Where it lies, by whatever name it is called; of what is not there yet, where it will.
fn place(output: &Path) -> PathBuf {
    if let Ok(there) = output.canonicalize() {
        return there;
    }
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), output.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => output.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_read_is_not_written_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("pictures")).unwrap();
        for name in ["clip.mp4", "labels.jsonl", "pictures/a.png"] {
            fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("clip.mp4"), at("other name")).unwrap();
        let (clip, pictures) = (at("clip.mp4"), at("pictures"));
        let refused = |output: &Path| spare([Some(output)], [clip.as_path(), &pictures]);
        for name in ["clip.mp4", "other name", "pictures/../clip.mp4", "pictures/a.png", "pictures"] {
            let fault = refused(&at(name)).unwrap_err().to_string();
            assert!(fault.contains("which is read"), "{name}: {fault}");
        }
        for name in ["labels.jsonl", "report.json", "pictures/sheet.png", "nowhere/report.json"] {
            refused(&at(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
        assert!(refused(Path::new("-")).is_ok(), "standard output");
    }

    #[test]
    fn one_place_takes_one_thing() {
        let one = Path::new("report.json");
        assert!(matches!(spare([Some(one), None, Some(Path::new("./report.json"))], []), Err(OutputFault::Twice(_))));
        assert!(spare([Some(one), Some(Path::new("sheet.png"))], []).is_ok());
    }
}
