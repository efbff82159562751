use frostglass_vault::{Blank, RawFrame, Stamp};

fn expose(blank: Blank, stamp: Stamp) -> RawFrame {
    blank.expose(stamp)
}

fn main() {}
