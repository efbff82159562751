use super::*;

/// A line's words, with some frames.
pub(in crate::record) fn entry(reason: Reason, what: &str, out: u64) -> Entry {
    Entry {
        reason,
        what: what.to_owned(),
        config: super::super::sha256(b"[camera]\n"),
        networks: [("yunet.onnx".to_owned(), Some(super::super::sha256(b"network"))), ("own.onnx".to_owned(), None)]
            .into(),
        runtime: None,
        hides: vec!["faces".to_owned(), "zone \"porch\"".to_owned()],
        walls: WallsTold { wanted: true, missing: vec!["no files (Landlock): none here".to_owned()] },
        frames: Frames { out, masked: out / 3, at_least: false },
    }
}

pub(in crate::record) fn key(seed: u8) -> Key {
    Key::of_seed(&[seed; 32])
}

fn line(seed: u8) -> Vec<u8> {
    let torn = Some(Torn::of(b"{\"ver"));
    Line::signed(
        3,
        "2026-11-23T18:00:00.123Z".to_owned(),
        entry(Reason::Restart, "it stands", 9),
        torn,
        NONE_BEFORE,
        &key(seed),
    )
}

/// What other programs are written against: names, their order, and that nothing but the signature stands behind `key`.
#[test]
fn a_line_keeps_the_names_and_the_order_of_the_contract() {
    let text = String::from_utf8(line(7)).unwrap();
    let (told, signature) = text.split_once(",\"signature\":\"").unwrap();
    let expected = concat!(
        r#"{"version":1,"seq":3,"time":"2026-11-23T18:00:00.123Z","reason":"restart","what":"it stands","#,
        r#""config":"68a7f2c3","#,
        r#""networks":{"own.onnx":null,"yunet.onnx":"NETWORK"},"runtime":null,"#,
        r#""hides":["faces","zone \"porch\""],"walls":{"wanted":true,"missing":["no files (Landlock): none here"]},"#,
        r#""frames":{"out":9,"masked":3,"at_least":false},"torn":{"bytes":5,"sha256":"TORN"},"#,
        r#""previous":"0000000000000000000000000000000000000000000000000000000000000000","key":"KEY""#,
    );
    let expected = expected
        .replace("68a7f2c3", &super::super::sha256(b"[camera]\n"))
        .replace("NETWORK", &super::super::sha256(b"network"))
        .replace("TORN", &super::super::sha256(b"{\"ver"))
        .replace("KEY", &key(7).public().to_string());
    assert_eq!(told, expected);
    assert_eq!(signature.len(), 128 + 2, "{signature}");
}

/// The first of the examples in RFC 8032, 7.1: whoever proves a record elsewhere takes any Ed25519.
#[test]
fn the_signature_is_that_of_the_standard() {
    let digits = b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = Key::of_seed(&from_hex(digits).unwrap());
    assert_eq!(key.public().to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(
        hex(&key.sign(b"")),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

#[test]
fn a_line_proves_by_its_own_key_only() {
    let bytes = line(7);
    let proved = Line::proved(&bytes, key(7).public()).unwrap();
    assert_eq!((proved.seq, &proved.entry), (3, &entry(Reason::Restart, "it stands", 9)));
    assert_eq!(Line::proved(&bytes, key(8).public()), Err(Flaw::OtherKey));
    assert_eq!(Line::claims(&bytes), Some(*key(7).public()));
    // Signed by one key, and said to be of the other.
    let text = String::from_utf8(bytes).unwrap();
    let claimed = text.replace(&key(7).public().to_string(), &key(8).public().to_string());
    assert_eq!(Line::proved(claimed.as_bytes(), key(8).public()), Err(Flaw::Signature));
}

#[test]
fn a_line_with_any_byte_altered_does_not_prove() {
    let bytes = line(7);
    for at in 0..bytes.len() {
        for altered in [bytes[at] ^ 1, bytes[at] ^ 0x20, 0, b'"', b'}'] {
            let mut other = bytes.clone();
            other[at] = altered;
            if other != bytes {
                assert!(Line::proved(&other, key(7).public()).is_err(), "byte {at} as {altered:#x}");
            }
        }
    }
}

#[test]
fn what_is_signed_and_of_a_later_program_is_not_taken_for_an_altered_line() {
    let mut later = line(7);
    let at = later.windows(11).position(|part| part == b"\"version\":1").unwrap() + 10;
    later[at] = b'2';
    let (signed, _) = parts(&later).unwrap();
    let signature = hex(&key(7).sign(signed));
    let resigned = [signed, BEFORE_SIGNATURE, signature.as_bytes(), AFTER_SIGNATURE].concat();
    assert_eq!(Line::proved(&resigned, key(7).public()), Err(Flaw::Version));
}

#[test]
fn only_a_beginning_or_zeros_can_be_torn() {
    let bytes = line(7);
    assert!((1..bytes.len()).all(|length| can_be_torn(&bytes[..length], 3)));
    let zeros = [&bytes[..99], &[0; 200]].concat();
    assert!(can_be_torn(&zeros, 3) && can_be_torn(&[0; 4096], 3));
    let joined = [&bytes[..], b"x", &bytes].concat();
    for (what, no) in [
        ("all of it", &bytes[..]),
        ("nothing", b""),
        ("two lines without the line feed between them", &joined),
        ("a text", b"Dear reader"),
        ("something else of JSON", b"{\"type\":\"motion\",\"pha"),
        ("another object", b"{\"version\":1,\"seq\":3,\"a\":2}"),
    ] {
        assert!(!can_be_torn(no, 3), "{what}");
    }
    assert!(!can_be_torn(&bytes[..99], 4), "of another number");
}
