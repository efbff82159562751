//! Cases of capture: the library's camera on a real kernel's drivers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use frostglass::capture::camera::CameraFault;
use frostglass::capture::{CaptureError, Rotated, Source, Turn};
use frostglass::v4l2::{Device, Driver, Fourcc, Kind, Layout, MOST_PLANES};
use frostglass_vault::Size;

use crate::inside::{Eye, control, open, steady, wish};
use crate::started::{Running, wait_for};
use crate::webcam::Webcam;

const VIDEO: &str = "/dev/video0";

/// vivid's bars from left to right: Y, Cb, Cr in BT.601, limited range.
const BARS: [[u8; 3]; 8] = [
    [179, 128, 128],
    [160, 44, 141],
    [130, 156, 44],
    [111, 72, 58],
    [83, 183, 197],
    [64, 99, 211],
    [34, 211, 114],
    [16, 128, 128],
];

/// All samples of the picture are those of the bars, but for the chroma sample on each edge.
fn assert_bars(what: &str, planes: &[Vec<u8>; 3], size: Size) {
    for (plane, bytes) in planes.iter().enumerate() {
        let (width, height) = match plane {
            0 => (size.width as usize, size.height as usize),
            _ => (size.width as usize / 2, size.height as usize / 2),
        };
        assert_eq!(bytes.len(), width * height);
        for (at, &sample) in bytes.iter().enumerate() {
            let (x, y) = (at % width, at / width);
            let bar = x * 8 / width;
            let is_edge = plane > 0 && (x + 1) * 8 / width != bar || x * 8 % width == 0;
            assert!(
                is_edge || sample == BARS[bar][plane],
                "{what}: plane {plane} at {x}, {y} is {sample}, not {}",
                BARS[bar][plane]
            );
        }
    }
}

pub(crate) fn exact_pattern() {
    steady(VIDEO);
    let device = Device::open(Path::new(VIDEO)).unwrap();
    let kind = device.capability().unwrap().capture().unwrap();
    let offered = device.formats(kind);
    drop(device);
    let mut seen = Vec::new();
    for format in ["YUYV", "UYVY", "NV12", "YU12"] {
        for (width, height, fps) in [(640, 360, 60), (1280, 720, 30)] {
            let text =
                format!("source = '{VIDEO}'\nformat = '{format}'\nwidth = {width}\nheight = {height}\nfps = {fps}");
            let mut eye = Eye::open(&text);
            let size = eye.camera.format().size;
            assert_eq!((size.width, size.height), (width, height), "{:?}", eye.notes);
            let mut last = None;
            for _ in 0..8 {
                let frame = eye.next().unwrap().unwrap();
                assert_bars(&format!("{format} {size}"), &frame.planes, size);
                assert!(last.is_none_or(|last| frame.time > last), "times rise");
                last = Some(frame.time);
            }
            // Eight frames at this rate, within a wide margin.
            let usual = Duration::from_secs(7) / fps;
            assert!(last.is_some_and(|last| last > usual / 2 && last < usual * 4), "{last:?} for {usual:?}");
            assert_eq!(eye.metrics.capture.dropped.get(), 0);
            seen.push(eye.notes.last().unwrap().clone());
        }
    }
    println!("captured: {seen:?} of {offered:?}");
    if kind == Kind::CaptureMultiplanar {
        assert!(seen.iter().all(|note| note.contains("multi-planar")), "{seen:?}");
        // With several buffers a picture, in the order of preference behind those with one.
        for fourcc in [b"NM12", b"YM12"] {
            apart(*fourcc);
        }
    }
}

/// Formats in several buffers, which `run` takes only where there is no other: by the ioctl layer itself.
fn apart(fourcc: [u8; 4]) {
    let mut device = Device::open(Path::new(VIDEO)).unwrap();
    let wanted = Layout {
        fourcc: Fourcc(fourcc),
        size: Size::new(640, 360),
        planes: 1,
        strides: [0; MOST_PLANES],
        bytes: [0; MOST_PLANES],
        colorspace: 0,
        encoding: 0,
        quantization: 0,
        field: 1,
    };
    let layout = device.set_format(Kind::CaptureMultiplanar, &wanted).unwrap();
    assert_eq!(layout.fourcc, Fourcc(fourcc));
    let mut eye = Eye::of(device, Kind::CaptureMultiplanar, &layout);
    for _ in 0..4 {
        let frame = eye.next().unwrap().unwrap();
        assert_bars(&Fourcc(fourcc).to_string(), &frame.planes, wanted.size);
    }
}

