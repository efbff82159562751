use frostglass_vault::{RawFrame, RedactedFrame};

fn pretend(raw: RawFrame) -> RedactedFrame {
    let (format, stamp) = (raw.format(), raw.stamp());
    RedactedFrame::painted(raw.into_handle(), format, stamp)
}

fn main() {}
