//! The revocations that the fleet shares, as this replica knows them.

use std::collections::HashMap;

use bytes::Bytes;

use super::event::NAME_LIMIT;
use super::keys::FleetKeys;
use super::row::RevocationRow;
use super::store::Row;
use super::wire::{Reader, Writer};
use crate::identity::UnixMillis;

/// The most names of the list that are shared; it is held by every replica and by the store.
const SHARED: usize = 10_000;

/// What is known of each name.
#[derive(Debug, Default)]
pub(super) struct Table(HashMap<Box<str>, RevocationRow>);

impl Table {
    /// Changes what is said of a name; `None` for a name that is too long, or one too many.
    pub(super) fn change(
        &mut self,
        name: &str,
        now: UnixMillis,
        change: impl FnOnce(RevocationRow) -> RevocationRow,
    ) -> Option<RevocationRow> {
        if name.len() > NAME_LIMIT || !self.has_room(name, now) {
            return None;
        }
        let row = change(self.0.get(name).copied().unwrap_or_default());
        self.0.insert(name.into(), row);
        Some(row)
    }

    /// Learns what another replica says of a name; returns the row if that is news.
    pub(super) fn learn(
        &mut self,
        name: &str,
        row: RevocationRow,
        now: UnixMillis,
    ) -> Option<RevocationRow> {
        let before = self.0.get(name).copied().unwrap_or_default();
        let merged = self.change(name, now, |known| known.merge(row))?;
        (merged != before).then_some(merged)
    }

    fn has_room(&mut self, name: &str, now: UnixMillis) -> bool {
        if self.0.len() >= SHARED && !self.0.contains_key(name) {
            self.0.retain(|_, row| now < row.end());
            return self.0.len() < SHARED;
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<RevocationRow> {
        self.0.get(name).copied()
    }

    pub(super) fn rows(&self) -> Vec<(Box<str>, RevocationRow)> {
        self.0
            .iter()
            .map(|(name, row)| (name.clone(), *row))
            .collect()
    }
}

/// Seals what is said of a name, under a field that tells nobody the name.
pub(super) fn seal_row(
    keys: &FleetKeys,
    table: &str,
    name: &str,
    row: RevocationRow,
) -> Option<Row> {
    let field = keys.hash(&[b"revoked", name.as_bytes()]);
    let mut fields = Writer::default();
    fields.bytes(name.as_bytes());
    row.write(&mut fields);
    let sealed = keys.sealer().seal(&place(table, &field), &fields.0)?;
    Some((field.into_bytes().into(), sealed))
}

pub(super) fn open_row(
    keys: &FleetKeys,
    table: &str,
    (field, sealed): &(Bytes, Bytes),
) -> Option<(Box<str>, RevocationRow)> {
    let field = std::str::from_utf8(field).ok()?;
    let plain = keys.sealer().open(&place(table, field), sealed)?;
    let mut fields = Reader(&plain);
    let name = fields.text()?.into();
    let row = RevocationRow::read(&mut fields)?;
    fields.is_empty().then_some((name, row))
}

fn place(table: &str, field: &str) -> String {
    format!("{table}/{field}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::row::Refusal;

    #[test]
    fn rule_22_a_row_comes_back_as_it_was_and_only_from_its_own_field() {
        let keys = FleetKeys::derive(&[1; 32], "https://api.clerk.com").unwrap();
        let row = RevocationRow::default().remove(UnixMillis(5));
        let sealed = seal_row(&keys, "rv", "mt_1", row).unwrap();
        assert_eq!(open_row(&keys, "rv", &sealed), Some(("mt_1".into(), row)));
        let other = seal_row(&keys, "rv", "mt_2", row).unwrap();
        assert_eq!(open_row(&keys, "rv", &(other.0, sealed.1)), None);
    }

    #[test]
    fn rule_22_the_list_has_a_bound_and_ended_rows_make_room() {
        let mut table = Table::default();
        let ending = Refusal {
            all_until: UnixMillis(100),
            ..Refusal::default()
        };
        let mut add = |name: &str, now| {
            let added = table.change(name, UnixMillis(now), |row| row.add(ending));
            added.is_some()
        };
        assert!((0..SHARED).all(|n| add(&n.to_string(), 1)));
        assert!(!add("one more", 1) && add("5", 1));
        assert!(!add("one more", 99) && add("one more", 100));
        assert!(!add(&"x".repeat(NAME_LIMIT + 1), 100));
    }
}