pub(crate) fn turned() {
    steady(VIDEO);
    let text = format!("source = '{VIDEO}'\nformat = 'YUYV'\nwidth = 640\nheight = 360");
    let mut eye = Eye::turned(&text, |camera| Box::new(Rotated::new(camera, Turn::Quarter)));
    assert_eq!(eye.camera.format().size, Size::new(360, 640));
    let [luma, ..] = eye.next().unwrap().unwrap().planes;
    // The bars stood side by side; turned clockwise they lie one above the other.
    let rows: Vec<u8> = (0..8).map(|bar| luma[(bar * 80 + 40) * 360 + 180]).collect();
    assert_eq!(rows, BARS.map(|[luma, ..]| luma));
}

pub(crate) fn nearest() {
    steady(VIDEO);
    let mut eye = Eye::open(&format!("source = '{VIDEO}'\nwidth = 700\nheight = 500\nfps = 33"));
    assert_eq!(eye.camera.format().size, Size::new(640, 480));
    eye.next().unwrap().unwrap();
    let notes = eye.notes.join("\n");
    assert!(notes.contains("nearest to 700x500") && notes.contains("640x480"), "{notes}");
    assert!(notes.contains("nearest to 33 frames a second"), "{notes}");
    drop(eye);
    let error = open(&wish(&format!("source = '{VIDEO}'\nformat = 'MJPG'")), None).unwrap_err().0.to_string();
    assert!(error.contains("no format") && error.contains("YUYV") && error.contains("auto"), "{error}");
}

pub(crate) fn damaged() {
    steady(VIDEO);
    let mut eye = Eye::open(&format!("source = '{VIDEO}'\nwidth = 640\nheight = 360\nfps = 30"));
    eye.next().unwrap().unwrap();
    control(VIDEO, "inject_v4l2_buf_flag_error=1");
    let reason = wait_for("the damaged frame", || match eye.next() {
        Ok(Some(_)) => None,
        Err(CaptureError::BrokenFrame { reason, .. }) => Some(reason),
        other => panic!("{:?}", other.map(|frame| frame.is_some())),
    });
    assert!(reason.contains("damaged"), "{reason}");
    let size = eye.camera.format().size;
    assert_bars("after it", &eye.next().unwrap().unwrap().planes, size);
    assert_eq!(eye.metrics.capture.dropped.get(), 1);
    control(VIDEO, "percentage_of_dropped_buffers=50");
    wait_for("gaps", || {
        eye.next().unwrap().unwrap();
        (eye.metrics.capture.gaps.get() >= 10).then_some(())
    });
}

pub(crate) fn stalled() {
    steady(VIDEO);
    let text = format!("source = '{VIDEO}'\nwidth = 640\nheight = 360\nfps = 30");
    let mut eye = Eye::open(&text);
    eye.next().unwrap().unwrap();
    // A short one passes.
    control(VIDEO, "percentage_of_dropped_buffers=100");
    std::thread::sleep(Duration::from_secs(1));
    control(VIDEO, "percentage_of_dropped_buffers=0");
    for _ in 0..10 {
        eye.next().unwrap().unwrap();
    }
    control(VIDEO, "percentage_of_dropped_buffers=100");
    let fault = loop {
        match eye.next() {
            Ok(frame) => assert!(frame.is_some()),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, CaptureError::Camera { fault: CameraFault::Stalled(_), .. }), "{fault}");
    assert!(eye.next().unwrap().is_none(), "it is told once");
    drop(eye);
    control(VIDEO, "percentage_of_dropped_buffers=0");
    Eye::open(&text).next().unwrap().unwrap();
}

pub(crate) fn busy() {
    steady(VIDEO);
    let stream =
        || Command::new("v4l2-ctl").args(["-d", VIDEO, "--stream-mmap", "--stream-count=100000"]).spawn().unwrap();
    let mut other = stream();
    let error = wait_for("the other to stream", || {
        // It may have come just when we looked whether it had.
        if other.try_wait().unwrap().is_some() {
            other = stream();
        }
        std::thread::sleep(Duration::from_millis(300));
        open(&wish(&format!("source = '{VIDEO}'")), None).err().map(|(error, _)| error)
    });
    let text = error.to_string();
    assert!(text.contains(VIDEO) && text.contains("in use by v4l2-ctl"), "{text}");
    let run = Running::start("/tmp/busy", &format!("[camera]\nsource = '{VIDEO}'\n[emit]\njsonl = 'events.jsonl'\n"));
    let (code, told) = run.ends();
    assert!(code == Some(1) && told.contains("in use by v4l2-ctl"), "{code:?}: {told}");
    other.kill().unwrap();
    other.wait().unwrap();
    wait_for("the camera to be free", || open(&wish(&format!("source = '{VIDEO}'")), None).ok());
}

