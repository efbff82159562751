//! Which requests are answered: those of this page, and of programs that are no web page at all.
//!
//! **Invariant.** No page of another origin gets a picture or an event, be it by fetch, by `<img>`, in a frame, or
//! under a name of its own that suddenly means this address (DNS rebinding). Whatever is odd is refused.
//!
//! - `Host` is an address, never a name but `localhost`: a loopback address or the one by which the connection came,
//!   with the port on which we listen. Listening on 0.0.0.0 or [::] thus takes each address of this machine, and no
//!   name: the name is what an attacker chooses.
//! - `Origin`, if there is one, is the `Host` over http.
//! - `Sec-Fetch-Site`, if there is one, is `same-origin` or `none`. Only the page may be come to from elsewhere, by a
//!   link in a window of its own. (Browsers send this header to loopback, and to others over TLS only: for the rest
//!   the responses say `Cross-Origin-Resource-Policy`.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

/// Knows where we listen.
pub(super) struct Gate {
    bound: SocketAddr,
}

/// Why a request is refused, in words for who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Site,
}

impl Refusal {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Host => {
                "Refused: this live view is asked for by its address and port, such as http://127.0.0.1:8080/, and \
                 under no other name, so that no web page can reach it through a name of its own.\n"
            }
            Self::Origin => "Refused: a page of another site asked for this (its Origin is not this live view).\n",
            Self::Site => "Refused: a page of another site asked for this (Sec-Fetch-Site says so).\n",
        }
    }
}

static SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

impl Gate {
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self { bound }
    }

    /// Lets a request pass that came to our address `local`, if that is known.
    pub(super) fn check(&self, local: Option<SocketAddr>, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = Place::parse(the_one(headers, &HOST).flatten().ok_or(Refusal::Host)?).ok_or(Refusal::Host)?;
        if !self.is_ours(&host, local) {
            return Err(Refusal::Host);
        }
        // A proxy's form of request names the place twice.
        if uri.authority().is_some_and(|named| Place::parse(named.as_str()).as_ref() != Some(&host)) {
            return Err(Refusal::Host);
        }
        match the_one(headers, &ORIGIN).ok_or(Refusal::Origin)? {
            Some(origin) if origin.strip_prefix("http://").and_then(Place::parse) != Some(host) => {
                return Err(Refusal::Origin);
            }
            _ => {}
        }
        let value = |name| the_one(headers, name).ok_or(Refusal::Site);
        match value(&SITE)? {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => {
                let link = value(&MODE)? == Some("navigate") && value(&DESTINATION)? == Some("document");
                if link && uri.path() == "/" { Ok(()) } else { Err(Refusal::Site) }
            }
        }
    }

    fn is_ours(&self, host: &Place, local: Option<SocketAddr>) -> bool {
        let address = match host.name {
            Name::Localhost => return host.port == self.bound.port(),
            Name::Address(address) => address,
        };
        let loopback = address == IpAddr::V4(Ipv4Addr::LOCALHOST) || address == IpAddr::V6(Ipv6Addr::LOCALHOST);
        let bound = !address.is_unspecified() && address == self.bound.ip().to_canonical();
        let came_by = local.is_some_and(|local| address == local.ip().to_canonical());
        host.port == self.bound.port() && (loopback || bound || came_by)
    }
}

/// The value of a header: `Some(None)` when it is not there, `None` when it is there twice or is no text.
fn the_one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => value.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

