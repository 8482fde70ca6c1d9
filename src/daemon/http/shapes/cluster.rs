//! The daemons that share a store, and how much each of them holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sanitize::ForeignText;

/// The daemons that share the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterShape {
    /// Whether the store is one that daemons share. Otherwise the one that was asked is the only one.
    pub shared: bool,
    /// How long after its last sign of life the watches of the daemon that was asked go to others;
    /// `null` where the store isn't shared.
    pub lease_ms: Option<u64>,
    /// Each of them: those alive, and dead ones that something is still left of.
    pub instances: Vec<InstanceShape>,
    /// What none of those alive holds. They take it up as they find it.
    pub orphans: OrphansShape,
}

/// A daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceShape {
    /// What it is called. Two of them may have the same name.
    #[schema(value_type = String)]
    pub name: ForeignText,
    /// Its number, which no other ever has.
    pub number: u64,
    /// Which version of the program it is.
    #[schema(value_type = String)]
    pub version: ForeignText,
    /// Whether it is the one that was asked.
    pub this: bool,
    /// Whether it is alive.
    pub state: InstanceStateShape,
    /// When it joined the others.
    pub joined_at: String,
    /// How long ago it has given its last sign of life.
    pub renewed_ms_ago: u64,
    /// How many watches it holds that go on.
    pub watches: u64,
    /// How many deliveries it holds that are pending.
    pub deliveries: u64,
    /// Its share of all watches that go on, from 0 to 1.
    pub watches_share: f64,
    /// Its share of all deliveries that are pending, from 0 to 1.
    pub deliveries_share: f64,
}

/// Whether a daemon is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStateShape {
    /// It renews its lease.
    Alive,
    /// Its lease has ended; what it held is others' to take.
    Dead,
}

/// What no daemon that is alive holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrphansShape {
    /// Watches that go on.
    pub watches: u64,
    /// Deliveries that are pending.
    pub deliveries: u64,
}
