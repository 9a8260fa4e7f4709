#![no_main]

#[allow(dead_code, reason = "the other target uses the other check")]
#[path = "../checks_capture.rs"]
mod checks_capture;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks_capture::capture(data));
