use frostglass_vault::RawFrame;

fn paint(frame: &mut RawFrame) {
    frame.planes_mut();
}

fn main() {}
