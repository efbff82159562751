//! The live view as a program and as a browser see it.

#[path = "common/browser.rs"]
mod browser;
mod common;
#[path = "common/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use browser::Browser;
use common::{read, solvay};
use frostglass::emit::{LiveView, Sink};
use frostglass::event::{Event, Fault, Health, Latency, Masked, Motion, Phase, Policy, What, written};
use frostglass::hatch::ReceivedFrame;
use live::{Camera, picture, stream, until};

fn open() -> LiveView {
    LiveView::open(([127, 0, 0, 1], 0).into()).expect("a free port")
}

fn get(address: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = headers.iter().fold(agent.get(address), |request, (name, value)| request.header(*name, *value));
    let mut response = request.call().expect("an answer");
    let mut body = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut body).expect("its body");
    (response.status().as_u16(), body)
}

#[test]
fn a_snapshot_and_the_stream_show_the_frame() {
    let mut view = open();
    let mut camera = Camera::new(64, 48);
    let address = format!("http://{}/snapshot.jpg", view.local_addr());
    let asked = std::thread::spawn(move || get(&address, &[]));
    let mut reader = stream(view.local_addr());
    until("both watch", || view.watchers() == 2);
    let level = |x: u32, y: u32| (60 + 2 * x + y) as u8;
    view.frame(&camera.frame(|plane, x, y| if plane == 0 { level(x, y) } else { 128 })).unwrap();
    let (status, snapshot) = asked.join().unwrap();
    assert_eq!((status, &snapshot), (200, &picture(&mut reader)));
    let decoded = image::load_from_memory(&snapshot).unwrap().to_luma8();
    assert_eq!(decoded.dimensions(), (64, 48));
    for (x, y, pixel) in decoded.enumerate_pixels() {
        assert!(pixel.0[0].abs_diff(level(x, y)) <= 6, "{x} {y}: {} for {}", pixel.0[0], level(x, y));
    }
    assert_eq!(view.encoded(), 1);
}

#[test]
fn what_a_page_of_another_site_or_name_asks_for_is_refused() {
    let view = open();
    let port = view.local_addr().port();
    let host = |name: &str| format!("{name}:{port}");
    let cases = [
        (vec![("Host", host("evil.example"))], 403),
        (vec![("Host", "127.0.0.1:1".to_owned())], 403),
        (vec![("Host", host("localhost"))], 200),
        (vec![("Host", host("localhost")), ("Origin", format!("http://localhost:{port}"))], 200),
        (vec![("Origin", "http://evil.example".to_owned())], 403),
        (vec![("Origin", "null".to_owned())], 403),
        (vec![("Sec-Fetch-Site", "none".to_owned())], 200),
        (vec![("Sec-Fetch-Site", "cross-site".to_owned())], 403),
        (vec![("Sec-Fetch-Site", "same-site".to_owned())], 403),
    ];
    for (headers, expected) in cases {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, body) = get(&format!("http://127.0.0.1:{port}/"), &headers);
        assert_eq!(status, expected, "{headers:?}");
        assert_eq!(body.starts_with(b"Refused: "), expected == 403, "{headers:?}");
    }
}

/// A page on another port, which is another origin (though the same site).
fn other_site(page: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        // Each by itself: a browser also opens connections that it keeps for later, and says nothing there for minutes.
        for mut stream in listener.incoming().flatten() {
            let page = page.clone();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", page.len());
                let _ = write!(stream, "{head}Connection: close\r\n\r\n{page}");
            });
        }
    });
    address
}

/// A camera that runs by itself: 20 frames a second of the bundled photograph, and what is done with it.
struct Running {
    address: SocketAddr,
    masked: Arc<AtomicBool>,
    encoded: Arc<AtomicU64>,
    events: std::sync::mpsc::Sender<Event>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        let mut view = open();
        let address = view.local_addr();
        let (events, from) = std::sync::mpsc::channel();
        let (masked, stop, encoded) = <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let (is_masked, is_over, count) = (Arc::clone(&masked), Arc::clone(&stop), Arc::clone(&encoded));
        let photograph = image::imageops::thumbnail(&read(&solvay()), 640, 360);
        let (mut camera, mut shift) = (Camera::new(640, 360), 0);
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                shift += 1;
                let luma = |x: u32, y: u32| photograph.get_pixel((x + shift) % 640, y).0[0];
                let frame = camera.frame(|plane, x, y| if plane == 0 { luma(x, y) } else { 128 });
                let frame = if is_masked.load(Ordering::Relaxed) {
                    ReceivedFrame::masked(frame.format(), frame.stamp())
                } else {
                    frame
                };
                view.frame(&frame).expect("a frame is taken");
                from.try_iter().for_each(|event| view.event(&event).expect("an event is taken"));
                count.store(view.encoded(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self { address, masked, encoded, events, stop, thread: Some(thread) }
    }

    fn tell(&self, event: Event) {
        self.events.send(event).expect("the camera runs");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the camera ended well");
        }
    }
}

fn now() -> String {
    written(jiff::Timestamp::now())
}

fn motion(phase: Phase, what: What, id: &str) -> Event {
    let zones = vec!["porch".to_owned()];
    Event::Motion(Motion { phase, id: id.to_owned(), time: now(), frame: 1, zones, what, score: 0.83, area: [0.0; 4] })
}

