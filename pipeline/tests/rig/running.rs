//! Cases of the whole program on a real kernel's drivers.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use faulty_engine::{Escape, Fault, LOOT, ORDERS, Order, RUNTIME, Whom};
use frostglass::capture::{OpenOptions, Opened};
use frostglass::v4l2::stream::Stream;
use frostglass::v4l2::{Device, Driver, Fourcc, Kind, Layout, MOST_PLANES};
use frostglass_vault::{Pool, Size, Stamp, Zones};

use crate::common;
use crate::inside::{Eye, control, steady};
use crate::started::{Running, wait_for};

const SIZE: Size = Size::new(640, 360);

/// The first frame of the bundled clip, three planes one behind the other.
fn photo() -> Vec<u8> {
    let Ok(Opened::Moving(mut clip)) = frostglass::capture::open(&common::pan(), &OpenOptions::default()) else {
        panic!("the bundled clip is not read")
    };
    let mut blank = Pool::new(clip.source.format(), 1).blank().unwrap();
    let time = clip.source.read(&mut blank).unwrap().unwrap();
    let look = blank.expose(Stamp { sequence: 0, time }, &Zones::none()).lend();
    (0..3).flat_map(|plane| look.picture().plane(plane).bytes.to_vec()).collect()
}

/// Shows one picture on a loopback device, ten times a second, until it is dropped.
struct Player {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Player {
    fn start(path: &str, picture: Vec<u8>) -> Self {
        let mut device = Device::open(Path::new(path)).unwrap();
        let (mut strides, mut bytes) = ([0; MOST_PLANES], [0; MOST_PLANES]);
        (strides[0], bytes[0]) = (SIZE.width, picture.len() as u32);
        let fourcc = Fourcc(*b"YU12");
        let (colorspace, encoding, quantization, field) = (8, 1, 2, 1);
        let wanted =
            Layout { fourcc, size: SIZE, planes: 1, strides, bytes, colorspace, encoding, quantization, field };
        let layout = device.set_format(Kind::Output, &wanted).unwrap();
        let mut stream = Stream::start(device, Kind::Output, &layout).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let its_stop = stop.clone();
        let thread = std::thread::spawn(move || {
            while !its_stop.load(Ordering::Relaxed) {
                stream
                    .send(Duration::from_millis(500), |buffer| {
                        buffer[..picture.len()].copy_from_slice(&picture);
                        picture.len()
                    })
                    .unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

fn is_flat(luma: &[u8]) -> bool {
    luma.iter().all(|&sample| sample == luma[0])
}

/// Whether rows of a masked frame stand among others: v4l2loopback gives a slow reader the very buffer that is written anew, so
/// that it sees two frames in one, both redacted.
fn is_torn(luma: &[u8]) -> bool {
    luma.chunks_exact(SIZE.width as usize).any(is_flat)
}

/// Mean difference of luma in a box.
fn difference(one: &[u8], two: &[u8], [x, y, w, h]: [f32; 4]) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for y in y.max(0.0) as usize..((y + h) as usize).min(360) {
        for x in x.max(0.0) as usize..((x + w) as usize).min(640) {
            sum += f32::from(one[y * 640 + x].abs_diff(two[y * 640 + x]));
            count += 1.0;
        }
    }
    sum / f32::max(count, 1.0)
}

pub(crate) fn photograph() {
    let picture = photo();
    let faces = &common::labels(&common::example("media/solvay_pan.jsonl"))[0];
    let player = Player::start("/dev/video0", picture.clone());
    let config = "[camera]\nsource = '/dev/video0'\nwidth = 640\nheight = 360\nfps = 10\n[hold]\ndeadline_ms = 3000\n\
                  [emit]\njsonl = 'events.jsonl'\nloopback = '/dev/video1'\n";
    let mut run = Running::start("/tmp/photo", config);
    run.wait_for_health("inspected", 5);
    let mut eye = Eye::open("source = '/dev/video1'\nwidth = 640\nheight = 360");
    assert_eq!(eye.camera.format().size, SIZE);
    assert!(!is_torn(&picture[..SIZE.pixels()]), "a row of the photograph is flat: torn frames can not be told");
    let mut clear = 0;
    let mut seen = 0;
    while clear < 10 {
        let [luma, ..] = eye.next().unwrap().unwrap().planes;
        seen += 1;
        assert!(seen < 300, "{clear} clear frames of {seen}: {}", run.told());
        if is_flat(&luma) {
            continue;
        }
        // Of the labelled faces of the photograph, those that the networks are made for are no longer there ...
        let large: Vec<_> = faces.iter().filter(|face| face[2] >= 20.0).collect();
        let hidden = large.iter().filter(|face| difference(&picture, &luma, ***face) > 8.0).count();
        assert!(hidden * 10 >= large.len() * 9, "{hidden} of {} faces are hidden", large.len());
        if is_torn(&luma) {
            continue;
        }
        // ... and most of the rest is as it was.
        let same = picture.iter().zip(&luma).filter(|(one, two)| one.abs_diff(**two) <= 2).count();
        assert!(same * 2 > luma.len(), "{same} of {} samples are as they were", luma.len());
        clear += 1;
    }
    println!("{clear} clear frames of {seen}, {} faces", faces.len());
    // Whoever reads keeps its stream while the camera is away: masked, of the same size.
    drop(player);
    wait_for("masked frames", || eye.next().unwrap().filter(|frame| is_flat(&frame.planes[0])).map(drop));
    let start = run.health("restarts").unwrap_or(0);
    run.wait_for_health("restarts", start + 1);
    for _ in 0..10 {
        assert!(is_flat(&eye.next().unwrap().unwrap().planes[0]), "nothing but masked frames while it is away");
    }
    let _player = Player::start("/dev/video0", picture);
    wait_for("clear frames", || eye.next().unwrap().filter(|frame| !is_flat(&frame.planes[0])).map(drop));
    run.end();
}

pub(crate) fn held_loopback() {
    let picture = photo();
    let _camera = Player::start("/dev/video0", picture.clone());
    let _other = Player::start("/dev/video1", picture);
    let base = "[camera]\nsource = '/dev/video0'\nwidth = 640\nheight = 360\n[emit]\njsonl = 'events.jsonl'\n";
    let (code, told) = Running::start("/tmp/held", &format!("{base}loopback = '/dev/video1'\n")).ends();
    assert!(code == Some(1) && told.contains("/dev/video1") && told.contains("in use"), "{code:?}: {told}");
    let (code, told) = Running::start("/tmp/same", &format!("{base}loopback = '/dev/video0'\n")).ends();
    assert!(code == Some(2) && told.contains("very device"), "{code:?}: {told}");
    let (code, told) = Running::start("/tmp/no-device", &format!("{base}loopback = '/dev/null'\n")).ends();
    assert!(code == Some(1) && told.contains("modprobe v4l2loopback"), "{code:?}: {told}");
}

const VIVID: &str = "[camera]\nsource = '/dev/video0'\nwidth = 640\nheight = 360\nfps = 15\n[hold]\ndeadline_ms = 5000\n\
                     [emit]\njsonl = 'events.jsonl'\npictures = 'shots'\npictures_every = 5\n";

pub(crate) fn unplugged() {
    steady("/dev/video0");
    let mut run = Running::start("/tmp/unplugged", VIVID);
    run.wait_for_health("inspected", 10);
    let driver = Path::new("/sys/bus/platform/drivers/vivid");
    fs::write(driver.join("unbind"), "vivid.0").unwrap();
    run.wait_for_health("restarts", 1);
    assert!(run.events().iter().any(|event| event["type"] == "fault" && event["masked"] == "everything"));
    // The front shows masked frames meanwhile.
    let (out, masked) = (run.health("out").unwrap(), run.health("masked").unwrap());
    run.wait_for_health("masked", masked + 20);
    fs::write(driver.join("bind"), "vivid.0").unwrap();
    steady("/dev/video0");
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 20);
    run.wait_for_health("out", out + 60);
    let told = run.end();
    assert!(told.contains("the camera is gone") || told.contains("no such device"), "{told}");
}

/// A config that names another camera takes that one, and not the one that was there before, whose zones are not its own.
pub(crate) fn another_camera() {
    ["/dev/video0", "/dev/video1"].iter().for_each(|device| steady(device));
    let mut run = Running::start("/tmp/another", VIVID);
    run.wait_for_health("inspected", 10);
    let eyes = |run: &Running| -> Vec<String> {
        let Some(pixel) = run.part("pixel-process") else { return Vec::new() };
        let files = fs::read_dir(format!("/proc/{pixel}/fd")).into_iter().flatten().flatten();
        let paths = files.filter_map(|file| Some(fs::read_link(file.path()).ok()?.display().to_string()));
        paths.filter(|path| path.starts_with("/dev/video")).collect()
    };
    assert_eq!(eyes(&run), ["/dev/video0"]);
    run.replace_config(&VIVID.replace("/dev/video0", "/dev/video1"));
    run.wait_for_health("restarts", 1);
    wait_for("another camera", || (!eyes(&run).is_empty()).then_some(()));
    assert_eq!(eyes(&run), ["/dev/video1"], "{}", run.told());
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 20);
    assert_eq!(eyes(&run), ["/dev/video1"], "{}", run.told());
    run.end();
}

pub(crate) fn silence() {
    steady("/dev/video0");
    let mut run = Running::start("/tmp/silence", VIVID);
    run.wait_for_health("inspected", 10);
    control("/dev/video0", "percentage_of_dropped_buffers=100");
    let masked = run.health("masked").unwrap();
    // The stream goes on at its rate long before the camera is started anew.
    run.wait_for_health("masked", masked + 20);
    run.wait_for_health("restarts", 1);
    control("/dev/video0", "percentage_of_dropped_buffers=0");
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 10);
    let told = run.end();
    assert!(told.contains("no frame came for 5 s"), "{told}");
}

/// What a process holds on to: memory of its own in KiB (of files it only maps, the kernel keeps as much as it likes), open
/// files, threads.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory: u64,
    files: usize,
    threads: u64,
}

impl Held {
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let number = |key: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
        Self { memory: number("RssAnon:") + number("RssShmem:"), files, threads: number("Threads:") }
    }
}

