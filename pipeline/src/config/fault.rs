//! What is wrong with a config, and where: a code frame as compilers show it.

use std::ops::Range;
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

/// A config that was not proved: everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.in_a_line())]
pub struct ConfigError {
    origin: String,
    text: String,
    faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What was expected, or what to do.
    pub(super) help: String,
}

impl ConfigError {
    pub(super) fn new(origin: &str, text: &str, mut faults: Vec<Fault>) -> Self {
        // They were found by section; the owner reads from top to bottom.
        faults.sort_by_key(|fault| fault.span.start);
        Self { origin: origin.to_owned(), text: text.to_owned(), faults }
    }

    /// A file that could not be read at all.
    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let fault = Fault { span: 0..0, what: format!("it could not be read: {error}"), help: String::new() };
        Self { origin: path.display().to_string(), text: String::new(), faults: vec![fault] }
    }

    /// Each fault with its place in the file: file, line, column, the line itself, and what was expected.
    #[must_use]
    pub fn rendered(&self) -> String {
        if self.text.is_empty() {
            return self.in_a_line();
        }
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
        let mut rendered = String::from("the config is not valid, so nothing was changed or started\n");
        for fault in &self.faults {
            let label = LabeledSpan::at(fault.span.clone(), "here");
            let mut diagnostic = MietteDiagnostic::new(fault.what.clone()).with_label(label);
            if !fault.help.is_empty() {
                diagnostic = diagnostic.with_help(fault.help.clone());
            }
            let report = Report::new(diagnostic).with_source_code(NamedSource::new(&self.origin, self.text.clone()));
            // Writing into a string does not fail.
            let _ = handler.render_report(&mut rendered, report.as_ref());
        }
        rendered
    }

    fn in_a_line(&self) -> String {
        let lines: Vec<_> = self.faults.iter().map(|fault| format!("{}: {}", self.place(fault), fault.what)).collect();
        lines.join("; ")
    }

    /// `file:line:column`, both counted from 1.
    fn place(&self, fault: &Fault) -> String {
        if self.text.is_empty() {
            return self.origin.clone();
        }
        let before = self.text.get(..fault.span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.origin)
    }
}

/// More text than one process can hand to another.
pub(super) fn too_long(text: &str) -> Fault {
    let what = format!("the config is too long: {} bytes", text.len());
    Fault { span: 0..0, what, help: "about 100,000 are enough for a thousand zones: draw them simpler".to_owned() }
}

/// What the TOML reader found, in our words.
pub(super) fn of_toml(error: &toml::de::Error) -> Fault {
    let message = error.message().trim().to_owned();
    let (what, help) = match unknown(&message) {
        None => (in_plain_words(message), String::new()),
        Some(Unknown { kind, name, known }) => {
            let list = known.join(", ");
            let help = match nearest(name, &known) {
                Some(close) => format!("did you mean `{close}`? Known here: {list}"),
                None => format!("known here: {list}"),
            };
            (format!("unknown {kind} `{name}`"), help)
        }
    };
    Fault { span: error.span().unwrap_or(0..0), what, help }
}

/// Serde names types as Rust does; an owner has no `i64`.
fn in_plain_words(message: String) -> String {
    let plain = [("i64", "a whole number"), ("f64", "a number"), ("a sequence", "a list")];
    for (theirs, ours) in plain {
        // Only at the end, behind what may be quoted from the file.
        if let Some(start) = message.strip_suffix(theirs).filter(|start| start.ends_with(", expected ")) {
            return format!("{start}{ours}");
        }
    }
    message
}

/// A name that nothing here is called by.
struct Unknown<'a> {
    kind: &'static str,
    name: &'a str,
    known: Vec<&'a str>,
}

/// Takes apart serde's ``unknown field `a`, expected one of `b`, `c` ``, and the same of a variant.
fn unknown(message: &str) -> Option<Unknown<'_>> {
    let (kind, rest) = match message.strip_prefix("unknown field `") {
        Some(rest) => ("key", rest),
        None => ("value", message.strip_prefix("unknown variant `")?),
    };
    // From the right: the name comes from the file and may hold anything, the known ones are ours.
    let (name, known) = rest.rsplit_once("`, expected ")?;
    Some(Unknown { kind, name, known: known.split('`').skip(1).step_by(2).collect() })
}

/// The known name that is at most two fifths of its letters away: two swapped letters of five are.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, close) = known.iter().map(|known| (distance(name, known), *known)).min()?;
    (distance * 5 <= close.len().max(3) * 2).then_some(close)
}

/// Levenshtein's distance of two short names.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in two.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        assert_eq!(nearest("sauce", &["width", "source", "fps"]), Some("source"));
        assert_eq!(nearest("widht", &["width", "source", "fps"]), Some("width"));
        assert_eq!(nearest("colour", &["width", "source", "fps"]), None);
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("abc", "acb")), (3, 0, 2));
    }
}
