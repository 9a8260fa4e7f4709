//! What every trace must keep, whatever it was read from: time order, its length, its number of entries.

use super::error::{Place, Problem, TraceError};
use super::fields::{Row, shown_seconds};
use super::{Entry, Format, Trace};

/// Entries on their way to a trace.
#[derive(Debug)]
pub(super) struct Collector {
    entries: Vec<Entry>,
    most: usize,
    /// How far an entry may lie behind the newest.
    tolerated_ns: u64,
    newest_ns: u64,
    newest_at: Place,
    earliest_ns: u64,
    sorted: u64,
}

impl Collector {
    /// For a text, whose lines are in order.
    pub(super) fn strict() -> Collector {
        Collector::tolerating(0, Trace::MOST)
    }

    /// For a capture, whose packets nearly are.
    pub(super) fn lenient() -> Collector {
        Collector::tolerating(Trace::DISORDER_NS, Trace::MOST)
    }

    fn tolerating(tolerated_ns: u64, most: usize) -> Collector {
        Collector {
            entries: Vec::new(),
            most,
            tolerated_ns,
            newest_ns: 0,
            newest_at: Place::Byte(0),
            earliest_ns: u64::MAX,
            sorted: 0,
        }
    }

    /// Takes an entry with the time that the file gives, from any epoch.
    #[inline]
    pub(super) fn push(&mut self, place: Place, time_ns: u64, row: &Row) -> Result<(), TraceError> {
        if self.entries.len() >= self.most {
            return Err(TraceError::new(place, Problem::TooMany));
        }
        if time_ns < self.newest_ns {
            if self.newest_ns - time_ns > self.tolerated_ns {
                let (newest_ns, newest_at) = (self.newest_ns, self.newest_at);
                return Err(TraceError::new(place, Problem::Disorder { time_ns, newest_ns, newest_at }));
            }
            self.sorted += 1;
        } else {
            (self.newest_ns, self.newest_at) = (time_ns, place);
        }
        self.earliest_ns = self.earliest_ns.min(time_ns);
        if time_ns - self.earliest_ns > Trace::LONGEST_NS {
            let expected = format!("at most a year after the first, {}", shown_seconds(self.earliest_ns));
            return Err(TraceError::value(place, "time", shown_seconds(time_ns).as_bytes(), expected));
        }
        let Row { size, priority, fragments, .. } = *row;
        self.entries.push(Entry { due_ns: time_ns, size, priority, fragments });
        Ok(())
    }

    /// Whether nothing has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The trace, sorted where that was needed, its first entry at 0.
    pub(super) fn finish(self, format: Format, skipped: u64) -> Result<Trace, TraceError> {
        let Collector { mut entries, earliest_ns, sorted, .. } = self;
        if entries.is_empty() {
            return Err(TraceError::new(None, Problem::Empty));
        }
        if sorted > 0 {
            entries.sort_by_key(|e| e.due_ns);
        }
        entries.iter_mut().for_each(|e| e.due_ns -= earliest_ns);
        Ok(Trace { entries: entries.into_boxed_slice(), format, skipped, sorted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_more_than_the_most_is_refused() {
        let mut collector = Collector::tolerating(0, 3);
        for line in 1..=3 {
            collector.push(Place::Line(line), 0, &Row::EMPTY).unwrap();
        }
        let refused = collector.push(Place::Line(4), 0, &Row::EMPTY).unwrap_err();
        assert_eq!(refused.to_string(), "line 4: more than 20000000 entries");
    }

    #[test]
    fn disorder_within_the_bound_is_sorted_stably_and_beyond_it_refused() {
        let mut collector = Collector::tolerating(10, 9);
        for (i, time_ns) in [105, 100, 110, 105, 100].into_iter().enumerate() {
            let row = Row { size: i as u32, ..Row::EMPTY };
            collector.push(Place::Line(i as u64 + 1), time_ns, &row).unwrap();
        }
        let refused = collector.push(Place::Line(6), 99, &Row::EMPTY).unwrap_err();
        assert_eq!(refused.to_string(), "line 6: time 0.000000099 is before 0.00000011 of line 3");
        let trace = collector.finish(Format::Csv, 0).unwrap();
        let found: Vec<(u64, u32)> = trace.entries.iter().map(|e| (e.due_ns, e.size)).collect();
        assert_eq!(found, [(0, 1), (0, 4), (5, 0), (5, 3), (10, 2)]);
        assert_eq!(trace.sorted, 3);
    }
}
