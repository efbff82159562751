use frostglass_vault::{Format, RawFrame, RedactedFrame, Size};

fn forge(raw: RawFrame) -> RedactedFrame {
    let stamp = raw.stamp();
    RedactedFrame { content: raw, format: Format::still(Size::new(1, 1)), stamp }
}

fn main() {}
