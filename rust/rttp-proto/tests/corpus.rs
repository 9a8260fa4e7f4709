//! Replays the kept fuzz corpus on stable, without a fuzzer, through the same checks.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

#[path = "../../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| check(&fs::read(&file).unwrap())).count()
}

#[test]
fn the_kept_datagrams_hold() {
    assert!((20..60).contains(&replay("datagram", checks::datagram)));
}

#[test]
fn the_kept_addresses_hold() {
    assert!((10..60).contains(&replay("uri", checks::uri)));
}
