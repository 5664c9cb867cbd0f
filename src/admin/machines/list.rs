//! Listing machines.

use super::model::Machine;
use crate::admin::client::AdminClient;
use crate::admin::page::{Listing, list_methods};

/// A request for machines; see [`Machines::list`](super::Machines::list).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `page` or `stream` is called"]
pub struct ListMachines {
    listing: Listing,
}

/// The order of listed machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineOrder {
    /// By name, A to Z.
    NameAscending,
    /// By name, Z to A.
    NameDescending,
    /// The oldest first.
    OldestFirst,
    /// The newest first, Clerk's default.
    NewestFirst,
}

impl ListMachines {
    pub(super) fn new(client: &AdminClient) -> Self {
        let listing = Listing::new(client, super::MACHINES, 500);
        Self { listing }
    }

    /// Lists only machines whose id equals this text, or whose name contains it.
    pub fn query(mut self, text: impl Into<String>) -> Self {
        self.listing = self.listing.filter("query", &text.into());
        self
    }

    /// Sets the order.
    pub fn order_by(mut self, order: MachineOrder) -> Self {
        self.listing = self.listing.filter("order_by", &order.as_str());
        self
    }

    list_methods!(Machine, "500");
}

impl MachineOrder {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NameAscending => "+name",
            Self::NameDescending => "-name",
            Self::OldestFirst => "+created_at",
            Self::NewestFirst => "-created_at",
        }
    }
}
