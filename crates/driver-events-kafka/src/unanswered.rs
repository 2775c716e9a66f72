use std::collections::VecDeque;

/// The records of a partition that were delivered, from the first one on that is not answered.
///
/// Most are answered in the order in which they were delivered, which costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    /// By their offsets, which rise.
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Record {
    offset: i64,
    is_answered: bool,
}

impl Unanswered {
    /// Adds a record behind all others.
    pub(crate) fn push(&mut self, offset: i64) {
        let is_answered = false;
        self.records.push_back(Record { offset, is_answered });
    }

    pub(crate) fn answer(&mut self, offset: i64) {
        let place = self.records.binary_search_by_key(&offset, |record| record.offset);
        if let Some(record) = place.ok().and_then(|place| self.records.get_mut(place)) {
            record.is_answered = true;
        }
        while self.records.front().is_some_and(|record| record.is_answered) {
            self.records.pop_front();
        }
    }

    /// The offset of the first one; none when all are answered.
    pub(crate) fn first(&self) -> Option<i64> {
        self.records.front().map(|record| record.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::Unanswered;

    #[test]
    fn the_first_is_known_whatever_is_answered_first() {
        let mut unanswered = Unanswered::default();
        assert_eq!(unanswered.first(), None);
        for offset in [3, 4, 7, 9] {
            unanswered.push(offset);
        }
        let mut after = |offset| {
            unanswered.answer(offset);
            unanswered.first()
        };
        assert_eq!(after(7), Some(3));
        assert_eq!(after(3), Some(4));
        // Nobody was given it.
        assert_eq!(after(5), Some(4));
        assert_eq!(after(4), Some(9));
        assert_eq!(after(9), None);
    }
}
