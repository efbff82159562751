use proptest::prelude::*;

use super::*;
use crate::record::key::Key;
use crate::record::line::Reason;
use crate::record::line::tests::{entry, key};

/// A record that is made line by line, as a pen would.
struct Made {
    key: Key,
    tail: Tail,
    lines: Vec<Vec<u8>>,
}

impl Made {
    fn new(seed: u8) -> Self {
        Self { key: key(seed), tail: Tail::none(), lines: Vec::new() }
    }

    fn put(&mut self, reason: Reason, out: u64) {
        let time = format!("2026-11-23T18:00:{:02}.000Z", self.tail.next);
        let torn = self.tail.torn.take();
        let line =
            Line::signed(self.tail.next, time, entry(reason, "words", out), torn, &self.tail.previous, &self.key);
        self.tail = Tail::behind(&Line::proved(&line, self.key.public()).unwrap(), &line);
        self.lines.push(line);
    }

    /// Something torn, which the next line names.
    fn tear(&mut self, bytes: &[u8]) {
        self.tail.torn = Some(Torn::of(bytes));
        self.lines.push(bytes.to_vec());
    }

    fn bytes(&self) -> Vec<u8> {
        joined(&self.lines)
    }
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [&line[..], b"\n"].concat()).collect()
}

/// Five lines: a start, a fault, a restart, another config, the end.
fn five() -> Made {
    let mut made = Made::new(7);
    let reasons = [Reason::Start, Reason::Fault, Reason::Restart, Reason::Config, Reason::Stop];
    for (reason, out) in reasons.into_iter().zip([0, 100, 0, 30, 50]) {
        made.put(reason, out);
    }
    made
}

fn proved(bytes: &[u8]) -> Told {
    verify(bytes, Some(*key(7).public())).unwrap_or_else(|error| panic!("{error}"))
}

/// Where it is broken, and why.
fn broken(bytes: &[u8]) -> (u64, String) {
    match verify(bytes, Some(*key(7).public())) {
        Err(VerifyError::Broken { line, why }) => (line, why),
        other => panic!("it is called {other:?}"),
    }
}

#[test]
fn a_whole_record_tells_what_left_under_which_policy() {
    let mut made = five();
    let mut other = entry(Reason::Config, "another zone", 40);
    other.config = crate::record::sha256(b"another");
    other.hides.push("zone \"desk\"".to_owned());
    other.frames.at_least = true;
    let (next, previous) = (made.tail.next, made.tail.previous.clone());
    let line = Line::signed(next, "2026-11-23T19:00:00.000Z".to_owned(), other, None, &previous, &made.key);
    made.lines.push(line);
    let told = proved(&made.bytes());
    assert_eq!((told.lines, told.torn.len(), told.torn_at_the_end), (6, 0, 0));
    assert_eq!((told.first.as_str(), told.last.as_str()), ("2026-11-23T18:00:00.000Z", "2026-11-23T19:00:00.000Z"));
    assert_eq!(told.hash, crate::record::sha256(made.lines.last().unwrap()));
    assert_eq!((told.starts, told.faults, told.ended, proved(&five().bytes()).ended), (1, 1, false, true));
    assert_eq!(told.key, key(7).public().to_string());
    let [before, after] = told.policies.as_slice() else { panic!("{:?}", told.policies) };
    assert_eq!(before.frames, Frames { out: 220, masked: 33 + 10 + 16 + 13, at_least: true });
    assert_eq!((before.hides.len(), after.hides.len(), after.frames), (2, 3, Frames::default()));
    assert_eq!((before.until.as_str(), after.from.as_str()), (told.last.as_str(), told.last.as_str()));
}

#[test]
fn without_a_key_it_is_the_one_of_the_first_line() {
    let bytes = five().bytes();
    assert_eq!(verify(&bytes[..], None).unwrap(), proved(&bytes));
    let error = verify(&bytes[..], Some(*key(8).public())).unwrap_err();
    assert!(matches!(&error, VerifyError::Broken { line: 1, why } if why.contains("another key")), "{error}");
}

#[test]
fn one_altered_byte_breaks_it_wherever_it_is() {
    let bytes = five().bytes();
    let line_of = |at: usize| 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
    for at in 0..bytes.len() {
        for altered in [bytes[at] ^ 1, 0, b'\n', b'}', b'"', b' '] {
            let mut other = bytes.clone();
            other[at] = altered;
            if other != bytes {
                let (line, why) = broken(&other);
                // A line feed in the middle makes two lines of one.
                let lines = line_of(at)..=line_of(at) + u64::from(altered == b'\n');
                assert!(lines.contains(&line), "byte {at} as {altered:#x} is told of line {line}: {why}");
            }
        }
    }
}

#[test]
fn lines_that_are_removed_exchanged_repeated_or_slipped_in_break_it() {
    let lines = five().lines;
    let with = |change: Change<'_>| {
        let mut lines = lines.clone();
        change(&mut lines);
        broken(&joined(&lines))
    };
    let cases: [(&str, Change<'_>, u64, &str); 8] = [
        ("the first removed", &|lines| drop(lines.remove(0)), 1, "number 1 of the record, and number 0 belongs here"),
        (
            "one in the middle removed",
            &|lines| drop(lines.remove(2)),
            3,
            "number 3 of the record, and number 2 belongs",
        ),
        ("two exchanged", &|lines| lines.swap(1, 3), 2, "number 3 of the record"),
        ("one repeated", &|lines| lines.insert(2, lines[1].clone()), 3, "number 1 of the record"),
        ("a text slipped in", &|lines| lines.insert(2, b"hello".to_vec()), 3, "no line of a record"),
        ("an empty line slipped in", &|lines| lines.insert(2, Vec::new()), 3, "no line of a record"),
        (
            "another object slipped in",
            &|lines| lines.insert(2, b"{\"version\":1,\"seq\":2,\"a\":1}".to_vec()),
            3,
            "no line",
        ),
        ("one of another record", &|lines| lines[2] = another().lines.remove(2), 3, "follows another line"),
    ];
    for (name, change, line, words) in cases {
        let (at, why) = with(change);
        assert!(at == line && why.contains(words), "{name}: line {at}: {why}");
    }
    let (at, why) = with(&|lines| lines[2] = Made::new(8).with(3).lines.remove(2));
    assert!(at == 3 && why.contains("another key"), "line {at}: {why}");
}

