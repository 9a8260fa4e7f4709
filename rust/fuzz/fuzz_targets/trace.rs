#![no_main]

#[path = "../checks_trace.rs"]
mod checks_trace;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks_trace::trace(data));
