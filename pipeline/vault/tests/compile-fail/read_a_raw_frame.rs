use frostglass_vault::RawFrame;

fn peek(frame: &RawFrame) -> u8 {
    frame.picture().row(0, 0)[0]
}

fn main() {}