/// The supervisor, which started this process.
fn parent(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap()
}

/// What memory may move by while nothing is lost, in KiB: allocators keep a page here and there.
const SLACK: u64 = 1024;

pub(crate) fn memory() {
    let frames: u64 = std::env::var("FROSTGLASS_RIG_FRAMES").map_or(2000, |frames| frames.parse().unwrap());
    assert!(std::process::Command::new("v4l2-ctl").args(["-d", "/dev/video0", "-i", "0"]).status().unwrap().success());
    let config = "[camera]\nsource = '/dev/video0'\nwidth = 640\nheight = 360\nfps = 120\n\
                  [faces]\ndetail = 'fast'\n[persons]\nredact = 'none'\n[hold]\ndeadline_ms = 3000\n[emit]\njsonl = 'events.jsonl'\npictures = 'shots'\npictures_every = 100\npictures_max_mib = 1\n";
    let mut run = Running::start("/tmp/memory", config);
    run.wait_for_health("frames_in", 1000);
    let parts = [run.part("pixel-process").unwrap(), run.part("front-process").unwrap()];
    let all = [parts[0], parts[1], parent(parts[0])];
    let mut before = all.map(Held::of);
    let (mut reached, mut after) = (1000, before);
    while reached < 1000 + frames {
        // Each step has its own patience.
        reached = run.wait_for_health("frames_in", (reached + 500).min(1000 + frames));
        assert!(all.iter().all(|part| Path::new(&format!("/proc/{part}")).exists()), "a process ended: {}", run.told());
        after = all.map(Held::of);
        println!("{reached} frames: {after:?}");
        if reached < 2000 {
            before = after;
        }
    }
    assert_eq!(parts, [run.part("pixel-process").unwrap(), run.part("front-process").unwrap()], "the same processes");
    for (name, (before, after)) in ["pixel process", "front", "supervisor"].iter().zip(before.iter().zip(after)) {
        assert!(after.memory <= before.memory + SLACK, "{name}: {before:?} became {after:?}");
        assert!(after.files <= before.files, "{name}: {before:?} became {after:?}");
        assert!(after.threads <= before.threads, "{name}: {before:?} became {after:?}");
    }
    run.end();
}

