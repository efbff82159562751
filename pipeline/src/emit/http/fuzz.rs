//! The laws of the live view, for `crate::fuzz`: whatever is asked, nothing is given to another site or name.
//!
//! **Invariant.** `HERE` in an input stands for the address of the live view. Who may have an answer is judged anew here, by
//! the lines of the request as they stand, and not by the gate.
#![allow(clippy::unwrap_used, reason = "a target may panic: that is how it tells")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::gate::Gate;
use super::{LIMITS, Limits, LiveView};

pub(crate) const WORDS: &[&[u8]] = &[
    b"GET ",
    b"HEAD ",
    b"POST ",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b"\r\n\r\n",
    b"\r\n",
    b"\n",
    b"Host: HERE\r\n",
    b"Host: evil.example\r\n",
    b"Host: localhost\r\n",
    b"Origin: http://HERE\r\n",
    b"Origin: http://evil.example\r\n",
    b"Origin: null\r\n",
    b"Sec-Fetch-Site: cross-site\r\n",
    b"Sec-Fetch-Site: same-origin\r\n",
    b"Sec-Fetch-Mode: navigate\r\n",
    b"Sec-Fetch-Dest: document\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\n",
    b"/stream.mjpg",
    b"/snapshot.jpg",
    b"/events",
    b"http://HERE/",
    b"http://evil.example/",
    b"@",
    b":",
    b"[::1]",
    b"127.0.0.1",
    b"0x7f.1",
    b"\t",
    b"%00",
    b"..",
];

/// Through a socket, as a browser or whoever else asks.
pub(crate) fn request(bytes: &[u8]) {
    let limits = Limits { request: Duration::from_secs(5), snapshot: Duration::from_millis(1), ..LIMITS };
    let view = LiveView::start(TcpListener::bind("127.0.0.1:0").unwrap(), limits).unwrap();
    let asked = filled_in(bytes, view.local_addr());
    let mut stream = TcpStream::connect(view.local_addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may be closed before all is sent.
    let _ = stream.write_all(&asked).and_then(|()| stream.shutdown(Shutdown::Write));
    let answer = head_of(&mut stream);
    drop(stream);
    let Some(status) = answer.get(9..12) else {
        assert!(answer.is_empty(), "{:?}", String::from_utf8_lossy(&answer));
        return;
    };
    assert!(answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
    if status[0] == b'2' {
        may_be_answered(&asked, view.local_addr()).unwrap_or_else(|why| {
            panic!("{why}, and yet: {}{}", String::from_utf8_lossy(&asked), String::from_utf8_lossy(&answer))
        });
    }
    assert!(matches!(status, b"200" | b"400" | b"403" | b"404" | b"405" | b"414" | b"431" | b"503" | b"505" | b"100"));
}

/// The gate alone, which is much quicker: what it lets pass may be answered.
pub(crate) fn gate(bytes: &[u8]) {
    let bound: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    let asked = filled_in(bytes, bound);
    let mut lines = asked.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let target = lines.next().and_then(|line| line.split(|&byte| byte == b' ').nth(1));
    let Some(uri) = target.and_then(|target| Uri::try_from(target).ok()) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (name, value) else { return };
        headers.append(name, value);
    }
    if Gate::new(bound).check(Some(bound), &uri, &headers).is_ok() {
        may_be_answered(&asked, bound)
            .unwrap_or_else(|why| panic!("{why}, and yet it passed: {}", String::from_utf8_lossy(&asked)));
    }
}

/// What of an answer comes before its body.
fn head_of(stream: &mut TcpStream) -> Vec<u8> {
    let (mut answer, mut some) = (Vec::new(), [0; 4096]);
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&some[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the live view neither answers nor closes: {error}"),
        }
    }
    answer
}

fn filled_in(bytes: &[u8], address: SocketAddr) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(4).position(|four| four == b"HERE") {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(address.to_string().as_bytes());
        rest = &rest[at + 4..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// Why a request may not be answered with anything but a refusal.
fn may_be_answered(asked: &[u8], address: SocketAddr) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(asked).to_lowercase();
    // Servers pass over empty lines before a request.
    let mut lines = text.trim_start_matches(['\r', '\n']).split('\n').map(str::trim);
    let target = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let port = address.port().to_string();
    let is_ours = |host: &str| {
        let Some((name, its)) = host.rsplit_once(':') else { return false };
        its == port && (name == "localhost" || name == "127.0.0.1" || is_loopback(name))
    };
    let mut path = target.as_str();
    // A proxy's form of request names the place as well.
    if let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if !is_ours(&rest[..end]) {
            return Err("it names another place in its first line");
        }
        path = &rest[end..];
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let headers: Vec<(&str, &str)> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let values = |wanted| headers.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| *value);
    if values("host").count() != 1 || !values("host").all(is_ours) {
        return Err("its Host is not ours alone");
    }
    if !values("origin").all(|origin| origin.strip_prefix("http://").is_some_and(is_ours)) {
        return Err("it comes from another origin");
    }
    let link =
        values("sec-fetch-mode").all(|mode| mode == "navigate") && values("sec-fetch-dest").all(|to| to == "document");
    let page = matches!(path, "" | "/");
    if !values("sec-fetch-site").all(|site| matches!(site, "same-origin" | "none") || link && page) {
        return Err("it comes from another site");
    }
    Ok(())
}

/// Whether it is the loopback address in one of its longer ways to be written.
fn is_loopback(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner
        .and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok())
        .is_some_and(|address| std::net::IpAddr::from(address).to_canonical().is_loopback())
}
