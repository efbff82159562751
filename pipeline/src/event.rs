//! Events: the JSON that other programs are written against.
//!
//! **Invariant.** Names and order of the fields are the contract: a field may be added at the end, none is renamed,
//! moved or dropped. Nothing here names or describes a person beyond "a person was there".
//!
//! What raises an event is the business of the stage that saw it; writing the lines is a sink's.

use serde::{Deserialize, Serialize};

/// What can be told about what the camera saw and how it does, as one JSON object a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Something moved.
    Motion(Motion),
    /// How the camera does, about once a second.
    Health(Health),
    /// Something is wrong, and more is masked because of it.
    Fault(Fault),
    /// What is hidden from now on.
    Policy(Policy),
}

/// The start, an update or the end of motion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Where in its life the event is.
    pub phase: Phase,
    /// A ULID: lives as long as the event and names nobody.
    pub id: String,
    /// Wall time, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// Sequence number of the frame.
    pub frame: u64,
    /// Names of the zones it is in.
    pub zones: Vec<String>,
    /// What it is.
    pub what: What,
    /// How sure, in `0..=1`.
    pub score: f32,
    /// Left, top, right, bottom in the unit square.
    pub area: [f32; 4],
}

/// Where in its life an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Start,
    /// It goes on.
    Update,
    /// It is over.
    End,
}

/// What moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Something.
    Motion,
    /// A person, so the person network says.
    Person,
}

/// Counters and latency since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Wall time, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// Frames that the source gave.
    pub frames_in: u64,
    /// Frames that were inspected in time.
    pub inspected: u64,
    /// Frames that left wholly masked.
    pub masked: u64,
    /// Frames that left, masked or not.
    pub out: u64,
    /// From capture until it is handed to the ways out, since the start; masked frames that fill a gap do not count.
    pub latency_ms: Latency,
    /// Frames for which the networks had no time.
    #[serde(default)]
    pub skipped: u64,
    /// Frames for which a network failed or answered nonsense.
    #[serde(default)]
    pub failed: u64,
    /// Frames that came broken, or for which no memory was free.
    #[serde(default)]
    pub lost: u64,
    /// Frames that left and were replaced by newer ones before the front, or a way out, took them; each way out counts for
    /// itself.
    #[serde(default)]
    pub replaced: u64,
    /// Times that the process which sees the sensor was started again.
    #[serde(default)]
    pub restarts: u64,
    /// Of the camera: buffers that its driver flagged or left empty.
    #[serde(default)]
    pub dropped: u64,
    /// Of the camera: frames that its driver counted and did not give.
    #[serde(default)]
    pub gaps: u64,
    /// Of the processor, in degrees Celsius, when the kernel has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f32>,
    /// How closely faces are looked for now, when that may fall under load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Walls that the processes stand without.
    #[serde(default)]
    pub walls_missing: Vec<String>,
    /// Points of masks that were looked at again in the pixels that left, and showed what they had to.
    #[serde(default)]
    pub proved: u64,
    /// Frames in which one did not: they left wholly masked.
    #[serde(default)]
    pub refuted: u64,
}

/// Percentiles of a latency, in milliseconds; 0 when no frame left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the frames were faster.
    pub p50: f32,
    /// 95 of 100 frames were faster.
    pub p95: f32,
    /// 99 of 100 frames were faster.
    #[serde(default)]
    pub p99: f32,
}

/// Something is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Wall time of this message, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// What was tried, on what, what the system said; never a pixel.
    pub what: String,
    /// Wall time at which it began.
    pub since: String,
    /// What is masked because of it.
    pub masked: Masked,
}

/// What a fault costs the viewer. There is no value for "less than before".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Masked {
    /// No more than without the fault.
    Nothing,
    /// Parts of the picture that would be clear without it.
    Parts,
    /// The whole picture.
    Everything,
}

/// What is hidden from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Wall time, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// What is hidden, one thing an entry, in the words of the configuration: `faces`, `zone "porch"`.
    pub hides: Vec<String>,
}

/// Bytes of the longest text in an event: the name of a zone, what is wrong.
const LONGEST_TEXT: usize = 2000;
/// Bytes of the longest name of a zone: it has to fit into such a text, with words around it.
pub(crate) const LONGEST_NAME: usize = 200;
/// More names than this are in no list.
const MOST_NAMES: usize = 1000;
/// More zones than this have not got their names into one list, beside faces and persons.
pub(crate) const MOST_ZONES: usize = MOST_NAMES - 10;