/// A front that was taken over, beside a real camera: what it asks for reaches nobody who would give it.
pub(crate) fn hostile_front() {
    steady("/dev/video0");
    let config = format!("{VIVID}[faces]\ndetail = 'fast'\n[persons]\nredact = 'none'\n");
    let mut run = Running::start("/tmp/front", &config);
    run.wait_for_health("inspected", 3);
    let (pixel, front) = (run.part("pixel-process").unwrap(), run.part("front-process").unwrap());
    crate::hostile_front::attack(run.id().as_raw_nonzero().get() as u32, front);
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 3);
    assert_eq!(run.part("pixel-process"), Some(pixel), "nothing that the front has reaches it");
    run.end();
}

/// A network whose weights lie in another file, which whoever wrote the network chose.
pub(crate) fn weights_elsewhere() {
    steady("/dev/video0");
    fs::create_dir_all("/tmp/elsewhere").unwrap();
    fs::write("/tmp/weights", 1f32.to_le_bytes()).unwrap();
    let network = crate::own_network::network(&crate::own_network::elsewhere(Path::new("../weights")));
    fs::write("/tmp/elsewhere/own.onnx", network).unwrap();
    let config = format!("{VIVID}[faces]\nmodel = {{ family = 'yunet', path = 'own.onnx' }}\n");
    let (code, told) = Running::start("/tmp/elsewhere", &config).ends();
    assert!(code == Some(1) && told.contains("own.onnx") && told.contains("External data"), "{code:?}: {told}");
}

