use frostglass_vault::{Inspected, RedactedFrame, Redactor};

fn twice(redactor: &mut Redactor, inspected: Inspected) -> [RedactedFrame; 2] {
    [redactor.redact(inspected), redactor.redact(inspected)]
}

fn main() {}
