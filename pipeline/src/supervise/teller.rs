//! Standard error for a process that must never wait for it.
//!
//! **Invariant.** Whoever writes here goes on at once. A terminal that was stopped by Ctrl-S, or a pipe that nobody reads,
//! costs lines, which are dropped; a thread of its own waits for it.

use std::io::{self, Write};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Pieces of text that may wait.
const ROOM: usize = 1024;
/// At the end, what waits is waited for so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// Writes to standard error by a thread of its own; what has no room is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Teller(Sender<Piece>);

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    /// Answered when all that came before it is written.
    End(Sender<()>),
}

impl Teller {
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        Self::to(io::stderr())
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (pieces, come) = bounded(ROOM);
        std::thread::Builder::new().name("tell".to_owned()).spawn(move || write(&come, out))?;
        Ok(Self(pieces))
    }

    /// Lets out what waits, if that can be done in a moment.
    pub(crate) fn finish(&self) {
        let (done, is_done) = bounded(1);
        if self.0.send_timeout(Piece::End(done), FAREWELL).is_ok() {
            let _ = is_done.recv_timeout(FAREWELL);
        }
    }
}

fn write(pieces: &Receiver<Piece>, mut out: impl Write) {
    for piece in pieces {
        match piece {
            // A terminal that is gone is nobody's loss.
            Piece::Text(text) => drop(out.write_all(&text)),
            Piece::End(done) => drop(done.send(())),
        }
    }
}

impl Write for Teller {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Piece::Text(bytes.to_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn who_does_not_read_stops_nobody() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut teller = Teller::to(writer).unwrap();
        // More than the pipe and the queue hold.
        for number in 0..10_000 {
            writeln!(teller, "{number:0100}").unwrap();
        }
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        teller.finish();
        drop(teller);
        let text = reading.join().unwrap();
        assert!(text.starts_with(&format!("{:0100}\n", 0)) && text.len() < 10_000 * 101, "{} bytes", text.len());
    }
}
