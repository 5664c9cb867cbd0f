//! A drawing of who may call whom: a box for each machine, an arrow for each scope, as SVG.
//!
//! It needs the standard library only: the example `machines` includes it as it is.

mod layout;

use std::fmt::Write as _;

use layout::{Layout, Point, Route};

/// A machine to be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The ids of the machines that it may call; unknown ones are left out.
    pub(crate) reaches: Vec<String>,
}

/// Machines with their places.
#[derive(Debug)]
pub(crate) struct Drawing {
    nodes: Vec<Node>,
    layout: Layout,
}

/// The look of a drawing that stands on its own, in light and in dark surroundings. The console has
/// its own.
const STYLE: &str = "\
.node rect{fill:#fff;stroke:#8a93a6}.node text{fill:#1c2330;font:500 13px system-ui,sans-serif}\
.edge path{fill:none;stroke:#5b6ee1;stroke-width:1.5}.edge .head{fill:#5b6ee1;stroke:none}\
.edge .hit{stroke:none}\
@media(prefers-color-scheme:dark){.node rect{fill:#1d2330;stroke:#67718a}.node text{fill:#e8ebf2}\
.edge path{stroke:#93a2ff}.edge .head{fill:#93a2ff}}";

/// Names longer than this are cut short.
const LONGEST_NAME: usize = 26;

impl Drawing {
    /// Finds a place for each machine: callers to the left of those that they call.
    pub(crate) fn of(nodes: Vec<Node>) -> Self {
        let index = |id: &String| nodes.iter().position(|node| node.id == *id);
        let mut edges = Vec::new();
        for (from, node) in nodes.iter().enumerate() {
            edges.extend(node.reaches.iter().filter_map(index).map(|to| (from, to)));
        }
        let widths: Vec<_> = nodes.iter().map(|node| width(&shown(&node.name))).collect();
        let layout = Layout::of(&widths, &edges);
        Self { nodes, layout }
    }

    /// Returns the drawing as an SVG document with a look of its own.
    pub(crate) fn svg(&self) -> String {
        self.document(&format!("<style>{STYLE}</style>\n"))
    }

    /// Returns it without a look, for a page that has one.
    #[allow(dead_code, reason = "the command line draws for no page")]
    pub(crate) fn bare_svg(&self) -> String {
        self.document("")
    }

    fn document(&self, style: &str) -> String {
        let (width, height) = (self.layout.width, self.layout.height);
        let (machines, scopes) = (self.nodes.len(), self.layout.routes.len());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">\n\
             <title>{machines} machines, {scopes} scopes</title>\n{style}"
        );
        for route in &self.layout.routes {
            self.edge(&mut svg, route);
        }
        for (node, place) in self.nodes.iter().zip(&self.layout.places) {
            box_of(&mut svg, node, *place);
        }
        svg + "</svg>\n"
    }

    fn edge(&self, svg: &mut String, route: &Route) {
        let (Some(from), Some(to)) = (self.nodes.get(route.from), self.nodes.get(route.to)) else {
            return;
        };
        let (path, head) = (route.path(), route.head());
        let _ = writeln!(
            svg,
            "<g class=\"edge\" data-from=\"{}\" data-to=\"{}\"><title>{} may call {}</title>\
             <path class=\"hit\" d=\"{path}\"/><path d=\"{path}\"/><path class=\"head\" d=\"{head}\"/></g>",
            escaped(&from.id),
            escaped(&to.id),
            escaped(&from.name),
            escaped(&to.name),
        );
    }
}

fn box_of(svg: &mut String, node: &Node, place: Point) {
    let name = shown(&node.name);
    let (width, height) = (width(&name), layout::NODE_HEIGHT);
    let (x, y) = (place.x, place.y - height / 2);
    let _ = writeln!(
        svg,
        "<g class=\"node\" data-id=\"{}\"><title>{}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        escaped(&node.id),
        escaped(&node.name),
        x + width / 2,
        place.y + 5,
        escaped(&name),
    );
}

fn shown(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{kept}…")
}

/// About the width of a name in the font, with room on both sides. Wide scripts take two columns.
fn width(name: &str) -> i32 {
    let columns = name.chars().map(|c| if c.is_ascii() { 8 } else { 14 });
    columns.sum::<i32>().max(56) + 28
}

/// Text of XML; control characters, which XML cannot hold, become spaces.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => safe.push(' '),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, reaches: &[&str]) -> Node {
        Node {
            id: id.to_owned(),
            name: format!("name of {id}"),
            reaches: reaches.iter().map(|&id| id.to_owned()).collect(),
        }
    }

    #[test]
    fn each_machine_and_each_scope_is_drawn_once() {
        let drawing = Drawing::of(vec![
            node("a", &["b", "c"]),
            node("b", &["c", "a"]),
            node("c", &["c", "gone"]),
            node("d", &[]),
        ]);
        let svg = drawing.svg();
        assert_eq!(svg.matches("class=\"node\"").count(), 4, "{svg}");
        assert_eq!(svg.matches("class=\"edge\"").count(), 5, "{svg}");
        assert!(svg.contains("data-from=\"b\" data-to=\"a\""), "{svg}");
        assert!(svg.contains("name of b may call name of a"), "{svg}");
    }

    #[test]
    fn a_name_cannot_leave_its_text() {
        let mut evil = node("a", &[]);
        evil.name = "</text><script>\"'&\u{1}".to_owned();
        let svg = Drawing::of(vec![evil]).svg();
        assert!(
            svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&apos;&amp; "),
            "{svg}"
        );
        assert!(!svg.contains("<script"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_a_drawing_too() {
        assert!(Drawing::of(Vec::new()).svg().ends_with("</svg>\n"));
    }
}
