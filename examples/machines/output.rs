//! Tables for people, JSON for programs.

use std::error::Error;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clerk_machine_auth::admin::{ApiKeyInfo, M2mTokenInfo, Machine};
use serde_json::{Map, Value, json};

/// Something to print: named values, in the order of the columns; names are camelCase.
pub(crate) struct Row(Vec<(&'static str, Value)>);

impl Row {
    pub(crate) fn new(values: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Adds a column.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    fn json(self) -> Value {
        let members = self
            .0
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

impl From<&Machine> for Row {
    fn from(machine: &Machine) -> Self {
        let reaches: Vec<_> = machine
            .scoped_machines
            .iter()
            .map(|m| m.name.as_str())
            .collect();
        Self::new([
            ("id", json!(machine.id)),
            ("name", json!(machine.name)),
            (
                "tokenTtl",
                json!(machine.default_token_ttl.map(|ttl| ttl.as_secs())),
            ),
            ("reaches", json!(reaches)),
        ])
    }
}

impl From<&M2mTokenInfo> for Row {
    fn from(token: &M2mTokenInfo) -> Self {
        Self::new([
            ("id", json!(token.id)),
            ("machine", json!(token.subject)),
            ("state", json!(state(token.revoked, token.expired))),
            ("expiration", millis(token.expiration)),
            ("scopes", json!(token.scopes)),
        ])
    }
}

impl From<&ApiKeyInfo> for Row {
    fn from(key: &ApiKeyInfo) -> Self {
        Self::new([
            ("id", json!(key.id)),
            ("name", json!(key.name)),
            ("subject", json!(key.subject)),
            ("state", json!(state(key.revoked, key.expired))),
            ("expiration", millis(key.expiration)),
            ("scopes", json!(key.scopes)),
        ])
    }
}

fn state(revoked: bool, expired: bool) -> &'static str {
    match (revoked, expired) {
        (true, _) => "revoked",
        (_, true) => "expired",
        _ => "active",
    }
}

fn millis(time: Option<SystemTime>) -> Value {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    json!(since.and_then(|since| u64::try_from(since.as_millis()).ok()))
}

/// Prints several rows: a table, or a JSON array.
pub(crate) fn rows(out: &mut impl Write, as_json: bool, rows: Vec<Row>) -> io::Result<()> {
    if as_json {
        let rows: Vec<_> = rows.into_iter().map(Row::json).collect();
        return writeln!(out, "{:#}", Value::Array(rows));
    }
    if rows.is_empty() {
        return writeln!(out, "none");
    }
    table(out, &rows)
}

/// Prints one row: a line for each value, or a JSON object.
pub(crate) fn row(out: &mut impl Write, as_json: bool, row: Row) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{:#}", row.json());
    }
    let width = row.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &row.0 {
        writeln!(out, "{name:width$}  {}", text(value))?;
    }
    Ok(())
}

/// Prints what went wrong.
pub(crate) fn error(out: &mut impl Write, as_json: bool, error: &dyn Error) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{}", json!({ "error": error.to_string() }));
    }
    writeln!(out, "error: {error}")
}

fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let headers: Vec<_> = rows[0]
        .0
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let body = rows
        .iter()
        .map(|row| row.0.iter().map(|(_, value)| text(value)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(headers).chain(body).collect();
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<_> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The text of a value in a table; control characters must not reach a terminal.
fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(self::text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
