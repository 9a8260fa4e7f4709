//! Which rows of a batch are wanted: a filter, one in so many, the first so many.

use crate::cells::{Filterable, Table};
use crate::filter::Filter;

/// Chooses rows.
pub struct Selector {
    filter: Option<Filter>,
    every: u64,
    head: u64,
    passed: u64,
    all: Vec<u32>,
    mask: Vec<bool>,
}

impl Selector {
    /// `every`: of the rows that the filter passes the first of each so many. `head`: no more than so many in all.
    #[must_use]
    pub fn new(filter: Option<Filter>, every: u64, head: Option<u64>) -> Selector {
        let (all, mask) = (Vec::new(), Vec::new());
        Selector { filter, every: every.max(1), head: head.unwrap_or(u64::MAX), passed: 0, all, mask }
    }

    /// Whether no more rows are wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.head == 0
    }

    /// Puts the wanted rows of a table into `chosen`, in place of what was there.
    pub fn select<T: Table>(&mut self, table: &T, names: &[String], chosen: &mut Vec<u32>) {
        chosen.clear();
        let rows = u32::try_from(table.len()).unwrap_or(u32::MAX);
        let Selector { filter, every, head, passed, all, mask } = self;
        if let Some(filter) = filter {
            if all.len() != rows as usize {
                all.clear();
                all.extend(0..rows);
            }
            filter.select(&Filterable { table, all, names }, mask);
            chosen.extend((0..rows).zip(mask.iter()).filter(|(_, wanted)| **wanted).map(|(row, _)| row));
        } else {
            chosen.extend(0..rows);
        }
        if *every > 1 {
            chosen.retain(|_| {
                *passed += 1;
                (*passed - 1).is_multiple_of(*every)
            });
        }
        chosen.truncate(usize::try_from(*head).unwrap_or(usize::MAX));
        *head -= chosen.len() as u64;
    }
}
