use frostglass_vault::RawFrame;

fn show(frame: &RawFrame) -> String {
    format!("{frame}")
}

fn main() {}