/// Host and port.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    name: Name,
    port: u16,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Localhost,
    Address(IpAddr),
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.port() {
            // As a browser writes it: neither with a sign nor with zeroes before it.
            Some(port) => port.as_str().parse().ok().filter(|number: &u16| number.to_string() == port.as_str())?,
            None if authority.as_str().ends_with(':') => return None,
            None => 80,
        };
        let host = authority.host();
        let name = if host.eq_ignore_ascii_case("localhost") {
            Name::Localhost
        } else if let Some(inner) = host.strip_prefix('[') {
            Name::Address(IpAddr::V6(inner.strip_suffix(']')?.parse().ok()?).to_canonical())
        } else {
            Name::Address(IpAddr::V4(host.parse().ok()?))
        };
        Some(Self { name, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        bound: &'static str,
        came_by: &'static str,
        uri: &'static str,
        headers: &'static [(&'static str, &'static str)],
        says: Result<(), Refusal>,
    }

    const BASE: Case =
        Case { bound: "127.0.0.1:8080", came_by: "127.0.0.1:8080", uri: "/snapshot.jpg", headers: &[], says: Ok(()) };

    fn check(case: &Case) {
        let mut headers = HeaderMap::new();
        for (name, value) in case.headers {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let gate = Gate::new(case.bound.parse().unwrap());
        let said = gate.check(Some(case.came_by.parse().unwrap()), &case.uri.parse().unwrap(), &headers);
        assert_eq!(said, case.says, "{} {:?} at {}", case.uri, case.headers, case.bound);
    }

    #[test]
    fn a_host_is_an_address_of_ours_and_no_name() {
        let on_all = Case { bound: "0.0.0.0:8080", came_by: "192.168.1.20:8080", ..BASE };
        let mapped = Case { bound: "[::]:8080", came_by: "[::ffff:192.168.1.20]:8080", ..BASE };
        let http = Case { bound: "127.0.0.1:80", came_by: "127.0.0.1:80", ..BASE };
        let fine = |case: Case, host: &'static [(&'static str, &'static str)]| check(&Case { headers: host, ..case });
        let refused = |case: Case, host: &'static [(&'static str, &'static str)]| {
            check(&Case { headers: host, says: Err(Refusal::Host), ..case });
        };
        fine(BASE, &[("host", "127.0.0.1:8080")]);
        fine(BASE, &[("host", "localhost:8080")]);
        fine(BASE, &[("host", "LocalHost:8080")]);
        fine(BASE, &[("host", "[::1]:8080")]);
        fine(http, &[("host", "localhost")]);
        fine(Case { ..on_all }, &[("host", "192.168.1.20:8080")]);
        fine(mapped, &[("host", "192.168.1.20:8080")]);
        refused(BASE, &[]);
        refused(BASE, &[("host", "")]);
        refused(BASE, &[("host", "127.0.0.1")]);
        refused(BASE, &[("host", "127.0.0.1:")]);
        refused(BASE, &[("host", "127.0.0.1:8081")]);
        refused(BASE, &[("host", "127.0.0.1:80800")]);
        refused(BASE, &[("host", "127.0.0.1:08080")]);
        refused(BASE, &[("host", "127.0.0.1:+8080")]);
        refused(BASE, &[("host", "evil.example:8080")]);
        refused(BASE, &[("host", "localhost.evil.example:8080")]);
        refused(BASE, &[("host", "localhost.:8080")]);
        refused(BASE, &[("host", "127.0.0.1.evil.example:8080")]);
        refused(BASE, &[("host", "a@127.0.0.1:8080")]);
        refused(BASE, &[("host", "0.0.0.0:8080")]);
        refused(BASE, &[("host", "192.168.1.20:8080")]);
        refused(BASE, &[("host", "[127.0.0.1]:8080")]);
        refused(BASE, &[("host", "127.0.0.1:8080"), ("host", "evil.example:8080")]);
        refused(Case { uri: "http://evil.example:8080/", ..BASE }, &[("host", "127.0.0.1:8080")]);
        fine(Case { uri: "http://127.0.0.1:8080/", ..BASE }, &[("host", "127.0.0.1:8080")]);
        let on_all = Case { bound: "0.0.0.0:8080", came_by: "192.168.1.20:8080", ..BASE };
        refused(Case { ..on_all }, &[("host", "0.0.0.0:8080")]);
        refused(Case { ..on_all }, &[("host", "192.168.1.21:8080")]);
        refused(on_all, &[("host", "camera.local:8080")]);
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let refused = |says, more: &'static [(&'static str, &'static str)]| {
            check(&Case { headers: more, says: Err(says), ..BASE });
        };
        const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
        check(&Case { headers: &[HOST, ("origin", "http://127.0.0.1:8080")], ..BASE });
        check(&Case { headers: &[HOST, ("sec-fetch-site", "same-origin")], ..BASE });
        check(&Case { headers: &[HOST, ("sec-fetch-site", "none")], ..BASE });
        refused(Refusal::Origin, &[HOST, ("origin", "http://127.0.0.1:3000")]);
        refused(Refusal::Origin, &[HOST, ("origin", "http://localhost:8080")]);
        refused(Refusal::Origin, &[HOST, ("origin", "https://127.0.0.1:8080")]);
        refused(Refusal::Origin, &[HOST, ("origin", "http://127.0.0.1:8080@evil.example")]);
        refused(Refusal::Origin, &[HOST, ("origin", "http://evil.example")]);
        refused(Refusal::Origin, &[HOST, ("origin", "null")]);
        refused(Refusal::Origin, &[HOST, ("origin", "")]);
        refused(Refusal::Origin, &[HOST, ("origin", "http://127.0.0.1:8080"), ("origin", "http://evil.example")]);
        refused(Refusal::Site, &[HOST, ("sec-fetch-site", "cross-site")]);
        refused(Refusal::Site, &[HOST, ("sec-fetch-site", "same-site")]);
        refused(Refusal::Site, &[HOST, ("sec-fetch-site", "whatever comes")]);
        refused(Refusal::Site, &[HOST, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]);
    }

    #[test]
    fn only_the_page_is_come_to_by_a_link_and_only_in_a_window_of_its_own() {
        const LINK: &[(&str, &str)] = &[
            ("host", "localhost:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        check(&Case { uri: "/", headers: LINK, ..BASE });
        for uri in ["/snapshot.jpg", "/stream.mjpg", "/events"] {
            check(&Case { uri, headers: LINK, says: Err(Refusal::Site), ..BASE });
        }
        const FRAME: &[(&str, &str)] = &[LINK[0], LINK[1], LINK[2], ("sec-fetch-dest", "iframe")];
        check(&Case { uri: "/", headers: FRAME, says: Err(Refusal::Site), ..BASE });
    }
}
