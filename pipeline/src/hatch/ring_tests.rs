use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use frostglass_vault::{Findings, Inspected, Matrix, PersonRule, Policy, Pool, Range, Redactor, Size, Style, Zones};

use super::*;

fn format() -> Format {
    Format::video(Size::new(37, 21), Matrix::Bt601, Range::Full)
}

/// A frame all of whose samples are the low byte of its number, so that a torn copy shows.
fn frame(redactor: &mut Redactor, pool: &Pool, sequence: u64) -> RedactedFrame {
    let mut blank = pool.blank().unwrap();
    for plane in blank.planes_mut() {
        plane.bytes.fill(sequence as u8);
    }
    let stamp = Stamp { sequence, time: Duration::from_millis(sequence) };
    redactor.redact(Inspected::new(blank.expose(stamp, &Zones::none()), Findings::Complete(Vec::new())))
}

fn redactor() -> (Redactor, Pool) {
    redactor_of(format())
}

fn redactor_of(format: Format) -> (Redactor, Pool) {
    let policy = Policy { style: Style::Solid, persons: PersonRule::None, margin: 0.0 };
    let redactor = Redactor::new(policy, format, Arc::new(Zones::none()));
    (redactor, Pool::new(format, 3))
}

fn ring() -> (RingWriter, RingReader) {
    ring_of(format())
}

fn ring_of(format: Format) -> (RingWriter, RingReader) {
    let writer = RingWriter::new(format).unwrap();
    let reader = RingReader::new(writer.descriptor(), format).unwrap();
    (writer, reader)
}

#[test]
fn frames_come_out_as_they_went_in_and_in_order() {
    let ((mut writer, mut reader), (mut redactor, pool)) = (ring(), redactor());
    let mut planes = Vec::new();
    assert_eq!(reader.take(&mut planes), None);
    for number in 0..20 {
        assert!(writer.publish(&frame(&mut redactor, &pool, number), Duration::from_secs(7)));
        let stamp = Stamp { sequence: number, time: Duration::from_millis(number) };
        assert_eq!(reader.take(&mut planes), Some(Taken { stamp, masked: false, captured: Duration::from_secs(7) }));
        assert_eq!(planes, vec![number as u8; format().bytes()]);
        assert_eq!(reader.take(&mut planes), None);
    }
    assert_eq!(reader.missed(), (0, 0));
}

#[test]
fn the_oldest_unread_frames_are_overwritten_and_counted() {
    let ((mut writer, mut reader), (mut redactor, pool)) = (ring(), redactor());
    for number in 0..10 {
        writer.publish(&frame(&mut redactor, &pool, number), Duration::ZERO);
    }
    let mut planes = Vec::new();
    let left: Vec<u64> = std::iter::from_fn(|| reader.take(&mut planes)).map(|taken| taken.stamp.sequence).collect();
    assert_eq!((left, reader.missed()), (vec![6, 7, 8, 9], (6, 0)));
}

#[test]
fn a_second_reader_does_not_show_again_what_the_first_one_had() {
    let ((mut writer, _), (mut redactor, pool)) = (ring(), redactor());
    for number in 0..3 {
        writer.publish(&frame(&mut redactor, &pool, number), Duration::ZERO);
    }
    let mut second = RingReader::new(writer.descriptor(), format()).unwrap();
    second.skip();
    let mut planes = Vec::new();
    assert_eq!(second.take(&mut planes), None);
    writer.publish(&frame(&mut redactor, &pool, 3), Duration::ZERO);
    assert_eq!(second.take(&mut planes).unwrap().stamp.sequence, 3);
    assert_eq!(second.missed(), (0, 0));
}

#[test]
fn a_copy_is_whole_or_it_is_dropped() {
    // Large enough that a copy takes a while, and no number of frames that fits the slots: each time, a slot gets another one.
    const { assert!(!SLOTS.is_multiple_of(3)) };
    const ROUNDS: usize = 20_000;
    let format = Format::video(Size::new(320, 240), Matrix::Bt601, Range::Full);
    let ((mut writer, mut reader), (mut redactor, pool)) = (ring_of(format), redactor_of(format));
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let frames: Vec<_> = (0..3).map(|number| frame(&mut redactor, &pool, number)).collect();
    let writing = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            writer.publish(&frames[round % 3], Duration::ZERO);
        }
        is_done.store(true, Ordering::Release);
    });
    let (mut planes, mut taken) = (Vec::new(), 0u64);
    loop {
        let last = done.load(Ordering::Acquire);
        while let Some(found) = reader.take(&mut planes) {
            taken += 1;
            assert!(planes.iter().all(|&sample| u64::from(sample) == found.stamp.sequence), "a torn copy came out");
        }
        if last {
            break;
        }
    }
    writing.join().unwrap();
    let (lost, torn) = reader.missed();
    assert_eq!(taken + lost + torn, ROUNDS as u64, "each frame was taken, overwritten or torn");
}

