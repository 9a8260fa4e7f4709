//! Replays the kept fuzz corpus on stable, without a fuzzer, and any other bytes, through the same checks.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

#[path = "../../fuzz/checks_histogram.rs"]
mod checks_histogram;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rttp_stats::encoding::{decode, encode_plain};
use rttp_stats::histogram::Histogram;

#[test]
fn the_kept_histograms_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/histogram");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = files.map(|file| checks_histogram::histogram(&fs::read(&file).unwrap())).count();
    assert!((20..80).contains(&count));
}

proptest! {
    #[test]
    fn any_bytes_are_a_histogram_or_refused(data in prop::collection::vec(any::<u8>(), 0..200)) {
        checks_histogram::histogram(&data);
    }

    #[test]
    fn a_damaged_histogram_is_another_one_or_refused(
        values in prop::collection::vec((any::<u64>(), 1..1_000_000_u64), 0..20),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut data = vec![0];
        data.extend(encode_plain(&Histogram::of(values, 3).unwrap()));
        let whole = data.len();
        data[at.index(whole)] = byte;
        checks_histogram::histogram(&data);
        data.truncate(cut.index(whole));
        checks_histogram::histogram(&data);
    }
}

#[test]
fn every_truncation_is_refused_where_it_ends() {
    let whole = encode_plain(&Histogram::of([(1, 5), (70_000, 3), (3_000_000_000, 1_000_000)], 3).unwrap());
    for length in 0..whole.len() {
        let error = decode(&whole[..length]).unwrap_err();
        assert_eq!((error.at, error.found.as_ref()), (length, "the end"), "{error}");
    }
}
