//! A driver that lies, in the kernel's place.

use std::collections::VecDeque;

use frostglass_vault::Size;

use super::super::Fourcc;
use super::*;
use crate::capture::Rate;

#[derive(Default)]
pub(crate) struct Liar {
    /// What it gives back, one after the other.
    pub(crate) gives: VecDeque<io::Result<Option<Dequeued>>>,
    /// Buffers it has, and their length.
    pub(crate) buffers: u32,
    pub(crate) length: usize,
    /// Everything is refused from now on.
    pub(crate) gone: bool,
}

impl Liar {
    fn may(&self) -> io::Result<()> {
        if self.gone { Err(io::Error::from_raw_os_error(19)) } else { Ok(()) }
    }
}

impl Driver for Liar {
    fn set_format(&mut self, _: Kind, wanted: &Layout) -> io::Result<Layout> {
        self.may().map(|()| *wanted)
    }
    fn set_rate(&mut self, _: Kind, wanted: Rate) -> io::Result<Rate> {
        self.may().map(|()| wanted)
    }
    fn request(&mut self, _: Kind, count: u32) -> io::Result<u32> {
        self.may().map(|()| if count == 0 { 0 } else { self.buffers })
    }
    fn map(&mut self, _: Kind, index: u32, planes: usize) -> io::Result<Vec<Mapping>> {
        Ok((0..planes).map(|_| Mapping::of(vec![index as u8 + 1; self.length])).collect())
    }
    fn queue(&mut self, _: Kind, _: u32, _: usize, _: u32) -> io::Result<()> {
        self.may()
    }
    fn dequeue(&mut self, _: Kind, _: usize) -> io::Result<Option<Dequeued>> {
        let next = self.gives.pop_front().unwrap_or(Ok(None));
        self.gone |= next.is_err();
        next
    }
    fn streaming(&mut self, _: Kind, _: bool) -> io::Result<()> {
        self.may()
    }
    fn wait(&mut self, _: Kind, _: Duration) -> io::Result<bool> {
        Ok(!self.gives.is_empty())
    }
}

fn layout(planes: usize) -> Layout {
    Layout {
        fourcc: Fourcc(*b"NV12"),
        size: Size::new(4, 4),
        planes,
        strides: [4; MOST_PLANES],
        bytes: [100; MOST_PLANES],
        colorspace: 0,
        encoding: 0,
        quantization: 0,
        field: 1,
    }
}

fn gives(index: u32, used: u32, offset: u32) -> io::Result<Option<Dequeued>> {
    let planes = [(used, offset); MOST_PLANES];
    Ok(Some(Dequeued { index, flags: 0, sequence: 0, time: Duration::ZERO, planes }))
}

fn stream(planes: usize, list: Vec<io::Result<Option<Dequeued>>>) -> Stream<Liar> {
    let driver = Liar { gives: list.into(), buffers: 3, length: 100, gone: false };
    Stream::start(driver, Kind::CaptureMultiplanar, &layout(planes)).unwrap()
}

#[test]
fn what_is_used_is_read_and_nothing_else() {
    let mut stream = stream(2, vec![gives(1, 60, 10), gives(1, 100, 100), gives(0, 0, 0)]);
    let lengths = |filled: &Filled<'_>| [filled.planes[0].len(), filled.planes[1].len(), filled.planes[2].len()];
    assert_eq!(stream.next(Duration::ZERO, lengths).unwrap(), Next::Filled([50, 50, 0]));
    assert_eq!(stream.next(Duration::ZERO, lengths).unwrap(), Next::Filled([0, 0, 0]));
    assert_eq!(stream.next(Duration::ZERO, lengths).unwrap(), Next::Filled([0, 0, 0]));
    assert_eq!(stream.next(Duration::ZERO, lengths).unwrap(), Next::Nothing);
}

#[test]
fn lengths_and_offsets_that_cannot_be_are_told_and_the_stream_goes_on() {
    let hostile = [(101, 0), (u32::MAX, 0), (50, 51), (0, 1), (100, u32::MAX), (u32::MAX, u32::MAX)];
    let mut stream = stream(1, hostile.iter().map(|&(used, offset)| gives(2, used, offset)).collect());
    for case in hostile {
        let next = stream.next(Duration::ZERO, |_| panic!("{case:?} was read")).unwrap();
        assert!(matches!(next, Next::Bad(_)), "{case:?}");
    }
}

#[test]
fn a_buffer_that_the_driver_does_not_have_ends_the_stream() {
    for index in [3, 4, 1000, u32::MAX] {
        let fault = stream(1, vec![gives(index, 10, 0)]).next(Duration::ZERO, |_| ()).unwrap_err();
        assert!(matches!(fault, StreamFault::Driver(_)), "{index}: {fault}");
    }
    let driver = Liar { gives: VecDeque::new(), buffers: 2, length: 8, gone: false };
    let mut output = Stream::start(driver, Kind::Output, &layout(1)).unwrap();
    assert!(output.send(Duration::ZERO, |bytes| bytes.len()).unwrap());
    assert!(output.send(Duration::ZERO, |bytes| bytes.len()).unwrap());
    assert!(!output.send(Duration::ZERO, |_| panic!("no buffer is free")).unwrap());
    output.driver.gives = [gives(0, 0, 0), gives(0, 0, 0), gives(0, 0, 0)].into();
    assert!(output.send(Duration::ZERO, |bytes| bytes.len()).unwrap());
    assert!(output.send(Duration::ZERO, |bytes| bytes.len()).unwrap(), "it was queued again meanwhile");
}

#[test]
fn drivers_that_offer_nonsense_are_refused_at_the_start() {
    for buffers in [0, 33, u32::MAX] {
        let driver = Liar { gives: VecDeque::new(), buffers, length: 8, gone: false };
        assert!(matches!(Stream::start(driver, Kind::Capture, &layout(1)), Err(StreamFault::Driver(_))));
    }
    for planes in [0, 9, 255] {
        let driver = Liar { gives: VecDeque::new(), buffers: 2, length: 8, gone: false };
        assert!(matches!(Stream::start(driver, Kind::Capture, &layout(planes)), Err(StreamFault::Driver(_))));
    }
}

#[test]
fn a_device_that_goes_is_named_so_and_given_back_without_a_panic() {
    let mut stream = stream(1, vec![Err(io::Error::from_raw_os_error(19))]);
    let fault = stream.next(Duration::ZERO, |_| ()).unwrap_err();
    assert!(fault.is_gone(), "{fault}");
    drop(stream);
}

#[test]
fn a_time_out_is_no_fault_and_the_next_frame_comes() {
    let mut stream = stream(1, vec![]);
    for _ in 0..3 {
        assert_eq!(stream.next(Duration::ZERO, |_| ()).unwrap(), Next::Nothing);
    }
    stream.driver.gives.push_back(gives(0, 7, 0));
    assert_eq!(stream.next(Duration::ZERO, |filled| filled.planes[0].len()).unwrap(), Next::Filled(7));
}
