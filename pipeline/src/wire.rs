//! Messages between the processes: records of JSON on a local socket, with descriptors beside them.
//!
//! **Invariant.** What comes in is believed in nothing: a record that is too long, is no JSON, or is no message of this
//! conversation is an error that names no content, and never more than [`LONGEST`] bytes are kept of it. Sending never
//! waits: a side that does not read loses messages, not the other side's time.
//!
//! `SOCK_SEQPACKET` keeps the borders of records, so that a broken one does not spoil the next. Who says what to whom
//! stands where it is said: `supervise` and [`crate::hatch::shared`].

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the longest record: a config of some hundred zones has room.
pub const LONGEST: usize = 128 * 1024;
/// Descriptors that may come with one record.
const MOST_DESCRIPTORS: usize = 3;

/// One end of a conversation.
#[derive(Debug)]
pub struct Wire(OwnedFd);

/// What came.
#[derive(Debug)]
pub struct Record {
    bytes: Vec<u8>,
    /// What came with it, in the order in which it was sent.
    pub descriptors: Vec<OwnedFd>,
}

/// Why nothing more, or nothing sensible, comes.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side is gone.
    #[error("the other process closed the conversation")]
    Closed,
    /// The other side sent nonsense.
    #[error("the other process sent what is no message ({0})")]
    Nonsense(&'static str),
    /// The system refused.
    #[error("talking to the other process failed")]
    Io(#[from] io::Error),
}

impl Record {
    /// The message in it.
    ///
    /// # Errors
    /// When it is none of this conversation's.
    pub fn message<M: DeserializeOwned>(&self) -> Result<M, WireError> {
        serde_json::from_slice(&self.bytes).map_err(|_| WireError::Nonsense("no message of this conversation"))
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }
}

impl Wire {
    /// Both ends of a new conversation. Neither survives into a program that is executed unless it is handed over.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(one), Self(other)))
    }

    /// An end that somebody handed over.
    ///
    /// # Errors
    /// When it is no such socket.
    pub fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        if rustix::net::sockopt::socket_type(&descriptor)? != SocketType::SEQPACKET {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it keeps no borders of records"));
        }
        rustix::fs::fcntl_setfl(&descriptor, rustix::fs::fcntl_getfl(&descriptor)? | OFlags::NONBLOCK)?;
        Ok(Self(descriptor))
    }

    /// Gives the descriptor away.
    #[must_use]
    pub fn into_descriptor(self) -> OwnedFd {
        self.0
    }

    /// A second handle of this end, for another thread or process.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Sends a message, and copies of `descriptors` with it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the other side reads too slowly, [`io::ErrorKind::BrokenPipe`] when it is gone,
    /// [`io::ErrorKind::InvalidInput`] when the message is too long.
    pub fn send(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = encoded(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let fits = descriptors.len() <= MOST_DESCRIPTORS;
        if !fits || !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one record"));
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut beside, flags)?;
        Ok(())
    }

    /// Sends a message by `write`, which a process behind walls may do when `sendmsg` is forbidden to it.
    ///
    /// # Errors
    /// Those of [`Wire::send`].
    pub fn write(&self, message: &impl Serialize) -> io::Result<()> {
        let bytes = encoded(message)?;
        rustix::io::write(&self.0, &bytes)?;
        Ok(())
    }

    /// The next record; `None` when none came within `wait`.
    ///
    /// # Errors
    /// When the other side is gone, or sent a record that is too long.
    pub fn receive(&self, wait: Duration) -> Result<Option<Record>, WireError> {
        if !readable(&[self.0.as_fd()], wait)?[0] {
            return Ok(None);
        }
        let mut bytes = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let got = match recvmsg(&self.0, &mut slices, &mut beside, RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC) {
            Ok(got) => got,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            Err(rustix::io::Errno::CONNRESET) => return Err(WireError::Closed),
            Err(error) => return Err(WireError::Io(error.into())),
        };
        let mut descriptors = Vec::new();
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if got.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(WireError::Nonsense("it is too long"));
        }
        if got.bytes == 0 {
            return Err(WireError::Closed);
        }
        bytes.truncate(got.bytes);
        Ok(Some(Record { bytes, descriptors }))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Bytes of a record that are for what stands beside a long text: names, paths, numbers.
const BESIDE: usize = 32 * 1024;

/// Whether a message that holds this text can be sent.
pub(crate) fn has_room_for(text: &str) -> bool {
    serde_json::to_vec(text).is_ok_and(|bytes| bytes.len() <= LONGEST - BESIDE)
}

fn encoded(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let bytes = serde_json::to_vec(message).map_err(io::Error::other)?;
    if bytes.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    Ok(bytes)
}

/// Which of the descriptors can be read, or were closed by the other side, after at most `wait`; a signal may end the
/// wait early.
///
/// # Errors
/// When the system refuses.
pub fn readable(descriptors: &[BorrowedFd<'_>], wait: Duration) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = descriptors.iter().map(|one| PollFd::new(one, PollFlags::IN)).collect();
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut polled, Some(&wait)) {
        Ok(_) => Ok(polled.iter().map(|one| !one.revents().is_empty()).collect()),
        Err(rustix::io::Errno::INTR) => Ok(vec![false; descriptors.len()]),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn messages_and_descriptors_arrive_with_their_borders() {
        let (one, other) = Wire::pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        one.send(&"first", &[writer.as_fd()]).unwrap();
        one.write(&["second"]).unwrap();
        let first = other.receive(SOON).unwrap().unwrap();
        assert_eq!(first.message::<String>().unwrap(), "first");
        rustix::io::write(&first.descriptors[0], b"x").unwrap();
        assert_eq!(rustix::io::read(&reader, &mut [0; 4]).unwrap(), 1);
        assert_eq!(other.receive(SOON).unwrap().unwrap().message::<[String; 1]>().unwrap(), ["second"]);
        assert!(other.receive(Duration::ZERO).unwrap().is_none());
        drop(one);
        assert!(matches!(other.receive(SOON), Err(WireError::Closed)));
    }

    #[test]
    fn a_side_that_does_not_read_costs_nobody_time() {
        let (one, _other) = Wire::pair().unwrap();
        let full = (0..100_000).find_map(|_| one.write(&"x".repeat(1000)).err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(one.send(&"y".repeat(1000), &[]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_side_that_is_gone_is_an_error_and_no_signal() {
        let (one, other) = Wire::pair().unwrap();
        drop(other);
        assert_eq!(one.send(&"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn nonsense_is_named_and_not_believed() {
        let (one, other) = Wire::pair().unwrap();
        rustix::io::write(&one.0, b"{\"no\": ").unwrap();
        rustix::io::write(&one.0, &[0xff; 9]).unwrap();
        for _ in 0..2 {
            let record = other.receive(SOON).unwrap().unwrap();
            assert!(matches!(record.message::<u32>(), Err(WireError::Nonsense(_))));
        }
        rustix::io::write(&one.0, &vec![b'7'; LONGEST + 1]).unwrap();
        assert!(matches!(other.receive(SOON), Err(WireError::Nonsense(_))));
        one.write(&7).unwrap();
        assert_eq!(other.receive(SOON).unwrap().unwrap().message::<u32>().unwrap(), 7, "the next one is not spoilt");
        let (pipe, _) = rustix::pipe::pipe().unwrap();
        assert!(Wire::from_descriptor(pipe).is_err());
    }

    #[test]
    fn too_many_descriptors_are_refused() {
        let (one, _other) = Wire::pair().unwrap();
        let five = [one.as_fd(); MOST_DESCRIPTORS + 2];
        assert!(one.send(&1, &five).is_err());
    }
}
