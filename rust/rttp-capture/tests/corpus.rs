//! Replays the kept fuzz corpora on stable, without a fuzzer, through the same checks.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

#[path = "../../fuzz/checks_capture.rs"]
mod checks;

use std::fs;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| check(&fs::read(&file).unwrap())).count()
}

#[test]
fn the_kept_captures_hold() {
    assert!((20..60).contains(&replay("capture", checks::capture)));
}

#[test]
fn the_kept_packets_hold() {
    assert!((20..60).contains(&replay("packet", checks::packet)));
}