#[test]
fn the_front_can_neither_write_nor_resize_it() {
    let (writer, _) = ring();
    let length = length_for(format(), SLOTS);
    assert!(Memory::map(writer.descriptor(), length, ProtFlags::READ | ProtFlags::WRITE).is_err());
    assert!(rustix::io::pwrite(writer.descriptor(), &[1], 0).is_err());
    assert!(rustix::fs::ftruncate(writer.descriptor(), 0).is_err());
    assert!(rustix::fs::ftruncate(writer.descriptor(), length as u64 * 2).is_err());
}

/// All ways by which memory that one has for reading could become one's own.
#[test]
fn no_way_around_leads_the_front_to_writing() {
    let ((mut writer, reader), (mut redactor, pool)) = (ring(), redactor());
    writer.publish(&frame(&mut redactor, &pool, 7), Duration::ZERO);
    let (memory, length) = (writer.descriptor(), length_for(format(), SLOTS));
    let before = rustix::io::pread(memory, vec![0; length].as_mut_slice(), 0).unwrap();
    assert_eq!(before, length);
    // Its own mapping, which `mprotect` could make writable if the kernel had marked it so (`mw`).
    let start = format!("{:x}-", reader.memory.start.addr());
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let own = maps.split_once(&start).expect("its mapping").1;
    let flags = own.lines().find_map(|line| line.strip_prefix("VmFlags:")).expect("flags of its mapping");
    assert!(flags.split(' ').any(|flag| flag == "mr") && !flags.split(' ').any(|flag| flag == "mw"), "{flags}");
    // The same file, opened anew.
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    if let Ok(again) = std::fs::OpenOptions::new().read(true).write(true).open(&path) {
        assert!(Memory::map(again.as_fd(), length, ProtFlags::READ | ProtFlags::WRITE).is_err());
        assert!(rustix::io::pwrite(&again, &[1], 0).is_err());
    }
    assert!(std::fs::OpenOptions::new().write(true).truncate(true).open(&path).is_err(), "it was emptied");
    // A hole, zeroes, more of it.
    use rustix::fs::FallocateFlags;
    let page = HEAD as u64;
    for how in [FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, FallocateFlags::ZERO_RANGE] {
        assert!(rustix::fs::fallocate(memory, how, 0, page).is_err(), "{how:?}");
    }
    assert!(rustix::fs::fallocate(memory, FallocateFlags::empty(), length as u64, page).is_err());
    // Seals only add up, and the writer goes on with all of them.
    let _ = rustix::fs::fcntl_add_seals(memory, SealFlags::WRITE | SealFlags::SEAL);
    assert!(writer.publish(&frame(&mut redactor, &pool, 8), Duration::ZERO));
    let (mut reader, mut planes) = (reader, Vec::new());
    let taken: Vec<u64> = std::iter::from_fn(|| reader.take(&mut planes)).map(|taken| taken.stamp.sequence).collect();
    assert_eq!((taken, reader.missed()), (vec![7, 8], (0, 0)));
}

#[test]
fn memory_that_is_no_ring_is_refused() {
    let larger = Format::video(Size::new(99, 99), Matrix::Bt601, Range::Full);
    let (writer, _) = ring();
    assert!(RingReader::new(writer.descriptor(), larger).is_err(), "it is too short");
    let unsealed = rustix::fs::memfd_create("x", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    assert!(RingReader::new(unsealed.as_fd(), format()).is_err(), "it is empty");
    rustix::fs::ftruncate(&unsealed, length_for(format(), SLOTS) as u64).unwrap();
    assert!(RingReader::new(unsealed.as_fd(), format()).is_err(), "it could shrink under the reader");
    let (pipe, _) = rustix::pipe::pipe().unwrap();
    assert!(RingReader::new(pipe.as_fd(), format()).is_err());
}

#[test]
fn a_hostile_writer_gives_no_frame_and_no_fault() {
    let (mut writer, mut reader) = ring();
    let (mut redactor, pool) = redactor();
    writer.publish(&frame(&mut redactor, &pool, 5), Duration::ZERO);
    let mut planes = Vec::new();
    for published in [u64::MAX, u64::MAX - 1, 1 << 63, 3, 0] {
        writer.memory.word(0).store(published, Ordering::Release);
        for _ in 0..10 {
            let _ = reader.take(&mut planes);
        }
    }
    writer.memory.word(0).store(1, Ordering::Release);
    assert_eq!(reader.take(&mut planes), None, "numbers only rise");
    // One that counts on and on and never writes a frame: each call ends after some attempts.
    let mut reader = RingReader::new(writer.descriptor(), format()).unwrap();
    writer.memory.word(0).store(1, Ordering::Release);
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let counting = std::thread::spawn(move || {
        for published in 2.. {
            writer.memory.word(0).store(published, Ordering::Release);
            if is_done.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    for _ in 0..1000 {
        let before = reader.missed().1;
        let _ = reader.take(&mut planes);
        let attempts = reader.missed().1 - before;
        assert!(attempts <= ATTEMPTS as u64, "{attempts} attempts in one call");
    }
    done.store(true, Ordering::Relaxed);
    counting.join().unwrap();
}