pub(crate) fn call_faults() {
    steady(VIDEO);
    let text = format!("source = '{VIDEO}'\nwidth = 640\nheight = 360\nfps = 30");
    for (button, said) in [
        ("inject_vidioc_reqbufs_error", "asking the driver for buffers"),
        ("inject_vidioc_streamon_error", "starting the stream"),
    ] {
        control(VIDEO, &format!("{button}=1"));
        let error = open(&wish(&text), None).unwrap_err().0.to_string();
        assert!(error.contains(said) && error.contains(VIDEO), "{error}");
        Eye::open(&text).next().unwrap().unwrap();
    }
    for (button, gone) in [("inject_vidioc_qbuf_error", false), ("inject_fatal_streaming_error", true)] {
        let mut eye = Eye::open(&text);
        eye.next().unwrap().unwrap();
        control(VIDEO, &format!("{button}=1"));
        let fault = wait_for(button, || eye.next().err());
        match fault {
            CaptureError::Camera { fault: CameraFault::Gone, .. } => assert!(gone, "{button}"),
            CaptureError::Camera { fault: CameraFault::Call { tried, .. }, .. } => {
                assert!(!gone && tried.contains("giving a buffer"), "{button}: {tried}");
            }
            other => panic!("{button}: {other}"),
        }
        drop(eye);
        Eye::open(&text).next().unwrap().unwrap();
    }
}

/// A measurement, not a promise: what it would cost to wipe a driver's buffer before it goes back.
pub(crate) fn overwriting() {
    steady(VIDEO);
    let mut device = Device::open(Path::new(VIDEO)).unwrap();
    let kind = device.capability().unwrap().capture().unwrap();
    let wanted = Layout {
        fourcc: Fourcc(*b"YUYV"),
        size: Size::new(1280, 720),
        planes: 1,
        strides: [0; MOST_PLANES],
        bytes: [0; MOST_PLANES],
        colorspace: 0,
        encoding: 0,
        quantization: 0,
        field: 1,
    };
    let layout = device.set_format(kind, &wanted).unwrap();
    device.request(kind, 1).unwrap();
    let mut mapping = device.map(kind, 0, 1).unwrap().remove(0);
    let mut copy = vec![1u8; layout.bytes[0] as usize];
    device.queue(kind, 0, 1, 0).unwrap();
    device.streaming(kind, true).unwrap();
    let (mut copied, mut wiped) = (Duration::ZERO, Duration::ZERO);
    for round in 0..40 {
        let filled = wait_for("a frame", || {
            device.wait(kind, Duration::from_secs(1)).unwrap().then(|| device.dequeue(kind, 1).unwrap()).flatten()
        });
        let bytes = filled.planes[0].0 as usize;
        let start = Instant::now();
        copy[..bytes].copy_from_slice(&mapping.bytes()[..bytes]);
        let between = Instant::now();
        mapping.bytes_mut()[..bytes].fill(0);
        // The first rounds touch the pages.
        if round >= 5 {
            (copied, wiped) = (copied + (between - start), wiped + between.elapsed());
        }
        assert!(mapping.bytes()[..bytes].iter().all(|&byte| byte == 0), "it can be written");
        device.queue(kind, filled.index, 1, 0).unwrap();
    }
    device.streaming(kind, false).unwrap();
    println!("overwriting a 720p YUYV buffer costs {:.2} of copying it", wiped.as_secs_f64() / copied.as_secs_f64());
    assert!(copy.iter().any(|&byte| byte != 0));
}

pub(crate) fn auto_and_devices() {
    let error = open(&wish("source = 'auto'"), None).unwrap_err().0.to_string();
    assert!(error.contains("/dev/video0") && error.contains("/dev/video1") && error.contains("name one"), "{error}");
    let list = Command::new(assert_cmd::cargo::cargo_bin("frostglass")).arg("devices").output().unwrap();
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    for word in ["/dev/video0: vivid", "/dev/video1: vivid", "would be taken as", "YUYV", "1280x720", "controls: "] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    let list = Command::new(assert_cmd::cargo::cargo_bin("frostglass")).args(["devices", "--json"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(list[0]["takes"]["format"].is_string() && list[0]["formats"][0]["sizes"][0]["rates"].is_array(), "{list}");
    // What is no camera.
    for (path, word) in [("/dev/null", "no Video4Linux device"), ("/dev/video9", "/dev/video0, /dev/video1")] {
        let run =
            Running::start("/tmp/no-camera", &format!("[camera]\nsource = '{path}'\n[emit]\njsonl = 'events.jsonl'\n"));
        let (code, told) = run.ends();
        assert!(code == Some(1) && told.contains(path) && told.contains(word), "{path}: {code:?} {told}");
    }
    // No permission: which group has it.
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    std::os::unix::fs::chown("/dev/video0", Some(0), Some(44)).unwrap();
    fs::set_permissions("/dev/video0", fs::Permissions::from_mode(0o660)).unwrap();
    // In a place of its own: not every user may enter the folder of the program.
    let copy = Path::new("/tmp/frostglass");
    fs::copy(assert_cmd::cargo::cargo_bin("frostglass"), copy).unwrap();
    fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).unwrap();
    let listed = Command::new(copy).arg("devices").current_dir("/tmp").uid(65534).gid(65534).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned() + &String::from_utf8_lossy(&listed.stderr);
    assert!(text.contains("not permitted") && text.contains("usermod -aG video"), "{text}");
    // With one of them gone, the other is the only one.
    fs::remove_file("/dev/video1").unwrap();
    let only = wait_for("one camera", || open(&wish("source = 'auto'"), None).ok());
    assert!(only.notes[0].contains("vivid"), "{:?}", only.notes);
}

pub(crate) fn none() {
    for (source, word) in [("auto", "no camera is there"), (VIDEO, "no other camera is there either")] {
        let config = format!("[camera]\nsource = '{source}'\n[emit]\njsonl = 'events.jsonl'\n");
        let (code, told) = Running::start("/tmp/none", &config).ends();
        assert!(code == Some(1) && told.contains(word), "{source}: {code:?} {told}");
    }
    let list = Command::new(assert_cmd::cargo::cargo_bin("frostglass")).arg("devices").output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("no Video4Linux device"));
}

