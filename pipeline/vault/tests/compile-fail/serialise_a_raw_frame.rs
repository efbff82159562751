use frostglass_vault::RawFrame;

fn send(_: impl serde::Serialize) {}

fn leave(frame: RawFrame) {
    send(frame);
}

fn main() {}
