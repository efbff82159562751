//! Which file becomes which: from the inputs and the output that were named to a list of jobs.
//!
//! **Invariant.** No two jobs write one file, and no job writes what another reads. Names are kept; what is no
//! picture or clip by its first bytes is skipped and counted in a folder, and refused when it was named itself.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::WrongUse;
use crate::capture::Kind;

/// What `redact` has to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Pictures.
    pub(crate) stills: Vec<Job>,
    /// Clips.
    pub(crate) clips: Vec<Job>,
    /// Files in folders that are neither.
    pub(crate) skipped: Vec<PathBuf>,
    /// Inputs that could not be read: what was tried on which, and why it failed.
    pub(crate) failed: Vec<anyhow::Error>,
}

/// One file to redact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// What to read; `-` is standard input.
    pub(crate) input: PathBuf,
    /// What to write; `-` is standard output.
    pub(crate) output: PathBuf,
}

/// Standard input or output, on a command line.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// Makes the list of jobs.
///
/// # Errors
/// [`WrongUse`] when two inputs would be written to one file, or several into one; an error when an input that was
/// named cannot be read.
pub(crate) fn plan(inputs: &[PathBuf], output: &Path) -> anyhow::Result<Plan> {
    let into_folder = names_a_folder(output) || inputs.len() > 1 || inputs.iter().any(|input| input.is_dir());
    if is_dash(output) && into_folder {
        return Err(WrongUse("standard output takes one clip only: name a folder with -o".into()).into());
    }
    if into_folder && output.is_file() {
        let what = "several inputs need a folder to go into";
        return Err(WrongUse(format!("{} is a file, and {what}: name a folder with -o", output.display())).into());
    }
    let mut plan = Plan::default();
    for input in inputs {
        if input.is_dir() {
            let target = match (inputs.len(), input.file_name()) {
                (1, _) | (_, None) => output.to_owned(),
                (_, Some(name)) => output.join(name),
            };
            plan.walk(input, &target, output);
        } else if is_dash(input) {
            let target = if into_folder { output.join("stdin.y4m") } else { output.to_owned() };
            plan.clips.push(Job { input: input.clone(), output: target });
        } else {
            match plan.add_named(input, output, into_folder) {
                // One bad file does not keep the others from being done.
                Err(error) if inputs.len() > 1 => plan.failed.push(error),
                added => added?,
            }
        }
    }
    plan.refuse_collisions()?;
    Ok(plan)
}

fn names_a_folder(output: &Path) -> bool {
    output.as_os_str().as_encoded_bytes().ends_with(b"/") || output.is_dir()
}

impl Plan {
    fn add_named(&mut self, input: &Path, output: &Path, into_folder: bool) -> anyhow::Result<()> {
        if fs::metadata(input).is_ok_and(|about| !about.is_file()) {
            let what = "no ordinary file; video that comes through a pipe is read by the name `-`, as Y4M";
            anyhow::bail!("{}: {what}", input.display());
        }
        let kind = crate::capture::kind_of(input)?;
        let target = |is_clip: bool| match into_folder {
            true => output.join(output_name(input, is_clip)),
            false => output.to_owned(),
        };
        let job = |is_clip| Job { input: input.to_owned(), output: target(is_clip) };
        match class(kind) {
            Class::Still if is_dash(output) => {
                let what = "standard output takes a clip, as Y4M, and no picture: name a file with -o";
                return Err(WrongUse(format!("{}: {what}", input.display())).into());
            }
            Class::Still => self.stills.push(job(false)),
            Class::Clip => self.clips.push(job(true)),
            Class::Neither => {
                // Opening it gives the message that fits: what it is, and what would be understood.
                crate::capture::open(input, &crate::capture::OpenOptions::default())?;
                anyhow::bail!("{}: neither a picture nor a clip", input.display());
            }
        }
        Ok(())
    }

    /// All files below a folder, in the order of their names; the output is left out if it lies inside.
    fn walk(&mut self, folder: &Path, target: &Path, output: &Path) {
        let read = || -> std::io::Result<Vec<_>> { fs::read_dir(folder)?.collect() };
        let mut entries = match read().with_context(|| format!("{}: this folder could not be read", folder.display())) {
            Ok(entries) => entries,
            Err(error) => {
                self.failed.push(error);
                return;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                if !same_file(&path, output) {
                    self.walk(&path, &target.join(&name), output);
                }
                continue;
            }
            // A pipe would have to be waited for; a link that leads nowhere is told.
            if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
                self.skipped.push(path);
                continue;
            }
            match crate::capture::kind_of(&path) {
                Err(error) => self.failed.push(error.into()),
                Ok(kind) => match class(kind) {
                    Class::Still => self.stills.push(Job { output: target.join(&name), input: path }),
                    Class::Clip => self.clips.push(Job { output: target.join(output_name(&path, true)), input: path }),
                    Class::Neither => self.skipped.push(path),
                },
            }
        }
    }

    fn refuse_collisions(&self) -> anyhow::Result<()> {
        let mut writers: HashMap<&Path, &Path> = HashMap::new();
        for Job { input, output } in self.stills.iter().chain(&self.clips) {
            if let Some(other) = writers.insert(output, input) {
                let [one, two, both] = [other, input, output].map(Path::display);
                return Err(WrongUse(format!("{one} and {two} would both become {both}: redact them apart")).into());
            }
        }
        self.refuse_to_replace_inputs()
    }

    /// A job's own input is refused when its output is made; here, one job's output may be another's input.
    fn refuse_to_replace_inputs(&self) -> anyhow::Result<()> {
        let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let jobs = || self.stills.iter().chain(&self.clips);
        let inputs: HashMap<(u64, u64), &Path> =
            jobs().filter_map(|job| Some((identity(&job.input)?, job.input.as_path()))).collect();
        for Job { input, output } in jobs() {
            let replaced = identity(output).and_then(|found| inputs.get(&found));
            if let Some(other) = replaced.filter(|other| !same_file(other, input)) {
                let [input, output, other] = [input, output, *other].map(Path::display);
                let what = "name another output with -o";
                return Err(
                    WrongUse(format!("{input} would become {output}, which is the input {other}: {what}")).into()
                );
            }
        }
        Ok(())
    }
}

enum Class {
    Still,
    Clip,
    Neither,
}

fn class(kind: Kind) -> Class {
    if kind.is_still() {
        Class::Still
    } else if kind.is_clip() {
        Class::Clip
    } else {
        Class::Neither
    }
}

/// The input's own name; a clip in a container that is not written becomes an MP4.
fn output_name(input: &Path, is_clip: bool) -> PathBuf {
    let name = PathBuf::from(input.file_name().unwrap_or_default());
    let written =
        name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mp4") || ending.eq_ignore_ascii_case("y4m"));
    if is_clip && !written { name.with_extension("mp4") } else { name }
}

fn same_file(one: &Path, two: &Path) -> bool {
    matches!((one.canonicalize(), two.canonicalize()), (Ok(one), Ok(two)) if one == two)
}
