//! A run in pieces: how latency, rate and loss went over the measured time, in bounded memory.
//!
//! Who reads a result sees from them when something happened, and how much more alike neighbours are than chance allows.

use hdrhistogram::Histogram;

use crate::clock::Nanos;
use crate::interval::Interval;

/// Pieces kept at most; when they are full neighbours become one, and each is twice as long from then on.
pub const PIECES: usize = 240;
/// Length of the first ones: a stall of a virtual machine is a few ms, so that most have none.
pub const PIECE: Nanos = 50_000_000;

/// One piece, all streams together; measured pulses only.
pub struct Piece {
    /// When it began, ns of the run's clock.
    pub began: Nanos,
    /// When it ended.
    pub ended: Nanos,
    /// Pulses sent.
    pub sent: u64,
    /// Pulses given up.
    pub lost: u64,
    /// From the scheduled send to the answer, ns; two significant digits, since it is there to be compared and looked at.
    pub response: Histogram<u64>,
    /// Of these, what a stall touched.
    pub stalled: Histogram<u64>,
}

/// # Panics
/// Never: the bounds are constants.
#[allow(clippy::expect_used, reason = "constants")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 2).expect("constants that the library accepts")
}

impl Piece {
    fn new() -> Piece {
        Piece { began: Nanos::MAX, ended: 0, sent: 0, lost: 0, response: histogram(), stalled: histogram() }
    }

    fn clear(&mut self) {
        (self.began, self.ended, self.sent, self.lost) = (Nanos::MAX, 0, 0, 0);
        self.response.reset();
        self.stalled.reset();
    }

    fn add(&mut self, other: &Piece) {
        self.began = self.began.min(other.began);
        self.ended = self.ended.max(other.ended);
        self.sent += other.sent;
        self.lost += other.lost;
        // Bounds and digits are the same.
        let _ = self.response.add(&other.response);
        let _ = self.stalled.add(&other.stalled);
    }
}

/// The pieces so far. All memory is there from the start.
pub(crate) struct Pieces {
    list: Vec<Piece>,
    /// When the first one begins; the intervals of all senders begin together.
    origin: Option<Nanos>,
    /// Length of each.
    width: Nanos,
}

impl Pieces {
    pub(crate) fn new(width: Nanos) -> Pieces {
        Pieces { list: (0..PIECES).map(|_| Piece::new()).collect(), origin: None, width: width.max(1) }
    }

    /// Adds what one sender saw in an interval to the piece in which that began.
    pub(crate) fn add(&mut self, interval: &Interval) {
        let since = interval.began.saturating_sub(*self.origin.get_or_insert(interval.began));
        while since / self.width >= PIECES as u64 {
            self.halve();
        }
        // A turn comes a little after its time.
        let Some(piece) = self.list.get_mut((since / self.width) as usize) else { return };
        piece.began = piece.began.min(interval.began);
        piece.ended = piece.ended.max(interval.ended);
        for slice in &interval.streams {
            piece.sent += slice.sent;
            piece.lost += slice.lost;
            // Every value fits: the range is the same.
            if !slice.response.is_empty() {
                let _ = piece.response.add(&slice.response);
            }
            if !slice.stalled.is_empty() {
                let _ = piece.stalled.add(&slice.stalled);
            }
        }
    }

    /// Neighbours become one.
    fn halve(&mut self) {
        for i in 0..PIECES / 2 {
            let (head, tail) = self.list.split_at_mut(2 * i + 1);
            if let (Some(one), Some(next)) = (head.last_mut(), tail.first()) {
                one.add(next);
            }
            self.list.swap(i, 2 * i);
        }
        self.list.iter_mut().skip(PIECES / 2).for_each(Piece::clear);
        self.width = self.width.saturating_mul(2);
    }

    /// Those that cover some time, in order, none reaching into the next.
    pub(crate) fn finish(self) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = self.list.into_iter().filter(|piece| piece.ended > piece.began).collect();
        for i in 1..pieces.len() {
            let begins = pieces[i].began;
            pieces[i - 1].ended = pieces[i - 1].ended.min(begins);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_a_run_is_its_pieces_are_few_and_hold_everything_in_order() {
        for rounds in [1u64, 3, 239, 240, 241, 1_000] {
            let mut pieces = Pieces::new(100);
            for round in 0..rounds {
                for value in [1_000, 2_000_000] {
                    let mut interval = Interval::new(2);
                    (interval.began, interval.ended) = (round * 100, round * 100 + 100);
                    let slice = &mut interval.streams[1];
                    slice.response.record(value + round).unwrap();
                    slice.sent = 1;
                    if round % 7 == 0 {
                        slice.stalled.record(value + round).unwrap();
                        slice.lost = 1;
                    }
                    pieces.add(&interval);
                }
            }
            let pieces = pieces.finish();
            assert!(pieces.len() <= PIECES && pieces.len() as u64 >= rounds.min(PIECES as u64 / 2), "{rounds}");
            assert_eq!(pieces[0].began, 0);
            assert_eq!(pieces.last().unwrap().ended, rounds * 100);
            assert!(pieces.windows(2).all(|pair| pair[0].ended == pair[1].began), "{rounds}");
            assert_eq!(pieces.iter().map(|p| p.response.len()).sum::<u64>(), 2 * rounds);
            assert_eq!(pieces.iter().map(|p| p.sent).sum::<u64>(), 2 * rounds);
            assert_eq!(pieces.iter().map(|p| p.stalled.len()).sum::<u64>(), 2 * rounds.div_ceil(7));
            assert_eq!(pieces.iter().map(|p| p.lost).sum::<u64>(), 2 * rounds.div_ceil(7));
        }
    }
}
