//! Orders of a few items.

/// All orders of this many items, at most 8; no order for 0 items. The first order is the given one.
pub(super) fn permutations(count: usize) -> impl Iterator<Item = Vec<usize>> {
    let count = count.min(8);
    let all = if count == 0 { 0 } else { orders_of(count) };
    (0..all).map(move |number| nth(count, number))
}

/// The number of orders of this many items.
pub(super) fn orders_of(count: usize) -> usize {
    (1..=count).fold(1, |all, count| count.saturating_mul(all))
}

/// The order with this number.
pub(super) fn nth(count: usize, mut number: usize) -> Vec<usize> {
    let mut left: Vec<_> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    while !left.is_empty() {
        let behind = orders_of(left.len() - 1);
        order.push(left.remove((number / behind).min(left.len() - 1)));
        number %= behind;
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_order_is_there_once() {
        assert_eq!(permutations(0).count(), 0);
        for count in 1..=5 {
            let all: Vec<_> = permutations(count).collect();
            assert_eq!(all[0], (0..count).collect::<Vec<_>>());
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), orders_of(count));
        }
    }
}
