//! Who may call whom, as a drawing.

use std::collections::HashMap;

use clerk_machine_auth::MachineId;
use clerk_machine_auth::admin::Machine;
use serde_json::{Value, json};

use crate::cli::GraphFormat;
use crate::drawing::{Drawing, Node};

/// Writes a graph: a node for each machine, an arrow for each scope.
pub(crate) fn draw(machines: &[Machine], format: GraphFormat) -> String {
    match format {
        GraphFormat::Svg => svg(machines),
        GraphFormat::Mermaid => lines(
            machines,
            ("graph LR\n", ""),
            |number, name| format!("  m{number}[\"{}\"]", html(name)),
            |from, to| format!("  m{from} --> m{to}"),
        ),
        GraphFormat::Dot => lines(
            machines,
            ("digraph machines {\n  rankdir=LR;\n", "}\n"),
            |number, name| format!("  m{number} [label=\"{}\"];", dot(name)),
            |from, to| format!("  m{from} -> m{to};"),
        ),
    }
}

/// A graph of one line for each machine, then one for each scope, between a head and a foot.
fn lines(
    machines: &[Machine],
    (head, foot): (&str, &str),
    node: impl Fn(usize, &str) -> String,
    arrow: impl Fn(usize, usize) -> String,
) -> String {
    let nodes = machines.iter().enumerate();
    let nodes = nodes.map(|(number, machine)| node(number, &machine.name));
    let arrows = arrows(machines).map(|(from, to)| arrow(from, to));
    let lines: String = nodes.chain(arrows).map(|line| line + "\n").collect();
    format!("{head}{lines}{foot}")
}

fn svg(machines: &[Machine]) -> String {
    let nodes = machines.iter().map(|machine| {
        let reached = machine.scoped_machines.iter();
        Node {
            id: machine.id.to_string(),
            name: machine.name.clone(),
            reaches: reached.map(|scoped| scoped.id.to_string()).collect(),
        }
    });
    Drawing::of(nodes.collect()).svg()
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
