//! The calls to a Video4Linux device.
//!
//! **Invariant.** Each call gets the structure that its number stands for, zeroed before it is filled. What a mapping gives
//! out is a slice of its own length, and ends before it does.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

use frostglass_vault::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use v4l::sys::{
    V4L2_CAP_DEVICE_CAPS, v4l2_buffer, v4l2_capability, v4l2_fmtdesc, v4l2_format, v4l2_frmivalenum, v4l2_frmsizeenum,
    v4l2_plane, v4l2_queryctrl, v4l2_requestbuffers, v4l2_streamparm,
};
use v4l::v4l2::vidioc;

use super::{Capability, Dequeued, Driver, Fourcc, Kind, Layout, MOST_PLANES, Sizes};
use crate::capture::Rate;

/// An open device.
#[derive(Debug)]
pub struct Device(File);

/// `V4L2_MEMORY_MMAP`.
const MMAP: u32 = 1;
/// A list that is longer is a driver's mistake.
const LONGEST_LIST: u32 = 200;

impl Device {
    /// Opens the node for reading and writing; nothing of it waits, and it is not handed on to other programs.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits();
        options.read(true).write(true).custom_flags(nonblocking as i32).open(path).map(Self)
    }

    /// What it is.
    ///
    /// # Errors
    /// `ENOTTY` when it is no Video4Linux device.
    pub fn capability(&self) -> io::Result<Capability> {
        let mut caps: v4l2_capability = zeroed();
        self.call(vidioc::VIDIOC_QUERYCAP, &mut caps)?;
        let of_node = caps.capabilities & V4L2_CAP_DEVICE_CAPS != 0;
        let flags = if of_node { caps.device_caps } else { caps.capabilities };
        Ok(Capability { driver: text(&caps.driver), card: text(&caps.card), bus: text(&caps.bus_info), flags })
    }

    /// The formats it offers.
    #[must_use]
    pub fn formats(&self, kind: Kind) -> Vec<Fourcc> {
        let formats = (0..LONGEST_LIST).map_while(|index| {
            let mut format = v4l2_fmtdesc { index, type_: number(kind), ..zeroed() };
            self.call(vidioc::VIDIOC_ENUM_FMT, &mut format).ok()?;
            Some(Fourcc::from(format.pixelformat))
        });
        formats.collect()
    }

    /// The sizes it offers of a format; empty when it does not say.
    #[must_use]
    pub fn sizes(&self, fourcc: Fourcc) -> Vec<Sizes> {
        let sizes = (0..LONGEST_LIST).map_while(|index| {
            let mut size = v4l2_frmsizeenum { index, pixel_format: fourcc.number(), ..zeroed() };
            self.call(vidioc::VIDIOC_ENUM_FRAMESIZES, &mut size).ok()?;
            // SAFETY: both arms are plain numbers, for which any bytes are valid; `type_` says which one was filled.
            Some(unsafe {
                if size.type_ == 1 {
                    let one = size.__bindgen_anon_1.discrete;
                    Sizes::One(Size::new(one.width, one.height))
                } else {
                    let range = size.__bindgen_anon_1.stepwise;
                    Sizes::Range {
                        least: Size::new(range.min_width, range.min_height),
                        most: Size::new(range.max_width, range.max_height),
                        step: Size::new(range.step_width.max(1), range.step_height.max(1)),
                    }
                }
            })
        });
        sizes.collect()
    }

    /// The rates it offers of a format in one size; of a range, its ends.
    #[must_use]
    pub fn rates(&self, fourcc: Fourcc, size: Size) -> Vec<Rate> {
        let mut rates = Vec::new();
        for index in 0..LONGEST_LIST {
            let (pixel_format, width, height) = (fourcc.number(), size.width, size.height);
            let mut interval = v4l2_frmivalenum { index, pixel_format, width, height, ..zeroed() };
            if self.call(vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut interval).is_err() {
                break;
            }
            // SAFETY: as in `sizes`.
            let intervals = unsafe {
                if interval.type_ == 1 {
                    vec![interval.__bindgen_anon_1.discrete]
                } else {
                    vec![interval.__bindgen_anon_1.stepwise.min, interval.__bindgen_anon_1.stepwise.max]
                }
            };
            rates.extend(intervals.iter().filter_map(|one| Rate::new(one.denominator, one.numerator)));
        }
        rates
    }

    /// Names of its controls.
    #[must_use]
    pub fn controls(&self) -> Vec<String> {
        const NEXT: u32 = 0x8000_0000;
        let (mut names, mut id) = (Vec::new(), 0);
        for _ in 0..LONGEST_LIST {
            let mut control = v4l2_queryctrl { id: id | NEXT, ..zeroed() };
            if self.call(vidioc::VIDIOC_QUERYCTRL, &mut control).is_err() || control.id <= id {
                break;
            }
            id = control.id;
            // A control class is a heading (type 6), and a flag says what is switched off.
            if control.type_ != 6 && control.flags & 1 == 0 {
                names.push(text(&control.name));
            }
        }
        names
    }

    fn call<T>(&self, request: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
        // The size stands in the request's number: a structure of another size is a mistake of this file.
        assert_eq!((request >> 16 & 0x3fff) as usize, size_of::<T>(), "each call has its structure");
        loop {
            // SAFETY: the descriptor is open as long as `self`; the kernel reads and writes the structure whose size is
            // part of the request's number, which is that of `argument` (asserted). Pointers inside of it are set by
            // `with_planes` only, to an array that lives across the call.
            let result = unsafe { v4l::v4l2::ioctl(self.0.as_raw_fd(), request, std::ptr::from_mut(argument).cast()) };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// A call on a buffer, with room for its planes.
    fn with_planes(
        &self,
        request: vidioc::_IOC_TYPE,
        kind: Kind,
        index: u32,
        planes: usize,
        used: u32,
    ) -> io::Result<(v4l2_buffer, [v4l2_plane; MOST_PLANES])> {
        let mut room: [v4l2_plane; MOST_PLANES] = [zeroed(); MOST_PLANES];
        let mut buffer = v4l2_buffer { index, type_: number(kind), memory: MMAP, bytesused: used, ..zeroed() };
        if kind == Kind::CaptureMultiplanar {
            buffer.m.planes = room.as_mut_ptr();
            buffer.length = planes.min(MOST_PLANES) as u32;
        }
        if kind == Kind::Output {
            buffer.field = 1;
        }
        self.call(request, &mut buffer)?;
        Ok((buffer, room))
    }
}

impl Driver for Device {
    fn set_format(&mut self, kind: Kind, wanted: &Layout) -> io::Result<Layout> {
        let mut format = v4l2_format { type_: number(kind), ..zeroed() };
        // Field 1: progressive frames, no half pictures.
        if kind == Kind::CaptureMultiplanar {
            // SAFETY: a union of plain numbers, all zero; this writes the arm that `type_` names.
            let pix = unsafe { &mut format.fmt.pix_mp };
            (pix.width, pix.height) = (wanted.size.width, wanted.size.height);
            (pix.pixelformat, pix.field) = (wanted.fourcc.number(), 1);
        } else {
            // SAFETY: as above.
            let pix = unsafe { &mut format.fmt.pix };
            (pix.width, pix.height) = (wanted.size.width, wanted.size.height);
            (pix.pixelformat, pix.field) = (wanted.fourcc.number(), 1);
            if kind == Kind::Output {
                (pix.bytesperline, pix.sizeimage) = (wanted.strides[0], wanted.bytes[0]);
                (pix.colorspace, pix.quantization) = (wanted.colorspace, wanted.quantization);
                pix.__bindgen_anon_1.ycbcr_enc = wanted.encoding;
                // `V4L2_PIX_FMT_PRIV_MAGIC`: the fields on colour are meant.
                pix.priv_ = 0xfeed_cafe;
            }
        }
        self.call(vidioc::VIDIOC_S_FMT, &mut format)?;
        Ok(layout(kind, &format))
    }

    fn set_rate(&mut self, kind: Kind, wanted: Rate) -> io::Result<Rate> {
        let mut parameters = v4l2_streamparm { type_: number(kind), ..zeroed() };
        // SAFETY: a union of plain numbers; capture and output have the interval at the same place, but each is written
        // and read by the arm that `type_` names.
        let interval = unsafe {
            if kind == Kind::Output {
                &mut parameters.parm.output.timeperframe
            } else {
                &mut parameters.parm.capture.timeperframe
            }
        };
        (interval.numerator, interval.denominator) = (wanted.seconds, wanted.frames);
        self.call(vidioc::VIDIOC_S_PARM, &mut parameters)?;
        // SAFETY: as above.
        let given = unsafe {
            if kind == Kind::Output {
                parameters.parm.output.timeperframe
            } else {
                parameters.parm.capture.timeperframe
            }
        };
        Ok(Rate::new(given.denominator, given.numerator).unwrap_or(wanted))
    }

    fn request(&mut self, kind: Kind, count: u32) -> io::Result<u32> {
        let mut request = v4l2_requestbuffers { count, type_: number(kind), memory: MMAP, ..zeroed() };
        self.call(vidioc::VIDIOC_REQBUFS, &mut request)?;
        Ok(request.count)
    }

    fn map(&mut self, kind: Kind, index: u32, planes: usize) -> io::Result<Vec<Mapping>> {
        let (buffer, room) = self.with_planes(vidioc::VIDIOC_QUERYBUF, kind, index, planes, 0)?;
        // SAFETY: unions of plain numbers; the arm that memory-mapped buffers have.
        let places: Vec<(u32, u32)> = unsafe {
            if kind == Kind::CaptureMultiplanar {
                room[..planes.min(MOST_PLANES)].iter().map(|plane| (plane.length, plane.m.mem_offset)).collect()
            } else {
                vec![(buffer.length, buffer.m.offset)]
            }
        };
        places.iter().map(|&(length, offset)| Mapping::new(&self.0, length as usize, offset.into())).collect()
    }

    fn queue(&mut self, kind: Kind, index: u32, planes: usize, used: u32) -> io::Result<()> {
        self.with_planes(vidioc::VIDIOC_QBUF, kind, index, planes, used).map(drop)
    }

    fn dequeue(&mut self, kind: Kind, planes: usize) -> io::Result<Option<Dequeued>> {
        let (buffer, room) = match self.with_planes(vidioc::VIDIOC_DQBUF, kind, 0, planes, 0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        let mut used = [(0, 0); MOST_PLANES];
        if kind == Kind::CaptureMultiplanar {
            for (used, plane) in used.iter_mut().zip(room) {
                *used = (plane.bytesused, plane.data_offset);
            }
        } else {
            used[0] = (buffer.bytesused, 0);
        }
        let seconds = Duration::from_secs(u64::try_from(buffer.timestamp.tv_sec).unwrap_or(0));
        let micros = Duration::from_micros(u64::try_from(buffer.timestamp.tv_usec).unwrap_or(0));
        let time = seconds.saturating_add(micros);
        Ok(Some(Dequeued { index: buffer.index, flags: buffer.flags, sequence: buffer.sequence, time, planes: used }))
    }

    fn streaming(&mut self, kind: Kind, on: bool) -> io::Result<()> {
        let request = if on { vidioc::VIDIOC_STREAMON } else { vidioc::VIDIOC_STREAMOFF };
        self.call(request, &mut i32::try_from(number(kind)).map_err(io::Error::other)?)
    }

    fn wait(&mut self, kind: Kind, limit: Duration) -> io::Result<bool> {
        let what = if kind == Kind::Output { PollFlags::OUT } else { PollFlags::IN };
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        match poll(&mut [PollFd::from_borrowed_fd(self.0.as_fd(), what)], Some(&limit)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// One plane's buffer, mapped into our memory. In tests it may be plain memory.
pub struct Mapping {
    start: NonNull<c_void>,
    length: usize,
    /// Keeps the memory of a mapping that is none.
    own: Option<Box<[u8]>>,
}

// SAFETY: the mapping belongs to this value alone, and is reached by borrowing it only.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(device: &File, length: usize, offset: u64) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags};

        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the driver speaks of a buffer without a byte"));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel picks the place of a new mapping, so that no memory of ours is replaced; it refuses a length or
        // offset that is not one of the device's buffers.
        let start =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, device, offset)? };
        let start = NonNull::new(start).ok_or_else(|| io::Error::other("the system mapped memory at address 0"))?;
        Ok(Self { start, length, own: None })
    }

    /// Plain memory in a mapping's place, for drivers that are none.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        let mut own = bytes.into_boxed_slice();
        let start = NonNull::from(own.as_mut()).cast();
        Self { start, length: own.len(), own: Some(own) }
    }

    /// All bytes of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes are mapped, or are the box's, as long as `self` lives. The driver writes to a buffer only
        // while it is queued; `stream` reads none that is. A driver that writes all the same changes samples, no lengths:
        // whoever reads takes copies, and parses nothing in here.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }

    /// All bytes of it, to be written.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; and `self` is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.own.is_none() {
            // SAFETY: this mapping, made by `new` with this length; nothing borrowed from it outlives `self`.
            let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
        }
    }
}

