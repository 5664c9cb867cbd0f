//! Who may call whom, as a drawing.

use std::collections::HashMap;
use std::fmt::Write as _;

use clerk_machine_auth::MachineId;
use clerk_machine_auth::admin::Machine;
use serde_json::{Value, json};

use crate::cli::GraphFormat;

/// Writes a graph: a node for each machine, an arrow for each scope.
pub(crate) fn draw(machines: &[Machine], format: GraphFormat) -> String {
    let (head, foot) = match format {
        GraphFormat::Mermaid => ("graph LR\n", ""),
        GraphFormat::Dot => ("digraph machines {\n  rankdir=LR;\n", "}\n"),
    };
    let mut graph = head.to_owned();
    for (number, machine) in machines.iter().enumerate() {
        let _ = match format {
            GraphFormat::Mermaid => writeln!(graph, "  m{number}[\"{}\"]", html(&machine.name)),
            GraphFormat::Dot => writeln!(graph, "  m{number} [label=\"{}\"];", dot(&machine.name)),
        };
    }
    for (from, to) in arrows(machines) {
        let _ = match format {
            GraphFormat::Mermaid => writeln!(graph, "  m{from} --> m{to}"),
            GraphFormat::Dot => writeln!(graph, "  m{from} -> m{to};"),
        };
    }
    graph + foot
}

/// The same for programs.
pub(crate) fn json(machines: &[Machine]) -> Value {
    let nodes: Vec<_> = machines
        .iter()
        .map(|m| json!({"id": m.id, "name": m.name}))
        .collect();
    let edges: Vec<_> = arrows(machines)
        .map(|(from, to)| json!({"from": machines[from].id, "to": machines[to].id}))
        .collect();
    json!({ "machines": nodes, "scopes": edges })
}

fn arrows(machines: &[Machine]) -> impl Iterator<Item = (usize, usize)> {
    let numbers: HashMap<&MachineId, usize> = machines
        .iter()
        .enumerate()
        .map(|(number, m)| (&m.id, number))
        .collect();
    machines
        .iter()
        .enumerate()
        .flat_map(move |(from, machine)| {
            let reached = machine.scoped_machines.iter();
            let known = reached.filter_map(|scoped| numbers.get(&scoped.id).copied());
            known.map(|to| (from, to)).collect::<Vec<_>>()
        })
}

/// A label of Mermaid, which reads HTML; `#` begins its own escapes.
fn html(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            '"' | '#' | '&' | '<' | '>' | '`' => format!("#{};", u32::from(c)),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

fn dot(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        })
        .collect()
}