#[test]
fn a_browser_shows_the_picture_its_state_and_what_happens() {
    let Some(browser) = Browser::start() else { return };
    let camera = Running::start();
    let state = "return document.getElementById('state').textContent";
    browser.size(1400, 900);
    browser.show(&format!("http://{}/", camera.address));
    browser.wait("return document.querySelector('img')?.naturalWidth", |width| *width == 640);
    browser.wait(state, |state| state == "live");

    camera.tell(Event::Policy(Policy { time: now(), hides: ["faces", "heads of persons"].map(str::to_owned).into() }));
    camera.tell(motion(Phase::Start, What::Motion, "01A"));
    camera.tell(motion(Phase::Start, What::Person, "01B"));
    camera.tell(motion(Phase::End, What::Person, "01B"));
    let latency_ms = Latency { p50: 41.4, p95: 79.6, p99: 120.0 };
    camera.tell(Event::Health(Health {
        time: now(),
        frames_in: 12_345,
        inspected: 12_001,
        masked: 17,
        out: 12_340,
        latency_ms,
        ..Health::default()
    }));
    let list = "return document.getElementById('events').innerText";
    let list = browser.wait(list, |text| text.as_str().is_some_and(|text| text.contains("ended")));
    let list = list.as_str().unwrap();
    assert!(list.contains("Person at porch") && list.contains("Motion at porch") && list.contains("faces"), "{list}");
    let entries = browser.run("return document.getElementById('events').children.length");
    assert_eq!(entries, 3, "an event that goes on is one entry: {list}");
    browser.wait("return document.getElementById('p95').textContent", |text| text == "80 ms");
    browser.wait("return document.getElementById('out').textContent.replace(/\\D/g, '')", |text| text == "12340");
    browser.keep("live.png");

    // The picture moves: two looks at it differ.
    let look = "const c = document.createElement('canvas'); c.width = 64; c.height = 36; const p = c.getContext('2d');
        p.drawImage(document.querySelector('img'), 0, 0, 64, 36); return p.getImageData(0, 0, 64, 36).data.join()";
    let first = browser.run(look);
    assert!(first.as_str().is_some_and(|samples| samples.len() > 1000), "{first}");
    browser.wait(look, |later| *later != first);

    camera.tell(Event::Fault(Fault {
        time: now(),
        what: "<b>the face network</b> gave no answer for 2 s".to_owned(),
        since: now(),
        masked: Masked::Everything,
    }));
    camera.masked.store(true, Ordering::Relaxed);
    browser.wait(state, |state| state == "masked");
    let why = "return document.getElementById('why').textContent";
    browser.wait(why, |why| {
        why.as_str().is_some_and(|why| why.starts_with("Nothing is shown because <b>the face network</b>"))
    });
    browser.keep("masked.png");
    browser.size(390, 844);
    camera.masked.store(false, Ordering::Relaxed);
    browser.wait(state, |state| state == "live");
    let fits = browser.run("return document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(fits, true, "on a phone nothing is wider than the screen");
    browser.keep("phone.png");

    drop(camera);
    browser.wait(state, |state| state == "no connection");
    browser.keep("gone.png");
}

#[test]
fn a_page_of_another_origin_gets_no_picture_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let camera = Running::start();
    let there = format!("http://{}", camera.address);
    let page = format!(
        "<!DOCTYPE html><img id=a src='{there}/snapshot.jpg'><img id=b src='{there}/stream.mjpg'>
         <iframe id=c src='{there}/'></iframe><script>
         window.said = {{}};
         for (const id of ['a', 'b']) {{
           document.getElementById(id).onload = () => said[id] = 'loaded';
           document.getElementById(id).onerror = () => said[id] = 'refused';
         }}
         for (const mode of ['cors', 'no-cors']) fetch('{there}/snapshot.jpg', {{ mode }}).then(
           answer => answer.blob().then(blob => said[mode] = answer.type + ' ' + answer.status + ' ' + blob.size),
           () => said[mode] = 'refused');
         const source = new EventSource('{there}/events');
         source.onopen = () => said.events = 'open';
         source.onerror = () => said.events = 'refused';
         </script>"
    );
    let port = other_site(page).port();
    // Another port is the same site; another name is another site.
    for name in ["127.0.0.1", "localhost"] {
        browser.show(&format!("http://{name}:{port}/"));
        let said = "return location.hostname === '".to_owned() + name + "' && window.said";
        let said = browser.wait(&said, |said| said.as_object().is_some_and(|said| said.len() == 5));
        let refused = ["a", "b", "cors", "no-cors", "events"].iter().all(|what| said[what] == "refused");
        assert!(refused, "{name}: {said}");
        let widths = browser.run("return [...document.images].map(image => image.naturalWidth)");
        assert!(widths.as_array().is_some_and(|widths| widths.iter().all(|width| *width == 0)), "{widths}");
    }
    assert_eq!(camera.encoded.load(Ordering::Relaxed), 0, "not even encoded");
    // The picture is there for the page itself.
    browser.show(&format!("{there}/"));
    browser.wait("return document.querySelector('img')?.naturalWidth", |width| *width == 640);
}