fn number(kind: Kind) -> u32 {
    match kind {
        Kind::Capture => 1,
        Kind::Output => 2,
        Kind::CaptureMultiplanar => 9,
    }
}

fn layout(kind: Kind, format: &v4l2_format) -> Layout {
    let (mut strides, mut bytes) = ([0; MOST_PLANES], [0; MOST_PLANES]);
    // SAFETY: a union of plain numbers, for which any bytes are valid; the arm that `type_` names was filled.
    unsafe {
        if kind == Kind::CaptureMultiplanar {
            let pix = format.fmt.pix_mp;
            let list = pix.plane_fmt;
            for (index, plane) in list.into_iter().enumerate() {
                (strides[index], bytes[index]) = (plane.bytesperline, plane.sizeimage);
            }
            Layout {
                fourcc: Fourcc::from(pix.pixelformat),
                size: Size::new(pix.width, pix.height),
                planes: usize::from(pix.num_planes),
                strides,
                bytes,
                colorspace: pix.colorspace,
                encoding: pix.__bindgen_anon_1.ycbcr_enc.into(),
                quantization: pix.quantization.into(),
                field: pix.field,
            }
        } else {
            let pix = format.fmt.pix;
            (strides[0], bytes[0]) = (pix.bytesperline, pix.sizeimage);
            Layout {
                fourcc: Fourcc::from(pix.pixelformat),
                size: Size::new(pix.width, pix.height),
                planes: 1,
                strides,
                bytes,
                colorspace: pix.colorspace,
                encoding: pix.__bindgen_anon_1.ycbcr_enc,
                quantization: pix.quantization,
                field: pix.field,
            }
        }
    }
}

/// Structures of the kernel's, made of numbers, pointers and unions of them.
trait Plain {}
impl Plain for v4l2_buffer {}
impl Plain for v4l2_capability {}
impl Plain for v4l2_fmtdesc {}
impl Plain for v4l2_format {}
impl Plain for v4l2_frmivalenum {}
impl Plain for v4l2_frmsizeenum {}
impl Plain for v4l2_plane {}
impl Plain for v4l2_queryctrl {}
impl Plain for v4l2_requestbuffers {}
impl Plain for v4l2_streamparm {}

fn zeroed<T: Plain>() -> T {
    // SAFETY: zero bytes are a valid value of each of these (see `Plain`, which this file alone can implement).
    unsafe { std::mem::zeroed() }
}

/// A text of the driver's, up to its first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).chars().filter(|letter| !letter.is_control()).collect()
}
