//! Laws of histograms: what the reference library says of the same bytes, and what sums keep.
#![allow(clippy::unwrap_used, reason = "a test")]

use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use proptest::prelude::*;
use rttp_stats::encoding::{decode, decode_all, encode, encode_plain};
use rttp_stats::error::Misfit;
use rttp_stats::histogram::Histogram;
use rttp_stats::quantile::ranks;

type Library = hdrhistogram::Histogram<u64>;

/// Values of all magnitudes with counts.
fn values(most_bits: u32) -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = (any::<u64>(), 64 - most_bits..64).prop_map(|(value, shift)| value >> shift);
    prop::collection::vec((value, 1..1_000_u64), 0..40)
}

/// As another tool would have recorded them, in a geometry of its own.
fn libraries() -> impl Strategy<Value = Library> {
    let geometry = (0..=5_u8, 0..12_u32).prop_flat_map(|(digits, low_bits)| {
        // A dense array of five digits over hours is 27 MB, which a debug build counts for seconds.
        let bits = if digits > 3 { 22 } else { 41 };
        (Just(digits), Just(low_bits), Just(bits), values(bits))
    });
    geometry.prop_map(|(digits, low_bits, bits, values)| {
        let mut library = Library::new_with_bounds(1 << low_bits, 1 << bits, digits).unwrap();
        values.iter().for_each(|&(value, count)| library.record_n(value, count).unwrap());
        library
    })
}

fn ours(library: &Library) -> Histogram {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(library, &mut bytes).unwrap();
    decode(&bytes).unwrap()
}

fn histograms() -> impl Strategy<Value = Histogram> {
    libraries().prop_map(|library| ours(&library))
}

