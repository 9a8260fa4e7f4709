//! Pulses and bytes over time, in a bounded number of steps that grow with the time.

/// Most steps.
pub(super) const MOST: usize = 240;
const SHORTEST_NS: u64 = 1_000_000;

/// Counts by time.
#[derive(Debug)]
pub(super) struct Rates {
    /// Unix ns of the first step's beginning; `None` before the first pulse.
    pub(super) start_ns: Option<u64>,
    /// Length of a step, ns.
    pub(super) width_ns: u64,
    /// Pulses and bytes of each step.
    pub(super) steps: Vec<(u64, u64)>,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { start_ns: None, width_ns: SHORTEST_NS, steps: Vec::with_capacity(MOST) }
    }
}

impl Rates {
    /// Counts a pulse. One from before the first counts in the first step.
    #[inline]
    pub(super) fn add(&mut self, time_ns: u64, bytes: u32) {
        let start_ns = *self.start_ns.get_or_insert(time_ns);
        let since_ns = time_ns.saturating_sub(start_ns);
        // The latest step is the rule, and needs no division.
        let at = match (self.steps.len() as u64).checked_sub(1) {
            Some(last) if since_ns >= last * self.width_ns && since_ns - last * self.width_ns < self.width_ns => last,
            _ => self.step_of(since_ns),
        };
        if let Some((pulses, all)) = self.steps.get_mut(at as usize) {
            *pulses += 1;
            *all += u64::from(bytes);
        }
    }

    fn step_of(&mut self, since_ns: u64) -> u64 {
        while since_ns / self.width_ns >= MOST as u64 {
            self.width_ns *= 2;
            let pairs = self.steps.chunks(2).map(|pair| pair.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)));
            self.steps = pairs.collect();
        }
        let at = since_ns / self.width_ns;
        if at as usize >= self.steps.len() {
            self.steps.resize(at as usize + 1, (0, 0));
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_until_all_time_fits_and_lose_nothing() {
        let mut rates = Rates::default();
        let times = [5, 5 + SHORTEST_NS, 5 + 239 * SHORTEST_NS, 5 + 240 * SHORTEST_NS, 1, u64::MAX];
        for (i, time_ns) in times.into_iter().enumerate() {
            rates.add(time_ns, 10);
            assert!(rates.steps.len() <= MOST);
            assert_eq!(rates.steps.iter().map(|s| s.0).sum::<u64>(), i as u64 + 1);
        }
        assert_eq!(rates.steps.iter().map(|s| s.1).sum::<u64>(), 60);
        assert_eq!(rates.steps[0].0, 5);
    }
}