impl Event {
    /// Whether each number and text is one that such an event can have. What comes from another process is asked this.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let moment = |time: &String| time.len() <= 40 && time.parse::<jiff::Timestamp>().is_ok();
        let text = |text: &String| text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        let list = |list: &[String]| list.len() <= MOST_NAMES && list.iter().all(text);
        let unit = |number: f32| (0.0..=1.0).contains(&number);
        match self {
            Self::Motion(Motion { phase: _, id, time, frame: _, zones, what: _, score, area }) => {
                let id = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
                id && moment(time) && list(zones) && unit(*score) && area.iter().all(|&side| unit(side))
            }
            Self::Health(health) => {
                let Latency { p50, p95, p99 } = health.latency_ms;
                let known = health.temperature_c.is_none_or(|degrees| (-100.0..=300.0).contains(&degrees));
                let words = list(&health.walls_missing) && health.detail.iter().all(text);
                known
                    && words
                    && moment(&health.time)
                    && [p50, p95, p99].iter().all(|time| time.is_finite() && *time >= 0.0)
            }
            Self::Fault(Fault { time, what, since, masked: _ }) => moment(time) && moment(since) && text(what),
            Self::Policy(Policy { time, hides }) => moment(time) && list(hides),
        }
    }
}

/// Words as an event can have them: on one line, without control characters, and no longer than [`Event::is_plausible`] takes.
#[must_use]
pub(crate) fn plain(words: &str) -> String {
    let mut plain: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if plain.len() > LONGEST_TEXT {
        const MORE: &str = " …";
        plain.truncate(plain.floor_char_boundary(LONGEST_TEXT - MORE.len()));
        plain += MORE;
    }
    plain
}

/// A moment as events write it: RFC 3339 in UTC with milliseconds, such as `2026-11-23T18:00:00.123Z`.
#[must_use]
pub fn written(moment: jiff::Timestamp) -> String {
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(event: &Event) -> String {
        serde_json::to_string(event).unwrap()
    }

    #[test]
    fn a_motion_event_keeps_the_names_and_the_order_of_the_contract() {
        let event = Event::Motion(Motion {
            phase: Phase::Start,
            id: "01JDCN7WG0QJ3Y4V5B6C7D8E9F".to_owned(),
            time: written("2026-11-23T19:00:00.123987+01:00".parse().unwrap()),
            frame: 4711,
            zones: vec!["porch".to_owned()],
            what: What::Person,
            score: 0.83,
            area: [0.10, 0.22, 0.31, 0.88],
        });
        assert_eq!(
            json(&event),
            r#"{"type":"motion","phase":"start","id":"01JDCN7WG0QJ3Y4V5B6C7D8E9F","time":"2026-11-23T18:00:00.123Z","#
                .to_owned()
                + r#""frame":4711,"zones":["porch"],"what":"person","score":0.83,"area":[0.1,0.22,0.31,0.88]}"#
        );
    }

    #[test]
    fn words_of_any_origin_become_such_as_an_event_can_have() {
        for words in ["", "as it is", "two\nlines\u{1b}[2m", &"ä".repeat(5000), &"x".repeat(LONGEST_TEXT)] {
            let time = || written(jiff::Timestamp::UNIX_EPOCH);
            let fault = Fault { time: time(), what: plain(words), since: time(), masked: Masked::Nothing };
            assert!(Event::Fault(fault).is_plausible(), "{words:.20}");
        }
        assert_eq!(plain("as it is"), "as it is");
        assert!(plain(&"ä".repeat(5000)).ends_with("ä …"));
    }

    #[test]
    fn the_other_types_keep_theirs() {
        let time = || written(jiff::Timestamp::UNIX_EPOCH);
        let latency_ms = Latency { p50: 41.5, p95: 80.0, p99: 95.5 };
        let cases = [
            (
                Event::Health(Health {
                    time: time(),
                    frames_in: 9,
                    inspected: 7,
                    masked: 1,
                    out: 8,
                    latency_ms,
                    ..Health::default()
                }),
                r#"{"type":"health","time":"1970-01-01T00:00:00.000Z","frames_in":9,"inspected":7,"masked":1,"out":8,"latency_ms":{"p50":41.5,"p95":80.0,"p99":95.5},"skipped":0,"failed":0,"lost":0,"replaced":0,"restarts":0,"dropped":0,"gaps":0,"walls_missing":[],"proved":0,"refuted":0}"#,
            ),
            (
                Event::Fault(Fault {
                    time: time(),
                    what: "no answer".to_owned(),
                    since: time(),
                    masked: Masked::Everything,
                }),
                r#"{"type":"fault","time":"1970-01-01T00:00:00.000Z","what":"no answer","since":"1970-01-01T00:00:00.000Z","masked":"everything"}"#,
            ),
            (
                Event::Policy(Policy { time: time(), hides: vec!["faces".to_owned()] }),
                r#"{"type":"policy","time":"1970-01-01T00:00:00.000Z","hides":["faces"]}"#,
            ),
        ];
        for (event, line) in cases {
            assert_eq!(json(&event), line);
        }
    }
}
