use frostglass_vault::{Picture, RawFrame};

fn keep(frame: &mut RawFrame) -> Picture<'static> {
    let look = frame.lend();
    look.picture()
}

fn main() {}
