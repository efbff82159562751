//! Clips that only ffmpeg reads: the user's own ffmpeg decodes, and its Y4M is read from a pipe.
//!
//! **Invariant.** Only local files are handed to it, never an address or a protocol; it is ended when nobody reads
//! any more; a clip of which it could not decode everything ends with a fault and its own words. (It is not told to stop
//! at the first error, for then it throws away frames that were whole; a frame that it patched up is inspected as it
//! looks.)

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use frostglass_vault::{Blank, Format};

use super::y4m::Y4mSource;
use super::{CaptureError, Rate, Source, io_error, starter};

/// So much of what it says is kept: the end.
const WORDS: usize = 2000;
/// Interlaced video becomes progressive; what is progressive already passes through.
const PROGRESSIVE: &str = "bwdif=mode=send_frame:deint=interlaced,setfield=prog";
/// So many hundredths of a second it has to end by itself after a fault.
const PATIENCE: u32 = 100;

/// A clip that ffmpeg decodes, upright (it turns phone clips itself) and at a constant rate.
pub struct FfmpegSource {
    frames: Y4mSource<Pipe>,
    running: Running,
    repeat: bool,
    ended: bool,
}

/// Starts the `ffmpeg` on PATH on a local file, which it plays once or for ever; `what` says what is in it, for the message
/// when there is none.
///
/// # Errors
/// When there is no ffmpeg, or it cannot decode a first frame.
pub fn open_by_ffmpeg(path: &Path, what: &str, repeat: bool) -> Result<FfmpegSource, CaptureError> {
    start(OsStr::new("ffmpeg"), path, what, repeat)
}

fn start(program: &OsStr, path: &Path, what: &str, repeat: bool) -> Result<FfmpegSource, CaptureError> {
    let shown = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => CaptureError::NoFfmpeg { path: shown.clone(), what: what.to_owned() },
        _ => io_error(&shown, "starting ffmpeg")(error),
    };
    let (process, video, words) = if starter::is_there() {
        let [video, words] = starter::start(path).map_err(failed)?;
        (Process::Elsewhere, Some(File::from(video)), Some(File::from(words)))
    } else if crate::sandbox::programs_can_be_started() {
        let mut child = command(program, path, repeat).and_then(|mut command| command.spawn()).map_err(failed)?;
        let video = child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let words = child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        (Process::Ours(child), video, words)
    } else {
        let advice = "convert it to plain H.264: behind its walls this process starts no program".to_owned();
        return Err(CaptureError::Unsupported { path: shown, what: what.to_owned(), advice });
    };
    let mut running = Running { process, listener: words.map(listen), words: String::new(), path: shown.clone() };
    let Some(video) = video else { return Err(running.explain(0)) };
    match Y4mSource::new(shown, Pipe(Some(video))) {
        Ok(frames) => Ok(FfmpegSource { frames, running, repeat, ended: false }),
        // It gave nothing, or less than a header: its own words say why.
        Err(CaptureError::Empty { .. } | CaptureError::Broken { .. }) => Err(running.explain(0)),
        Err(fault) => Err(fault),
    }
}

