//! A real kernel's cameras: each test here runs one of the cases in a guest of the rig (see `rig/README.md`), in which this very
//! program is started again. Without the rig they are skipped, and say so.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

#[path = "rig/capturing.rs"]
mod capturing;
mod common;
#[path = "common/hostile_front.rs"]
mod hostile_front;
#[path = "rig/inside.rs"]
mod inside;
#[path = "../../models/tests/common/own_network.rs"]
mod own_network;
#[path = "rig/running.rs"]
mod running;
#[path = "common/running.rs"]
mod started;
#[path = "rig/webcam.rs"]
mod webcam;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{PoisonError, RwLock};

const VIVID: &[&str] = &["vivid n_devs=1 node_types=0x1"];
const LOOPBACK: &[&str] = &["v4l2loopback devices=2 exclusive_caps=1,1 video_nr=0,1"];
const USB: &[&str] = &["uvcvideo", "vhci_hcd"];

macro_rules! cases {
    ($($name:ident: $modules:expr, $case:path;)+) => {
        $(#[test]
        fn $name() {
            let is_patient = stringify!($case).starts_with("running");
            guest(concat!("in_the_guest::", stringify!($name)), is_patient, $modules, &[]);
        })+

        /// What the guest runs; on their own they do nothing.
        mod in_the_guest {
            use super::*;
            $(#[test]
            #[ignore = "runs in a guest of the rig"]
            fn $name() {
                if inside::is_here() { $case() }
            })+
        }
    };
}

cases! {
    each_format_of_vivid_gives_its_exact_pattern: VIVID, capturing::exact_pattern;
    each_multi_planar_format_gives_its_exact_pattern: &["vivid n_devs=1 node_types=0x1 multiplanar=2"], capturing::exact_pattern;
    the_picture_is_turned_before_anything_looks_at_it: VIVID, capturing::turned;
    the_nearest_size_and_rate_are_taken_and_told: VIVID, capturing::nearest;
    damaged_buffers_and_gaps_are_counted: VIVID, capturing::damaged;
    a_stalled_stream_ends_and_begins_anew: VIVID, capturing::stalled;
    a_camera_in_use_names_who_uses_it: VIVID, capturing::busy;
    faults_of_the_calls_are_told_and_pass: VIVID, capturing::call_faults;
    what_overwriting_a_drivers_buffer_costs: VIVID, capturing::overwriting;
    auto_takes_the_only_camera_and_does_not_guess_between_two: &["vivid n_devs=2 node_types=0x1,0x1"], capturing::auto_and_devices;
    without_a_camera_it_is_said: &[], capturing::none;
    devices_that_only_take_pictures_are_told: &["v4l2loopback devices=4 exclusive_caps=1,1,1,1 video_nr=0,1,2,3"], capturing::outputs_only;
    a_camera_is_found_again_under_another_number: &["vivid n_devs=2 node_types=0x1,0x1"], capturing::moved;
    a_usb_camera_with_junk_and_cut_frames_gives_whole_ones_only: USB, capturing::usb_faults;
    a_photograph_is_redacted_from_loopback_to_loopback: LOOPBACK, running::photograph;
    a_loopback_device_that_is_held_is_told: LOOPBACK, running::held_loopback;
    a_camera_that_is_unplugged_comes_back: VIVID, running::unplugged;
    a_config_that_names_another_camera_takes_it: &["vivid n_devs=2 node_types=0x1,0x1"], running::another_camera;
    a_camera_that_stalls_leaves_masked_frames_until_it_is_back: VIVID, running::silence;
    an_engine_that_was_taken_over_beside_a_camera_gets_nothing_out: VIVID, running::escapes;
    a_front_that_was_taken_over_beside_a_camera_gets_nothing: VIVID, running::hostile_front;
    a_network_with_weights_elsewhere_sees_no_frame_of_a_camera: VIVID, running::weights_elsewhere;
    two_thousand_frames_take_no_more_memory_than_some: VIVID, running::memory;
}

/// The same over a hundred thousand frames: a quarter of an hour.
#[test]
#[ignore = "takes a quarter of an hour"]
fn a_hundred_thousand_frames_take_no_more_memory_than_some() {
    guest(
        "in_the_guest::two_thousand_frames_take_no_more_memory_than_some",
        false,
        VIVID,
        &["FROSTGLASS_RIG_FRAMES=100000"],
    );
}

/// The USB camera that the case starts as a process of its own: to end it is to unplug it.
#[test]
#[ignore = "a process that a case in the guest starts"]
fn plug_a_webcam_in() {
    if inside::is_here() {
        webcam::run();
    }
}

/// Runs one ignored test of this program in a guest.
fn guest(case: &str, is_patient: bool, modules: &[&str], environment: &[&str]) {
    // Two guests at once on a small machine disturb one another's frame rates; the cases of the whole program wait for what has to
    // come, however long that takes.
    static QUIET: RwLock<()> = RwLock::new(());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig");
    let place = Command::new(folder.join("build")).arg("--where").output().unwrap();
    let place = PathBuf::from(String::from_utf8_lossy(&place.stdout).trim());
    if !common::have("rig", cfg!(target_arch = "x86_64") && place.join("linux").exists()) {
        println!("pipeline/tests/rig/build makes it, in some minutes");
        return;
    }
    let _among_others = is_patient.then(|| QUIET.read().unwrap_or_else(PoisonError::into_inner));
    let _alone = (!is_patient).then(|| QUIET.write().unwrap_or_else(PoisonError::into_inner));
    let program = std::env::current_exe().unwrap();
    let limit = if environment.is_empty() { "300" } else { "3000" };
    for attempt in 0.. {
        let mut run = Command::new(folder.join("run"));
        for module in modules {
            run.args(["-m", module]);
        }
        let variables =
            ["FROSTGLASS_RIG_INSIDE=1", "RUST_BACKTRACE=0", "ORT_DISABLE_TELEMETRY=1"].iter().chain(environment);
        for variable in variables {
            run.args(["-e", variable]);
        }
        if let Some(runtime) = std::env::var_os("FROSTGLASS_RUNTIME_DIR") {
            run.arg("-e").arg(format!("FROSTGLASS_RUNTIME_DIR={}", runtime.display()));
        }
        for path in [Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), program.parent().unwrap()] {
            // The guest has a /tmp of its own.
            if path.starts_with("/tmp") {
                run.arg("-r").arg(path);
            }
        }
        run.args(["-t", limit, "--"]).arg(&program);
        run.args(["--exact", case, "--ignored", "--nocapture", "--test-threads=1"]);
        let output = run.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // A guest that ended without a status says nothing about the program; a second one would.
        if output.status.code() == Some(125) && attempt == 0 {
            continue;
        }
        println!("{said}");
        assert!(output.status.success() && said.contains("1 passed"), "{case} failed in the guest:\n{said}");
        return;
    }
}