/// Advice about one device looks at the others, which are looked at no further: neither does it take long, nor is a device that
/// somebody wants to write to ever full of those who look.
pub(crate) fn outputs_only() {
    let program = assert_cmd::cargo::cargo_bin("frostglass");
    let looking = Command::new("timeout").arg("30").arg(program).arg("devices").stdout(Stdio::piped()).spawn().unwrap();
    let list = looking.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&list.stdout);
    assert!(list.status.success(), "{}: {told}", list.status);
    assert_eq!(told.matches("gives pictures while somebody writes some").count(), 4, "{told}");
    let fault = open(&wish("source = '/dev/video0'"), None).unwrap_err().0.to_string();
    assert!(fault.contains("gives pictures while somebody writes some"), "{fault}");
}

pub(crate) fn moved() {
    let first = open(&wish("source = '/dev/video0'"), None).unwrap();
    let second = open(&wish("source = '/dev/video1'"), None).unwrap();
    assert_ne!(first.identity, second.identity);
    let identity = second.identity.clone();
    drop((first, second));
    // The config says video0, but the camera that was used is the other: it is found, and none else is taken.
    let again = open(&wish("source = '/dev/video0'"), Some(&identity)).unwrap();
    assert_eq!((again.source.path(), again.identity.as_str()), ("/dev/video1", identity.as_str()));
    drop(again);
    let error = open(&wish("source = '/dev/video0'"), Some("usb-somewhere (uvcvideo, Gone)")).unwrap_err().0;
    assert!(matches!(error, CaptureError::Camera { fault: CameraFault::Another { .. }, .. }), "{error}");
}

pub(crate) fn usb_faults() {
    let webcam = Webcam::plug(&["42:cut", "46:junk", "50:lost", "54:err", "58:empty"]);
    let device = webcam.device();
    let text = format!("source = '{device}'\nformat = 'MJPG'\nwidth = 640\nheight = 480\nfps = 30");
    wait_for("the webcam", || open(&wish(&text), None).ok().map(drop));
    let mut eye = Eye::open(&text);
    let whole = eye.next().unwrap().unwrap().planes;
    let (mut good, mut broken) = (1, Vec::new());
    while good < 70 {
        match eye.next() {
            // Each frame that is given is the whole picture, to the last sample.
            Ok(Some(frame)) => {
                assert!(frame.planes == whole, "frame {good} is not the picture");
                good += 1;
            }
            Ok(None) => panic!("it ended"),
            Err(CaptureError::BrokenFrame { reason, .. }) => broken.push(reason),
            Err(error) => panic!("{error}"),
        }
    }
    println!("{good} whole frames, broken ones: {broken:?}");
    assert!(broken.len() >= 2, "the cut frame and the one with junk: {broken:?}");
    assert_eq!(eye.metrics.capture.dropped.get(), broken.len() as u64);
    drop(eye);
    // The other node of the same camera has no pictures.
    let other = format!("/dev/video{}", device.trim_start_matches("/dev/video").parse::<u32>().unwrap() + 1);
    let error = open(&wish(&format!("source = '{other}'")), None).unwrap_err().0.to_string();
    assert!(error.contains("gives no pictures") && error.contains(&device), "{error}");
    // Unplugged under the stream.
    let mut eye = Eye::open(&text);
    eye.next().unwrap().unwrap();
    drop(webcam);
    let fault = loop {
        match eye.next() {
            Ok(frame) => assert!(frame.is_some()),
            Err(CaptureError::BrokenFrame { .. }) => {}
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, CaptureError::Camera { fault: CameraFault::Gone, .. }), "{fault}");
}
