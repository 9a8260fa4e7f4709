#![no_main]

#[path = "../checks_histogram.rs"]
mod checks_histogram;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks_histogram::histogram(data));
