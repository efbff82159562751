//! Reads one member of a wheel, which is a ZIP archive (APPNOTE.TXT 4.3): stored or deflated, below 4 GiB.
//!
//! Nothing in the archive is trusted: every offset is looked up with `get`, and the caller checks the hash of what
//! comes out.

/// Signature of a local file header, a central directory entry, and the end of the central directory.
const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Length of the end record without its comment, and the longest comment.
const END_LENGTH: usize = 22;
const LONGEST_COMMENT: usize = 65_535;

/// The unpacked bytes of the member called `name`.
pub(super) fn member(archive: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let entry = find(archive, name)?.ok_or_else(|| format!("has no {name}"))?;
    let data = packed(archive, &entry).ok_or("is damaged: a member lies outside of the file")?;
    match entry.method {
        0 => Ok(data.to_vec()),
        8 => miniz_oxide::inflate::decompress_to_vec_with_limit(data, entry.unpacked)
            .map_err(|error| format!("{name} is damaged: {error}")),
        other => Err(format!("{name} is packed by method {other}, expected 0 or 8")),
    }
}

/// What the central directory says about a member.
struct Entry {
    method: usize,
    packed: usize,
    unpacked: usize,
    header: usize,
}

fn find(archive: &[u8], name: &str) -> Result<Option<Entry>, String> {
    let damaged = || "is no ZIP archive, or a damaged one".to_owned();
    let last = archive.len().checked_sub(END_LENGTH).ok_or_else(damaged)?;
    let first = last.saturating_sub(LONGEST_COMMENT);
    let end = (first..=last).rev().find(|&at| archive[at..].starts_with(END)).ok_or_else(damaged)?;
    let members = short(archive, end + 10).ok_or_else(damaged)?;
    let mut at = long(archive, end + 16).ok_or_else(damaged)?;
    for _ in 0..members {
        let entry = archive.get(at..).filter(|rest| rest.starts_with(CENTRAL)).ok_or_else(damaged)?;
        let field = |offset| short(entry, offset).ok_or_else(damaged);
        let wide = |offset| long(entry, offset).ok_or_else(damaged);
        let (name_length, extra, comment) = (field(28)?, field(30)?, field(32)?);
        if entry.get(46..46 + name_length) == Some(name.as_bytes()) {
            return Ok(Some(Entry { method: field(10)?, packed: wide(20)?, unpacked: wide(24)?, header: wide(42)? }));
        }
        at += 46 + name_length + extra + comment;
    }
    Ok(None)
}

/// The packed bytes: they follow the local header, whose name and extra field may differ from the directory's.
fn packed<'a>(archive: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let header = archive.get(entry.header..).filter(|rest| rest.starts_with(LOCAL))?;
    let start = 30 + short(header, 26)? + short(header, 28)?;
    header.get(start..start.checked_add(entry.packed)?)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ZIP archive of one deflated member, as Python's zipfile writes it.
    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let data = miniz_oxide::deflate::compress_to_vec(content, 6);
        let wide = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let narrow = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
        let mut zip = Vec::new();
        zip.extend_from_slice(LOCAL);
        zip.extend_from_slice(&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        zip.extend_from_slice(&[wide(data.len()), wide(content.len())].concat());
        zip.extend_from_slice(&[narrow(name.len()), narrow(0)].concat());
        zip.extend_from_slice(name.as_bytes());
        zip.extend_from_slice(&data);
        let directory = zip.len();
        zip.extend_from_slice(CENTRAL);
        zip.extend_from_slice(&[20, 0, 20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        zip.extend_from_slice(&[wide(data.len()), wide(content.len())].concat());
        zip.extend_from_slice(&[narrow(name.len()), narrow(0), narrow(0), narrow(0), narrow(0)].concat());
        zip.extend_from_slice(&[wide(0), wide(0)].concat());
        zip.extend_from_slice(name.as_bytes());
        let length = zip.len() - directory;
        zip.extend_from_slice(END);
        zip.extend_from_slice(&[0, 0, 0, 0, 1, 0, 1, 0]);
        zip.extend_from_slice(&[wide(length), wide(directory)].concat());
        zip.extend_from_slice(&[0, 0]);
        zip
    }

    #[test]
    fn a_member_comes_out_as_it_went_in() {
        let content: Vec<u8> = (0..10_000u32).map(|i| (i * i % 251) as u8).collect();
        let zip = archive("a/library.so", &content);
        assert_eq!(member(&zip, "a/library.so").unwrap(), content);
        assert!(member(&zip, "a/other.so").unwrap_err().contains("has no a/other.so"));
    }

    #[test]
    fn a_damaged_archive_is_an_error_never_a_panic() {
        let zip = archive("library.so", &[7; 300]);
        for length in 0..zip.len() {
            assert!(member(&zip[..length], "library.so").is_err(), "cut at {length}");
        }
        for at in 0..zip.len() {
            for value in [0, 0xff] {
                let mut altered = zip.clone();
                altered[at] = value;
                let _ = member(&altered, "library.so");
            }
        }
    }
}
