//! What a front can reach from behind its walls: this test program goes behind them as a process of its own, and tries.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use super::*;

const FOLDER: &str = "FROSTGLASS_WALLS_FOLDER";
const TRIES: &str = "FROSTGLASS_WALLS_TRIES";

/// Starts this program behind the walls of a front that has its ways out in a folder, to try one thing there; the signal that
/// ended it, or none when it did what it tried.
fn behind_walls(folder: &std::path::Path, tries: &str) -> Result<(), Option<i32>> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "sandbox::tests::a_front", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.env(FOLDER, folder).env(TRIES, tries).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(output.status.signal()) }
}

#[test]
#[ignore = "started by the test below, as a process of its own"]
fn a_front() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut walls = Walls::first(Role::Front, true).unwrap();
    let tries = std::env::var(TRIES).unwrap();
    walls.before_anything_from_outside(tries != "listen unasked", &Reach::default()).unwrap();
    walls.before_ways_out(&Reach {
        write: vec![folder.join("events.jsonl")],
        fill: vec![folder.join("shots")],
        listen: Some(0),
        ..Reach::default()
    });
    match tries.as_str() {
        "nothing" => {
            assert_eq!(walls.missing(), [] as [String; 0]);
            let dumped = rustix::process::dumpable_behavior().unwrap();
            assert_eq!(dumped, rustix::process::DumpableBehavior::NotDumpable);
            assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Core).maximum, Some(0));
        }
        "append" => {
            use std::io::Write;
            let file = fs::OpenOptions::new().append(true).open(folder.join("events.jsonl"));
            file.and_then(|mut file| file.write_all(b"{}\n")).unwrap();
        }
        "picture" => {
            fs::write(folder.join("shots/.new"), "x").unwrap();
            fs::rename(folder.join("shots/.new"), folder.join("shots/one.jpg")).unwrap();
            fs::remove_file(folder.join("shots/one.jpg")).unwrap();
        }
        "listen" | "listen unasked" => drop(TcpListener::bind("127.0.0.1:0").unwrap()),
        "make beside" => fs::write(folder.join("other"), "x").unwrap(),
        "config" => fs::write(folder.join("camera.toml"), "x").unwrap(),
        "read" => drop(fs::read(folder.join("camera.toml")).unwrap()),
        "link" => std::os::unix::fs::symlink("/etc", folder.join("shots/etc")).unwrap(),
        "camera" => drop(fs::File::open("/dev/null").unwrap()),
        "connect" => drop(TcpStream::connect("127.0.0.1:9").unwrap()),
        "datagram" => drop(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()),
        "pair" => drop(std::os::unix::net::UnixDatagram::pair().unwrap()),
        // The kernel makes a pair of datagrams of it.
        "raw pair" => {
            use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
            drop(socketpair(AddressFamily::UNIX, SocketType::RAW, SocketFlags::empty(), None).unwrap());
        }
        "terminal" => rustix::process::ioctl_tiocsctty(std::io::stdin()).unwrap(),
        "rights" => {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.join("camera.toml"), fs::Permissions::from_mode(0o666)).unwrap();
        }
        "fast open" => {
            use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
            let to: std::net::SocketAddr = "127.0.0.1:9".parse().unwrap();
            let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            sendto(&socket, b"x", SendFlags::from_bits_retain(0x2000_0000), &to).unwrap();
        }
        "limit" => {
            let supervisor = rustix::process::getppid();
            let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
            rustix::process::prlimit(supervisor, rustix::process::Resource::Core, none).unwrap();
        }
        "program" => assert!(Command::new("/bin/true").status().is_ok_and(|status| status.success())),
        other => panic!("nobody tries {other}"),
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says why it is skipped")]
fn a_front_reaches_its_ways_out_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    if behind_walls(folder.path(), "nothing").is_err() {
        let required =
            std::env::var("FROSTGLASS_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item == "walls"));
        assert!(!required, "walls are required by FROSTGLASS_REQUIRE, and this machine lacks one");
        println!("skipped: this machine lacks a wall");
        return;
    }
    fs::write(folder.path().join("events.jsonl"), "").unwrap();
    fs::write(folder.path().join("camera.toml"), "[camera]\n").unwrap();
    fs::create_dir(folder.path().join("shots")).unwrap();
    for goes in ["append", "picture", "listen"] {
        assert_eq!(behind_walls(folder.path(), goes), Ok(()), "{goes}");
    }
    // A test that fails ends its process with a code, and without a signal.
    for refused in ["make beside", "config", "read", "link", "camera"] {
        assert_eq!(behind_walls(folder.path(), refused), Err(None), "{refused}");
    }
    const SIGSYS: i32 = 31;
    for deadly in [
        "connect",
        "datagram",
        "listen unasked",
        "pair",
        "raw pair",
        "terminal",
        "rights",
        "fast open",
        "limit",
        "program",
    ] {
        assert_eq!(behind_walls(folder.path(), deadly), Err(Some(SIGSYS)), "{deadly}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("camera.toml")).unwrap(), "[camera]\n");
}
