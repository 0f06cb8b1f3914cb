//! What can be done with all deliveries that match a filter.

use crate::delivery::DeliveryState;

/// A change to all deliveries that match a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BulkAction {
    /// They are sent again.
    Resend,
    /// They are cancelled.
    Cancel,
}

impl BulkAction {
    const ALL: [Self; 2] = [Self::Resend, Self::Cancel];

    /// The changes that make sense for the deliveries of a list. A list that is not filtered at all has none.
    pub(super) fn of_list(state: Option<DeliveryState>, is_filtered: bool) -> Vec<Self> {
        Self::ALL.into_iter().filter(|action| action.suits(state, is_filtered)).collect()
    }

    /// The change with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether the change makes sense for deliveries in this state, or in any state. `is_filtered` tells whether anything else limits them.
    pub(super) const fn suits(self, state: Option<DeliveryState>, is_filtered: bool) -> bool {
        match (self, state) {
            (_, None) => is_filtered,
            (_, Some(DeliveryState::Held)) => true,
            (Self::Resend, Some(state)) => state.is_final(),
            (Self::Cancel, Some(state)) => !state.is_final(),
        }
    }

    /// The name in a form.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Cancel => "cancel",
        }
    }

    /// The text of the link to the form, and its heading.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Resend => "Send all that match again",
            Self::Cancel => "Cancel all that match",
        }
    }

    /// What happens to the deliveries.
    pub(super) const fn done(self) -> &'static str {
        match self {
            Self::Resend => "sent again",
            Self::Cancel => "cancelled",
        }
    }

    /// Which deliveries are changed.
    pub(super) const fn help(self) -> &'static str {
        match self {
            Self::Resend => {
                "This sends deliveries again that are delivered, failed, cancelled, or held by the retry policy. It leaves out deliveries \
                 that a newer event has replaced, and those that are sent anyway."
            }
            Self::Cancel => {
                "This cancels deliveries that are pending or held. A cancelled delivery is not sent, unless somebody sends it again."
            }
        }
    }

    /// Whether the change sends something, so that it can be spread over time.
    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::Resend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_offered_only_where_it_can_change_something() {
        let of = |state| BulkAction::of_list(Some(state), false);
        assert_eq!(of(DeliveryState::Pending), [BulkAction::Cancel]);
        assert_eq!(of(DeliveryState::Held), [BulkAction::Resend, BulkAction::Cancel]);
        for state in [DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Cancelled] {
            assert_eq!(of(state), [BulkAction::Resend]);
        }
    }

    #[test]
    fn a_list_without_any_filter_cannot_be_changed_as_a_whole() {
        assert_eq!(BulkAction::of_list(None, false), []);
        assert_eq!(BulkAction::of_list(None, true), BulkAction::ALL);
    }
}