type Change<'a> = &'a dyn Fn(&mut Vec<Vec<u8>>);

/// A record of the same key with other frames.
fn another() -> Made {
    let mut made = Made::new(7);
    for out in [1, 2, 3, 4, 5] {
        made.put(Reason::Count, out);
    }
    made
}

impl Made {
    fn with(mut self, lines: u64) -> Self {
        (0..lines).for_each(|out| self.put(Reason::Count, out));
        self
    }
}

#[test]
fn what_is_torn_breaks_nothing_where_the_next_line_names_it_and_nowhere_else() {
    let mut made = five();
    let next = another().lines.remove(4);
    let begin = String::from_utf8(next).unwrap().replace("\"seq\":4", "\"seq\":5").into_bytes();
    made.tear(&begin[..300]);
    made.put(Reason::Start, 0);
    let told = proved(&made.bytes());
    assert_eq!((told.lines, told.torn.as_slice()), (6, &[7][..]));
    // Two power cuts in a row: the line feed was the beginning of the second attempt.
    let mut twice = five();
    twice.tear(&[&begin[..300], b"\n", &begin[..20]].concat());
    twice.put(Reason::Start, 0);
    assert_eq!(proved(&twice.bytes()).torn, [8]);

    // Taken away, altered, lengthened, repeated, moved, or by nobody named.
    let lines = &made.lines;
    let change = |change: Change<'_>| {
        let mut lines = lines.clone();
        change(&mut lines);
        broken(&joined(&lines))
    };
    assert!(change(&|lines| drop(lines.remove(5))).1.contains("names something torn"));
    assert_eq!(change(&|lines| lines[5][200] ^= 1).0, 6);
    assert_eq!(change(&|lines| lines[5].push(b' ')).0, 6);
    assert_eq!(change(&|lines| lines.insert(5, lines[5].clone())).0, 6);
    assert_eq!(change(&|lines| lines.swap(4, 5)).0, 5);
    assert_eq!(change(&|lines| lines.truncate(6)).0, 6, "it has a line feed, and nothing names it");
    // A line that was cut in two in the middle, or removed by being called torn.
    let mut cut = five().lines;
    cut[2].truncate(200);
    assert_eq!(broken(&joined(&cut)).0, 3);
}

#[test]
fn a_torn_end_is_told_and_breaks_nothing() {
    let bytes = five().bytes();
    let whole = joined(&five().lines[..4]).len();
    for length in whole + 1..bytes.len() - 1 {
        let told = proved(&bytes[..length]);
        assert_eq!((told.lines, told.torn_at_the_end), (4, (length - whole) as u64), "{length} bytes");
    }
    // Only the line feed is missing.
    let told = proved(&bytes[..bytes.len() - 1]);
    assert_eq!((told.lines, told.torn_at_the_end), (5, 0));
    assert_eq!(proved(&[&bytes[..], &[0; 4096]].concat()).torn_at_the_end, 4096);
    let (line, _) = broken(&[&bytes[..], b"Dear reader"].concat());
    assert_eq!(line, 6);
    // Of the very first line, too, but then there is nothing to prove.
    let (line, why) = broken(&bytes[..200]);
    assert!(line == 1 && why.contains("no whole line"), "{why}");
}

#[test]
fn what_is_no_record_is_told() {
    assert!(matches!(verify(&b""[..], None), Err(VerifyError::Empty)));
    for text in ["Dear reader\n", "\n", "{\"type\":\"policy\",\"time\":\"\"}\n", "\u{0}\n", "{", "PK\u{3}\u{4}"] {
        let error = verify(text.as_bytes(), None).unwrap_err();
        assert!(matches!(error, VerifyError::Broken { line: 1, .. }), "{text:?}: {error}");
    }
    // A line without an end costs no more memory than a line has.
    let huge = std::io::repeat(b'x').take(1 << 32);
    let told = verify(huge, None).unwrap_err().to_string();
    assert!(told.contains("line 1: it is longer than any line"), "{told}");
    let zeros = vec![[vec![0; 200_000], vec![b'\n']].concat(); 4].concat();
    let (line, why) = broken(&[five().bytes(), zeros].concat());
    assert!(line == 8 && why.contains("more is torn"), "line {line}: {why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However a record is cut and joined: what proves begins as the whole one does.
    #[test]
    fn what_proves_is_a_beginning_of_what_was_written(cuts in prop::collection::vec((0usize..6000, 0usize..6000), 1..4)) {
        let bytes = five().bytes();
        let pieces = cuts.iter().map(|&(from, to)| bytes.get(from.min(bytes.len())..to.min(bytes.len())).unwrap_or_default());
        let other = pieces.collect::<Vec<_>>().concat();
        if let Ok(told) = verify(&other[..], Some(*key(7).public())) {
            let lines = joined(&five().lines[..told.lines as usize]);
            prop_assert!(other.starts_with(&lines[..lines.len() - 1]), "{told:?}");
            prop_assert!(told.torn.is_empty());
        }
    }
}