fn close(a: Option<f64>, b: f64) -> bool {
    a.is_none_or(|a| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_library_says_the_same_of_the_same_bytes(library in libraries(), rank in any::<prop::sample::Index>()) {
        let mut compressed = Vec::new();
        V2DeflateSerializer::new().serialize(&library, &mut compressed).unwrap();
        let found = decode(&compressed).unwrap();
        prop_assert_eq!(found.samples(), library.len());
        prop_assert!(close(found.mean(), library.mean()) && close(found.stdev(), library.stdev()));
        prop_assert_eq!(found.min().unwrap_or(0), library.min());
        let cells: Vec<_> = library.iter_recorded().map(|c| (c.value_iterated_to(), c.count_at_value())).collect();
        prop_assert_eq!(found.cells(), cells);
        if found.samples() > 0 {
            prop_assert_eq!(found.max(), Some(library.max()));
            let rank = rank.index(found.samples() as usize) as u64 + 1;
            let value = found.at_rank(rank).unwrap();
            prop_assert!(library.count_between(0, value) >= rank);
            prop_assert_eq!(found.above(value), found.samples() - library.count_between(0, value));
        }
    }

    #[test]
    fn what_we_write_the_library_writes_bit_for_bit(library in libraries()) {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&library, &mut bytes).unwrap();
        let found = decode(&bytes).unwrap();
        prop_assert_eq!(encode_plain(&found), bytes);
        let again = base64_of(&encode(&found));
        let again: Library = Deserializer::new().deserialize(&mut again.as_slice()).unwrap();
        prop_assert_eq!(again, library);
    }

    #[test]
    fn decoding_undoes_encoding(values in values(64), digits in 0..=5_u8) {
        let found = Histogram::of(values, digits).unwrap();
        prop_assert_eq!(decode(&encode_plain(&found)).unwrap(), found.clone());
        prop_assert_eq!(decode(encode(&found).as_bytes()).unwrap(), found.clone());
        prop_assert_eq!(decode(format!("\n {}\t", encode(&found).trim_end_matches('=')).as_bytes()).unwrap(), found);
    }

    #[test]
    fn ranks_are_those_of_the_sorted_sample(values in values(64)) {
        let found = Histogram::of(values.iter().copied(), 3).unwrap();
        let mut sorted = values;
        sorted.sort_unstable();
        let mut rank = 0;
        for (value, count) in sorted {
            for rank in [rank + 1, rank + count] {
                let shown = found.at_rank(rank).unwrap();
                prop_assert!(shown >= value && (shown - value) as f64 <= value as f64 / 1_000.0, "{} for {}", shown, value);
            }
            rank += count;
        }
        prop_assert!(found.at_rank(rank + 1).is_err());
    }

    #[test]
    fn a_sum_does_not_depend_on_order_or_grouping(a in histograms(), b in histograms(), c in histograms()) {
        let sum = |parts: &[&Histogram]| Histogram::sum(parts.iter().copied()).unwrap();
        let all = sum(&[&a, &b, &c]);
        prop_assert_eq!(&all, &sum(&[&c, &a, &b]));
        prop_assert_eq!(&all, &sum(&[&sum(&[&a, &b]), &c]));
        prop_assert_eq!(&all, &sum(&[&a, &sum(&[&b, &c])]));
        prop_assert_eq!(all.samples(), a.samples() + b.samples() + c.samples());
        prop_assert_eq!(all.digits(), a.digits().max(b.digits()).max(c.digits()));
        prop_assert_eq!(all.max(), a.max().max(b.max()).max(c.max()));
        let alone = sum(&[&a]);
        prop_assert_eq!(alone.cells(), a.cells());
    }

    #[test]
    fn a_sum_of_one_resolution_is_the_librarys(first in libraries(), other in values(22)) {
        let mut second = Library::new_from(&first);
        other.iter().for_each(|&(value, count)| second.record_n(value, count).unwrap());
        let sum = Histogram::sum([&ours(&first), &ours(&second)]).unwrap();
        prop_assert_eq!(sum, ours(&(first + second)));
    }

    #[test]
    fn a_sum_without_a_part_is_the_rest(a in histograms(), b in histograms()) {
        let rest = Histogram::sum([&a, &b]).unwrap().minus(&b).unwrap();
        let as_fine = Histogram::sum([&a, &b.minus(&b).unwrap()]).unwrap();
        prop_assert_eq!(rest.cells(), as_fine.cells());
        let more = a.minus(&Histogram::sum([&a, &b]).unwrap());
        prop_assert_eq!(more.is_err(), b.samples() > 0);
    }

    #[test]
    fn inflated_intervals_are_wider(n in 1..2_000_000_u64, q in 0.001..0.999_99_f64, inflation in 1.0..200.0_f64) {
        let plain = ranks(n, q, 0.95, 1.0).unwrap();
        let wide = ranks(n, q, 0.95, inflation).unwrap();
        prop_assert_eq!(wide.at, plain.at);
        prop_assert!(wide.lower <= wide.at && wide.upper.is_none_or(|upper| upper >= wide.at && upper <= n));
        // An independent sample is as long as `inflation` ranks; binomial quantiles jump by one of them.
        let step = (2.0 * inflation).ceil() as u64;
        prop_assert!(wide.lower <= plain.lower + step, "{:?} {:?}", plain, wide);
        prop_assert!(wide.upper.is_none_or(|upper| plain.upper.is_some_and(|u| upper + step >= u)), "{:?} {:?}", plain, wide);
    }

    #[test]
    fn bins_hold_every_sample_between_their_edges(found in histograms(), edges in prop::collection::btree_set(0..1_u64 << 42, 0..8)) {
        let edges: Vec<_> = edges.into_iter().collect();
        let counts = found.binned(&edges).unwrap();
        prop_assert_eq!(counts.len(), edges.len().saturating_sub(1));
        for (edge, count) in edges.windows(2).zip(counts) {
            let inside = found.cells().iter().filter(|cell| edge[0] <= cell.0 && cell.0 < edge[1]);
            prop_assert_eq!(inside.map(|cell| cell.1).sum::<u64>(), count);
        }
    }

    #[test]
    fn a_scaled_histogram_has_scaled_values(values in values(40), factor in 0.01..1_000.0_f64) {
        let found = Histogram::of(values, 3).unwrap();
        let scaled = found.scaled(factor).unwrap();
        prop_assert_eq!(scaled.samples(), found.samples());
        prop_assert_eq!(&decode(encode(&scaled).as_bytes()).unwrap(), &scaled);
        prop_assert_eq!(found.scaled(1.0).unwrap(), found.clone());
        for rank in [1, found.samples().div_ceil(2), found.samples()] {
            let (Ok(a), Ok(b)) = (found.at_rank(rank), scaled.at_rank(rank)) else { continue };
            prop_assert!((b as f64 - a as f64 * factor).abs() <= a as f64 * factor / 1_000.0 + 1.0, "{} {}", a, b);
        }
    }
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn many_threads_decode_in_order_and_name_the_first_bad_text() {
    let made: Vec<_> = (1..300_u64).map(|value| Histogram::of([(value, value)], 3).unwrap()).collect();
    let mut texts: Vec<_> = made.iter().map(encode).collect();
    for threads in [0, 1, 2, 7, 1_000] {
        assert_eq!(decode_all(&texts, threads).unwrap(), made);
    }
    texts[200].clear();
    texts[100] = "HIST".into();
    let (i, error) = decode_all(&texts, 3).unwrap_err();
    assert_eq!((i, error.at), (100, 3), "{error}");
    assert_eq!(decode_all(&[""; 0], 2), Ok(vec![]));
}

#[test]
fn a_sum_of_nothing_is_empty_and_too_much_is_refused() {
    let empty = Histogram::sum([]).unwrap();
    assert_eq!((empty.samples(), empty.min(), empty.max(), empty.mean(), empty.stdev()), (0, None, None, None, None));
    assert!(empty.at_rank(1).is_err() && empty.quantile(0.5).is_err());
    let full = Histogram::of([(1, Histogram::MOST_SAMPLES)], 3).unwrap();
    assert_eq!(Histogram::sum([&full, &full]), Err(Misfit::Samples));
    assert_eq!(Histogram::of([(1, u64::MAX), (1, 1)], 3), Err(Misfit::Samples));
    assert_eq!(Histogram::of([(1, 1)], 6), Err(Misfit::Digits(6)));
}

#[test]
fn senseless_factors_edges_and_quantiles_are_refused() {
    let found = Histogram::of([(1_000, 3)], 3).unwrap();
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e17] {
        assert!(found.scaled(factor).is_err(), "{factor}");
    }
    for q in [-0.1, 1.1, f64::NAN] {
        assert!(found.quantile(q).is_err(), "{q}");
    }
    assert_eq!(found.quantile(0.0), found.quantile(1.0));
    assert_eq!(found.binned(&[3, 3]), Err(Misfit::Edges));
}
