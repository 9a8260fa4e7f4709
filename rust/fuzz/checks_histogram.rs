//! What must hold for any bytes as a histogram or an interval log: the body of the fuzz target, and of the plain test that
//! replays its corpus.

use rttp_stats::encoding::{decode, encode, encode_plain};
use rttp_stats::histogram::Histogram;
use rttp_stats::interval_log;

/// The first byte says what the others are: base64 or the bytes of an encoding, or an interval log.
pub(crate) fn histogram(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        match decode(rest) {
            Ok(found) => accepted(&found),
            Err(error) => refused(&error.to_string()),
        }
    } else {
        match interval_log::read(rest) {
            Ok(entries) => entries.iter().for_each(|entry| {
                assert!(entry.length_s >= 0.0 && entry.length_s.is_finite() && entry.start_s.is_finite());
                accepted(&entry.histogram);
            }),
            Err(error) => refused(&error.to_string()),
        }
    }
}

fn accepted(found: &Histogram) {
    let (cells, samples) = (found.cells(), found.samples());
    assert!(cells.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(cells.iter().map(|&(_, count)| count).sum::<u64>(), samples);
    assert_eq!(decode(&encode_plain(found)).as_ref(), Ok(found), "decode(encode(x)) == x");
    assert_eq!(decode(encode(found).as_bytes()).as_ref(), Ok(found), "compressed, too");
    assert_eq!(found.max(), found.at_rank(samples).ok());
    assert_eq!(found.cells().first().map(|cell| cell.0), found.at_rank(1).ok());
    assert!(found.min() <= found.max() && found.at_rank(0).is_err() && found.at_rank(samples + 1).is_err());
    let nothing = found.minus(found).map(|rest| rest.samples());
    assert_eq!(nothing, Ok(0));
    match Histogram::sum([found, found]) {
        Ok(double) => {
            assert_eq!(double.minus(found).unwrap_or(double.clone()).cells(), cells);
            assert_eq!(double.max(), found.max());
        }
        Err(_) => assert!(samples > Histogram::MOST_SAMPLES / 2),
    }
    if let (Some(min), Some(max), Some(mean)) = (found.min(), found.max(), found.mean()) {
        assert!((min as f64 * 0.999..=max as f64 * 1.001).contains(&mean), "{min} {mean} {max}");
        let beyond = found.above(found.quantile(0.5).unwrap_or(0));
        assert!(beyond <= samples / 2);
        let below_max = found.binned(&[0, max]).map(|counts| counts[0]);
        assert!(max == 0 || below_max == Ok(samples - cells[cells.len() - 1].1));
    }
    for factor in [1e-3, 1e3] {
        assert!(found.scaled(factor).is_ok_and(|scaled| scaled.samples() == samples) || factor > 1.0);
    }
}

fn refused(text: &str) {
    assert!(!text.is_empty() && text.len() < 400, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?} is for a terminal");
}
