//! Events: the JSON that other programs are written against.

use serde::Serialize;

/// What can be told about what the camera saw, as one JSON object a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Something moved.
    Motion(Motion),
}

/// The start, an update or the end of motion.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Something.
    Motion,
    /// A person, so the person network says.
    Person,
}
