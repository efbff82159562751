use frostglass_vault::RawFrame;

fn twice(frame: &RawFrame) -> RawFrame {
    frame.clone()
}

fn main() {}
