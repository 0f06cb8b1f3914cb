//! The frame of every page.

use super::assets;
use super::brand::Brand;
use super::link::encoded;
use crate::clock::Timestamp;

/// The entries of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Endpoints,
    Deliveries,
    Failures,
    Jobs,
    Events,
    Types,
    Inbox,
    Audit,
    None,
}

/// What the frame of a page shows.
#[derive(Debug)]
pub(super) struct View {
    /// The relative path of the console: `./` or some `../`.
    pub(super) root: String,
    pub(super) title: String,
    pub(super) tab: Tab,
    pub(super) brand: Brand,
    /// The caller's tenant; `None` for an operator.
    pub(super) tenant: Option<String>,
    pub(super) can_change: bool,
    /// Whether the caller may see the pages of the inbox.
    pub(super) has_inbox: bool,
    pub(super) token: String,
    pub(super) notice: Option<&'static str>,
    pub(super) now: Timestamp,
}

impl View {
    pub(super) fn style(&self) -> String {
        format!("{}assets/{}", self.root, assets::STYLE.name())
    }

    /// The stylesheet with the colour of the host.
    pub(super) fn accent(&self) -> Option<String> {
        self.brand.style().map(|file| format!("{}assets/{file}", self.root))
    }

    pub(super) fn script(&self) -> String {
        format!("{}assets/{}", self.root, assets::SCRIPT.name())
    }

    /// The navigation: path, text, and whether the page belongs to the entry.
    pub(super) fn tabs(&self) -> Vec<(&'static str, &'static str, bool)> {
        let entry = |tab, path, text| (path, text, self.tab == tab);
        let mut tabs = vec![
            entry(Tab::Overview, "overview", "Overview"),
            entry(Tab::Endpoints, "endpoints", "Endpoints"),
            entry(Tab::Deliveries, "deliveries", "Deliveries"),
            entry(Tab::Failures, "failures", "Failures"),
            entry(Tab::Jobs, "jobs", "Bulk jobs"),
            entry(Tab::Events, "events", "Events"),
            entry(Tab::Types, "types", "Event types"),
        ];
        tabs.extend(self.has_inbox.then(|| entry(Tab::Inbox, "inbox", "Inbox")));
        tabs.push(entry(Tab::Audit, "audit", "Audit log"));
        tabs
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
