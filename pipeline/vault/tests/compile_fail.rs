//! What must not be possible does not compile.

#[test]
fn a_raw_pixel_has_no_way_out_that_compiles() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
