//! Fetch.
fn main() {}