/// ffmpeg on a local file, which it plays once or for ever, as Y4M to a pipe.
pub(super) fn command(program: &OsStr, path: &Path, repeat: bool) -> io::Result<Command> {
    // With the prefix nothing in a file's name is an option or a protocol ("-y.avi", "concat:a|b").
    let mut address = OsString::from("file:");
    address.push(std::path::absolute(path)?);
    let mut command = Command::new(program);
    command
        .args(["-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "file"])
        .args(["-stream_loop", if repeat { "-1" } else { "0" }, "-i"])
        .arg(address)
        .args(["-map", "0:v:0", "-an", "-sn", "-dn", "-vf", PROGRESSIVE])
        .args(["-f", "yuv4mpegpipe", "-pix_fmt", "yuv420p", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

impl FfmpegSource {
    /// What the user should know.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec!["decoded by ffmpeg, at a constant rate; sound is dropped".to_owned()];
        notes.extend_from_slice(self.frames.notes());
        notes
    }
}

impl Source for FfmpegSource {
    fn format(&self) -> Format {
        self.frames.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.frames.rate()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let result = self.frames.read(blank);
        match result {
            Ok(Some(_)) | Err(CaptureError::WrongFormat { .. }) => result,
            // The pipe ended: well only if ffmpeg says so too, and had no error to tell of. A clip that was cut is
            // a success to it. One that it repeats for ever has no good end.
            Ok(None) => {
                self.ended = true;
                let well = self.running.wait().is_some_and(|status| status.success());
                if well && !self.repeat && self.running.words().is_empty() { Ok(None) } else { Err(self.explain()) }
            }
            Err(_) => {
                self.ended = true;
                Err(self.explain())
            }
        }
    }
}

impl FfmpegSource {
    /// Nobody reads any more, by which it ends at its next frame even where it can not be killed.
    fn explain(&mut self) -> CaptureError {
        self.frames.get_mut().0 = None;
        self.running.explain(self.frames.frames_read())
    }
}

/// What it writes to, as long as somebody reads.
struct Pipe(Option<File>);

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |pipe| pipe.read(bytes))
    }
}

/// The process; ended when this goes. Behind walls this process may kill nobody: then it ends because nobody reads, or with
/// the group of processes that it is in, which the supervisor ends.
struct Running {
    process: Process,
    listener: Option<JoinHandle<Vec<u8>>>,
    words: String,
    path: String,
}

/// Who started it.
enum Process {
    Ours(Child),
    /// See [`starter`].
    Elsewhere,
}

impl Running {
    /// How it ended, when its video has.
    fn wait(&mut self) -> Option<ExitStatus> {
        match &mut self.process {
            Process::Ours(child) => child.wait().ok(),
            Process::Elsewhere => starter::wait().or_else(starter::end),
        }
    }

    /// How it ended, if it did so in time.
    fn wait_a_moment(&mut self) -> Option<ExitStatus> {
        let Process::Ours(child) = &mut self.process else { return starter::wait() };
        for _ in 0..PATIENCE {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                ended => return ended.ok().flatten(),
            }
        }
        None
    }

    /// Ends it, and says how it ended; one that can not be killed is not waited for long.
    fn end(&mut self) -> Option<ExitStatus> {
        let Process::Ours(child) = &mut self.process else { return starter::end() };
        if child.kill().is_ok() { child.wait().ok() } else { self.wait_a_moment() }
    }

    /// What it said, when it has ended.
    fn words(&mut self) -> &str {
        if let Some(words) = self.listener.take().and_then(|listener| listener.join().ok()) {
            self.words = String::from_utf8_lossy(&words).trim().replace('\n', "; ");
        }
        &self.words
    }

    /// Ends it and puts together what it said.
    fn explain(&mut self, whole: u64) -> CaptureError {
        // It closed its end of the pipe, or wrote what is no video: it may end by itself, but is not waited for long.
        let status = self.wait_a_moment().or_else(|| self.end());
        let path = self.path.clone();
        let Some(status) = status else {
            let said = "it has not ended, so that nobody listens to what it says".to_owned();
            return CaptureError::Ffmpeg { path, how: "was left".to_owned(), whole, said };
        };
        let said = self.words();
        let said = if said.is_empty() { "it said nothing".to_owned() } else { said.to_owned() };
        CaptureError::Ffmpeg { path, how: format!("ended with {status}"), whole, said }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads what it says while it works: a full pipe would stop it.
fn listen(mut words: File) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
        while let Ok(read @ 1..) = words.read(&mut piece) {
            kept.extend_from_slice(&piece[..read]);
            let surplus = kept.len().saturating_sub(WORDS);
            kept.drain(..surplus);
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::{drain, file};
    use super::*;

    /// A program that stands in for ffmpeg.
    fn stand_in(script: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let (folder, path) = file("ffmpeg", format!("#!/bin/sh\n{script}\n").as_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Another test's child may have been forked while the file was open for writing; until that child has
        // started its own program, the system calls this one busy.
        loop {
            match Command::new(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                Ok(mut started) => {
                    let _ = started.kill();
                    let _ = started.wait();
                    break;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        (folder, path)
    }

    const FRAME: &str = "printf 'YUV4MPEG2 W2 H2 F5:1 C420jpeg\\nFRAME\\nabcdef'";

    #[test]
    fn without_ffmpeg_the_codec_and_a_way_out_are_named() {
        let error = start(OsStr::new("/nowhere/ffmpeg"), Path::new("clip.mkv"), "Matroska", false).err().unwrap();
        assert!(matches!(error, CaptureError::NoFfmpeg { .. }));
        let text = error.to_string();
        assert!(text.contains("Matroska") && text.contains("install ffmpeg"), "{text}");
    }

    #[test]
    fn a_good_end_is_an_end_and_a_bad_one_is_a_fault_with_its_words() {
        let (_folder, program) = stand_in(FRAME);
        let mut source = start(program.as_os_str(), Path::new("clip.avi"), "AVI", false).unwrap();
        let (frames, faults) = drain(&mut source);
        assert_eq!((frames.len(), faults.len()), (1, 0), "{faults:?}");

        let (_folder, program) = stand_in(&format!("{FRAME}; echo 'packet 7 is corrupt' >&2; exit 3"));
        let mut source = start(program.as_os_str(), Path::new("clip.avi"), "AVI", false).unwrap();
        let (frames, faults) = drain(&mut source);
        assert_eq!((frames.len(), faults.len()), (1, 1));
        let text = faults[0].to_string();
        assert!(text.contains("packet 7 is corrupt") && text.contains("exit status: 3"), "{text}");
        assert!(text.contains("after 1 whole frames"), "{text}");
    }

    #[test]
    fn a_clip_that_is_repeated_has_no_good_end() {
        let (_folder, program) = stand_in(FRAME);
        let mut source = start(program.as_os_str(), Path::new("clip.avi"), "AVI", true).unwrap();
        let (frames, faults) = drain(&mut source);
        assert_eq!((frames.len(), faults.len()), (1, 1));
        assert!(faults[0].to_string().contains("after 1 whole frames"), "{}", faults[0]);
    }

    #[test]
    fn words_of_fault_at_a_good_end_are_a_fault() {
        let (_folder, program) = stand_in(&format!("{FRAME}; echo 'File ended prematurely' >&2"));
        let mut source = start(program.as_os_str(), Path::new("clip.mkv"), "Matroska", false).unwrap();
        let (frames, faults) = drain(&mut source);
        assert_eq!((frames.len(), faults.len()), (1, 1));
        assert!(faults[0].to_string().contains("File ended prematurely"), "{}", faults[0]);
    }

    #[test]
    fn a_cut_pipe_and_an_early_end_are_faults() {
        let (_folder, program) = stand_in(&format!("{FRAME}; printf 'FRAME\\nab'"));
        let mut source = start(program.as_os_str(), Path::new("clip.avi"), "AVI", false).unwrap();
        let (frames, faults) = drain(&mut source);
        assert_eq!((frames.len(), faults.len()), (1, 1));

        let (_folder, program) = stand_in("echo 'no such codec' >&2; exit 1");
        let error = start(program.as_os_str(), Path::new("clip.avi"), "AVI", false).err().unwrap();
        assert!(error.to_string().contains("no such codec"), "{error}");
    }

    #[test]
    fn the_file_name_is_never_an_option_or_a_protocol() {
        let (_folder, program) = stand_in(&format!("printf '%s\\n' \"$@\" > \"$(dirname \"$0\")/said\"; {FRAME}"));
        let _source = start(program.as_os_str(), Path::new("-y.avi"), "AVI", false).unwrap();
        let said = std::fs::read_to_string(program.with_file_name("said")).unwrap();
        let after = said.lines().skip_while(|line| *line != "-i").nth(1).unwrap();
        assert!(after.starts_with("file:/") && after.ends_with("/-y.avi"), "{after}");
    }

    #[test]
    fn it_is_ended_when_nobody_reads_any_more() {
        let (_folder, program) = stand_in(&format!("echo $$ > \"$(dirname \"$0\")/pid\"; {FRAME}; exec sleep 1000"));
        let source = start(program.as_os_str(), Path::new("clip.avi"), "AVI", false).unwrap();
        let pid = std::fs::read_to_string(program.with_file_name("pid")).unwrap();
        let process = format!("/proc/{}", pid.trim());
        assert!(Path::new(&process).exists());
        drop(source);
        assert!(!Path::new(&process).exists());
    }
}
