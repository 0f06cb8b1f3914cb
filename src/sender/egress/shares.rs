//! Who may look up a name next: tenants take turns, and none takes the last free places.

use std::collections::{HashMap, VecDeque};

use crate::id::Tenant;
use crate::worker::Tally;

/// Most names of one tenant that wait.
const MOST_WAITING_PER_PARTY: usize = 512;

/// Whose look-up it is.
pub(super) type Party = Option<Tenant>;

/// Places for look-ups, and the names that wait for one.
#[derive(Debug)]
pub(super) struct Shares {
    places: u32,
    used: Tally,
    lines: HashMap<Party, VecDeque<Box<str>>>,
    /// The tenants that have a line.
    turns: VecDeque<Party>,
}

impl Shares {
    pub(super) fn new(places: usize) -> Self {
        let places = u32::try_from(places).unwrap_or(u32::MAX).max(1);
        Self { places, used: Tally::default(), lines: HashMap::new(), turns: VecDeque::new() }
    }

    /// Puts a name in its tenant's line; false if that is too long, even without the names that are not wanted any more.
    pub(super) fn push(&mut self, party: &Party, name: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
        let line = self.lines.entry(party.clone()).or_default();
        if line.len() >= MOST_WAITING_PER_PARTY {
            let places = line.len();
            line.retain(|name| is_wanted(name));
            if line.len() == places {
                return false;
            }
        }
        line.push_back(name.into());
        if !self.turns.contains(party) {
            self.turns.push_back(party.clone());
        }
        true
    }

    /// The name whose turn it is, with a place for it. A tenant that holds as many places as are free gets no more: whoever
    /// comes after it finds some. Names that are not wanted any more are dropped.
    pub(super) fn pop(&mut self, is_wanted: impl Fn(&str) -> bool) -> Option<(Party, Box<str>)> {
        for _ in 0..self.turns.len() {
            let party = self.turns.pop_front()?;
            if self.used.of(&party) >= self.places.saturating_sub(self.used.total()) {
                self.turns.push_back(party);
                continue;
            }
            let next = self.next_of(&party, &is_wanted);
            if self.lines.get(&party).is_some_and(VecDeque::is_empty) {
                self.lines.remove(&party);
            } else {
                self.turns.push_back(party.clone());
            }
            if let Some(name) = next {
                self.used.add(&party, 1);
                return Some((party, name));
            }
        }
        None
    }

    fn next_of(&mut self, party: &Party, is_wanted: impl Fn(&str) -> bool) -> Option<Box<str>> {
        let line = self.lines.get_mut(party)?;
        loop {
            let name = line.pop_front()?;
            if is_wanted(&name) {
                return Some(name);
            }
        }
    }

    /// A place is free again.
    pub(super) fn done(&mut self, party: &Party) {
        self.used.remove(party, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> Party {
        Some(Tenant::from(name))
    }

    fn started(shares: &mut Shares) -> Vec<String> {
        std::iter::from_fn(|| shares.pop(|_| true)).map(|(_, name)| name.into()).collect()
    }

    #[test]
    fn one_tenant_takes_at_most_half_of_the_places_and_the_next_half_of_the_rest() {
        for (places, expected) in [(1, 1), (2, 1), (16, 8), (256, 128)] {
            let mut shares = Shares::new(places);
            for number in 0..500 {
                assert!(shares.push(&party("greedy"), &number.to_string(), |_| true));
            }
            assert_eq!(started(&mut shares).len(), expected, "of {places}");
            assert!(places == 1 || (shares.push(&party("other"), "x", |_| true) && started(&mut shares) == ["x"]));
        }
    }

    #[test]
    fn tenants_take_turns_and_a_place_that_is_free_again_is_used() {
        let mut shares = Shares::new(4);
        for (who, name) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")] {
            assert!(shares.push(&party(who), name, |_| true));
        }
        assert_eq!(started(&mut shares), ["a1", "b1", "a2"]);
        shares.done(&party("b"));
        assert_eq!(started(&mut shares), Vec::<String>::new(), "two are used, two are free");
        shares.done(&party("a"));
        assert_eq!(started(&mut shares), ["a3"]);
    }

    #[test]
    fn lines_are_bounded_and_what_is_not_wanted_leaves_them() {
        let mut shares = Shares::new(1);
        let mut push = |number: usize, wanted: bool| shares.push(&party("a"), &number.to_string(), |_| wanted);
        assert_eq!((0..1_000).filter(|number| push(*number, true)).count(), MOST_WAITING_PER_PARTY);
        assert!(push(1_000, false), "nobody waits for the others any more");
        assert_eq!(shares.pop(|_| true).map(|(_, name)| name), Some("1000".into()));
    }
}
