//! The frame of every page.

use std::sync::Arc;

use super::assets;
use super::link::encoded;
use crate::clock::Timestamp;

/// The entries of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Endpoints,
    Deliveries,
    Failures,
    Events,
    Types,
    None,
}

/// What the frame of a page shows.
#[derive(Debug)]
pub(super) struct View {
    /// The relative path of the console: `./` or some `../`.
    pub(super) root: String,
    pub(super) title: String,
    pub(super) tab: Tab,
    pub(super) name: Arc<str>,
    /// The caller's tenant; `None` for an operator.
    pub(super) tenant: Option<String>,
    pub(super) can_change: bool,
    pub(super) token: String,
    pub(super) notice: Option<&'static str>,
    pub(super) now: Timestamp,
}

impl View {
    pub(super) fn style(&self) -> String {
        format!("{}assets/{}", self.root, assets::STYLE.name())
    }

    pub(super) fn script(&self) -> String {
        format!("{}assets/{}", self.root, assets::SCRIPT.name())
    }

    /// The navigation: path, text, and whether the page belongs to the entry.
    pub(super) fn tabs(&self) -> [(&'static str, &'static str, bool); 6] {
        let entry = |tab, path, text| (path, text, self.tab == tab);
        [
            entry(Tab::Overview, "overview", "Overview"),
            entry(Tab::Endpoints, "endpoints", "Endpoints"),
            entry(Tab::Deliveries, "deliveries", "Deliveries"),
            entry(Tab::Failures, "failures", "Failures"),
            entry(Tab::Events, "events", "Events"),
            entry(Tab::Types, "types", "Event types"),
        ]
    }

    /// Encodes a value for the query of a link.
    #[expect(clippy::unused_self, reason = "templates reach functions through the view")]
    pub(super) fn encoded(&self, value: &str) -> String {
        encoded(value)
    }

    pub(super) const fn is_operator(&self) -> bool {
        self.tenant.is_none()
    }
}
