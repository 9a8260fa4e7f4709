//! The flight recorder: the slowest pulses of a run with their whole timeline, and the first that were lost.

use rttp_proto::dialects::rttp1::HEADER;

use crate::clock::Nanos;
use crate::flight::Launch;

/// A pulse worth looking at. Times are of the run's clock where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// What was known of it when it was sent.
    pub launch: Launch,
    /// Its sequence number.
    pub seq_id: u32,
    /// Unix time at which it left, ns, by our clock.
    pub sent_unix: u64,
    /// When its answer was read; 0 if there was none.
    pub landed: Nanos,
    /// The same as Unix time.
    pub landed_unix: u64,
    /// Unix time of the kernel's stamp on the answer.
    pub kernel_unix: Option<u64>,
    /// The pulse's header as it was sent.
    pub pulse: [u8; HEADER],
    /// The answer's header; its `timestamp_ns` is the target's clock.
    pub answer: [u8; HEADER],
}

impl Record {
    fn latency(&self) -> Nanos {
        self.landed - self.launch.due
    }
}

/// Keeps the slowest, in fixed memory.
pub struct Recorder {
    /// Slowest first.
    slowest: Vec<Record>,
    lost: Vec<Record>,
    most: usize,
    /// Latency that a pulse must exceed to be kept.
    threshold: Nanos,
}

impl Recorder {
    /// Room for so many of each.
    #[must_use]
    pub fn new(most: usize) -> Recorder {
        let threshold = if most == 0 { Nanos::MAX } else { 0 };
        Recorder { slowest: Vec::with_capacity(most + 1), lost: Vec::with_capacity(most), most, threshold }
    }

    /// Whether an answer after so long would be kept.
    #[inline]
    #[must_use]
    pub fn wants(&self, latency: Nanos) -> bool {
        latency > self.threshold
    }

    /// Keeps an answered pulse if it is among the slowest.
    #[cold]
    pub fn keep(&mut self, record: Record) {
        let latency = record.latency();
        let place = self.slowest.partition_point(|r| r.latency() >= latency);
        self.slowest.insert(place, record);
        self.slowest.truncate(self.most);
        if self.slowest.len() == self.most {
            self.threshold = self.slowest.last().map_or(Nanos::MAX, Record::latency);
        }
    }

    /// Keeps a lost pulse if it is among the first.
    pub fn lost(&mut self, record: Record) {
        if self.lost.len() < self.most {
            self.lost.push(record);
        }
    }

    /// Whether another lost pulse finds a place.
    #[must_use]
    pub fn wants_lost(&self) -> bool {
        self.lost.len() < self.most
    }

    /// Takes over what another kept.
    pub fn merge(&mut self, other: Recorder) {
        for record in other.slowest {
            if self.wants(record.latency()) {
                self.keep(record);
            }
        }
        let room = self.most.saturating_sub(self.lost.len());
        self.lost.extend(other.lost.into_iter().take(room));
    }

    /// Slowest first, and the first lost.
    #[must_use]
    pub fn records(&self) -> (&[Record], &[Record]) {
        (&self.slowest, &self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rttp_load::stream::Part;

    fn record(latency: Nanos) -> Record {
        let launch = Launch {
            due: 100,
            message_due: 100,
            sent: 100,
            number: 0,
            first: 0,
            stream: 0,
            length: 64,
            fragment: (1, 0),
            priority: 0,
            part: Part::Whole,
            disturbed: false,
        };
        Record {
            launch,
            seq_id: 0,
            sent_unix: 0,
            landed: 100 + latency,
            landed_unix: 0,
            kernel_unix: None,
            pulse: [0; HEADER],
            answer: [0; HEADER],
        }
    }

    #[test]
    fn the_slowest_are_kept_slowest_first_whoever_measured_them() {
        let mut recorders = [Recorder::new(4), Recorder::new(4)];
        for i in 0..1_000u64 {
            let latency = i * 7_919 % 1_000 + 1;
            let recorder = &mut recorders[i as usize % 2];
            if recorder.wants(latency) {
                recorder.keep(record(latency));
            }
        }
        let [mut one, other] = recorders;
        one.merge(other);
        let kept: Vec<Nanos> = one.records().0.iter().map(Record::latency).collect();
        assert_eq!(kept, [1_000, 999, 998, 997]);
    }

    #[test]
    fn one_that_keeps_nothing_wants_nothing() {
        let mut recorder = Recorder::new(0);
        assert!(!recorder.wants(1_000_000));
        recorder.lost(record(1));
        assert_eq!(recorder.records().1.len(), 0);
    }
}
