use frostglass_vault::{RawFrame, RedactedFrame, Redactor};

fn hurry(redactor: &mut Redactor, raw: RawFrame) -> RedactedFrame {
    redactor.redact(raw)
}

fn main() {}