/// An engine, and a decoder, that were taken over beside a real camera: what they try kills them or is refused, and the camera
/// comes back.
pub(crate) fn escapes() {
    steady("/dev/video0");
    let engine = std::env::current_exe().unwrap().with_file_name("libfaulty_engine.so");
    let real = frostglass_models::Runtime::load().unwrap().path().to_owned();
    fs::create_dir_all("/tmp/escapes").unwrap();
    fs::write("/tmp/orders", Order::NONE.bytes()).unwrap();
    let orders = fs::OpenOptions::new().write(true).open("/tmp/orders").unwrap();
    let order = |whom, fault| orders.write_all_at(&Order { whom, fault }.bytes(), 0).unwrap();
    // One look at each frame, and few frames: this is also run on a machine that is emulated.
    let config = format!("{VIVID}[faces]\ndetail = 'fast'\n[persons]\nredact = 'none'\n");
    let mut run = Running::start_with("/tmp/escapes", &config, |command| {
        // Before all other libraries it stands for what decodes.
        command
            .env("LD_PRELOAD", &engine)
            .env("ORT_DYLIB_PATH", &engine)
            .env(RUNTIME, real)
            .env(ORDERS, "/tmp/orders")
            .env(LOOT, "/tmp/loot");
    });
    run.wait_for_health("inspected", 1);
    let health = run.events().into_iter().rev().find(|event| event["type"] == "health").unwrap();
    // The guest's kernel has no name spaces of networks.
    let missing = health["walls_missing"].as_array().unwrap();
    assert!(missing.iter().all(|wall| wall.as_str().unwrap().starts_with("an own network: ")), "{health}");
    for escape in Escape::REFUSED {
        order(Whom::All, Fault::Escape(escape));
        wait_for(&format!("{escape:?}"), || run.told().contains(&escape.refusal()).then_some(()));
    }
    let of_decoder = [Escape::Talk, Escape::Write].map(|escape| (Whom::Capture, escape));
    let all: Vec<_> = Escape::DEADLY.map(|escape| (Whom::All, escape)).into_iter().chain(of_decoder).collect();
    for &(whom, escape) in &all {
        let restarts = run.health("restarts").unwrap();
        order(whom, Fault::Escape(escape));
        run.wait_for_health("restarts", restarts + 1);
        order(Whom::All, Fault::None);
        let inspected = run.health("inspected").unwrap();
        run.wait_for_health("inspected", inspected + 1);
    }
    let told = run.end();
    assert!(told.matches("(SIGSYS)").count() >= all.len(), "{told}");
    assert!(!told.contains("SUCCEEDED") && !told.contains("for another reason"), "{told}");
    assert!(!Path::new("/tmp/loot").exists());
}
