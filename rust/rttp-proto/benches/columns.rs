//! Headers per second into columns, on one core, for a batch that fits the second-level cache.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rttp_proto::columns::{Columns, Spans};
use rttp_proto::dialects::RTTP1;
use rttp_proto::dialects::rttp1::{HEADER, Kind};
use rttp_proto::pulse::{Header, Pulse};
use rttp_proto::seq::SeqId;

fn batch(rows: u32) -> Vec<u8> {
    let mut buffer = Vec::new();
    for i in 0..rows {
        let mut header = [0; HEADER];
        Header::new(Kind::Data, SeqId(i), u64::from(i)).emit(&mut header);
        buffer.extend_from_slice(&header);
    }
    buffer
}

fn columns(c: &mut Criterion) {
    let mut group = c.benchmark_group("headers");
    for rows in [4096u32, 65_536] {
        let buffer = batch(rows);
        group.throughput(Throughput::Elements(u64::from(rows)));
        group.bench_function(format!("columns-{rows}"), |b| {
            let mut columns = Columns::new(&RTTP1);
            b.iter(|| columns.parse(black_box(&buffer), Spans::Stride(HEADER)));
        });
        group.bench_function(format!("views-{rows}"), |b| {
            b.iter(|| buffer.as_chunks::<HEADER>().0.iter().filter(|h| Pulse::parse(black_box(*h)).is_ok()).count());
        });
    }
    group.finish();
}

criterion_group!(benches, columns);
criterion_main!(benches);
