//! Where the boxes and arrows of a drawing go: the layers of Sugiyama, Tagawa and Toda (1981).
//!
//! Arrows that would close a circle are turned round, each machine gets the layer after its last
//! caller, arrows over several layers get a waypoint in each, and the order within the layers is
//! improved by barycentres, so that fewer arrows cross.

/// The height of a box.
pub(super) const NODE_HEIGHT: i32 = 36;
/// Between boxes of a layer, between layers, and around everything.
const ROW_GAP: i32 = 22;
const COLUMN_GAP: i32 = 96;
const MARGIN: i32 = 16;
/// The length of an arrow's head.
const HEAD: i32 = 9;
/// How often the order is improved, forwards and backwards.
const SWEEPS: usize = 6;
/// How many unconnected boxes stand in one row.
const ROW_OF_LONERS: usize = 4;

/// A place in pixels; of a box, the middle of its left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// The way of an arrow from the first point to the last one.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) from: usize,
    pub(super) to: usize,
    points: Vec<Point>,
}

/// The places of all boxes and arrows, and the size of the whole.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) places: Vec<Point>,
    pub(super) routes: Vec<Route>,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Route {
    /// The line without the head, as SVG path data.
    pub(super) fn path(&self) -> String {
        let mut points = self.points.clone();
        if let Some(end) = self.points.last() {
            let back = HEAD * self.direction();
            if let Some(last) = points.last_mut() {
                last.x = end.x - back;
            }
        }
        let mut path = String::new();
        for pair in points.windows(2) {
            let [a, b] = pair else { continue };
            if path.is_empty() {
                path = format!("M{} {}", a.x, a.y);
            }
            if self.is_loop() {
                path += &format!(
                    "C{} {} {} {} {} {}",
                    a.x + 44,
                    a.y - 40,
                    b.x - 44,
                    b.y - 40,
                    b.x,
                    b.y
                );
            } else {
                let middle = (a.x + b.x) / 2;
                path += &format!("C{middle} {} {middle} {} {} {}", a.y, b.y, b.x, b.y);
            }
        }
        path
    }

    /// The head, a triangle that touches the box.
    pub(super) fn head(&self) -> String {
        let end = self.points.last().copied().unwrap_or(Point { x: 0, y: 0 });
        let base = end.x - HEAD * self.direction();
        format!(
            "M{} {}L{base} {}L{base} {}Z",
            end.x,
            end.y,
            end.y - 4,
            end.y + 4
        )
    }

    /// A machine that may call itself.
    fn is_loop(&self) -> bool {
        self.from == self.to
    }

    /// 1 where it arrives from the left, -1 where it arrives from the right.
    fn direction(&self) -> i32 {
        match self.points.as_slice() {
            [.., before, last] if !self.is_loop() && before.x > last.x => -1,
            _ => 1,
        }
    }
}

/// A box, or a waypoint of a long arrow.
struct Cell {
    layer: usize,
    width: i32,
    height: i32,
    place: Point,
}

impl Layout {
    /// Lays out boxes of these widths with these arrows.
    pub(super) fn of(widths: &[i32], edges: &[(usize, usize)]) -> Self {
        let count = widths.len();
        let drawn: Vec<_> = edges
            .iter()
            .copied()
            .filter(|(from, to)| from != to)
            .collect();
        let turned = turned(count, &drawn);
        let forward = |&(from, to): &(usize, usize)| {
            if turned.contains(&(from, to)) {
                (to, from)
            } else {
                (from, to)
            }
        };
        let mut arrows: Vec<_> = drawn.iter().map(forward).collect();
        arrows.sort_unstable();
        arrows.dedup();
        let layers = layers(count, &arrows);
        let mut cells: Vec<_> = widths
            .iter()
            .zip(&layers)
            .map(|(&width, &layer)| Cell {
                layer,
                width,
                height: NODE_HEIGHT,
                place: Point { x: 0, y: 0 },
            })
            .collect();
        let ways: Vec<_> = arrows.iter().map(|arrow| way(&mut cells, *arrow)).collect();
        let touched = |node: &usize| arrows.iter().any(|(a, b)| a == node || b == node);
        let (connected, loners): (Vec<_>, Vec<_>) = (0..count).partition(touched);
        let below = place_layers(&mut cells, &connected, count, &ways);
        place_loners(&mut cells, &loners, below);
        let routes = edges.iter().map(|edge| {
            let arrow = forward(edge);
            let way = arrows
                .iter()
                .position(|known| *known == arrow)
                .and_then(|at| ways.get(at));
            let both = drawn.contains(&(edge.1, edge.0));
            route(&cells, *edge, arrow, way.map_or(&[], Vec::as_slice), both)
        });
        let routes = routes.collect();
        let right = cells
            .iter()
            .map(|cell| cell.place.x + cell.width)
            .max()
            .unwrap_or(0);
        let bottom = cells
            .iter()
            .map(|cell| cell.place.y + cell.height / 2)
            .max()
            .unwrap_or(0);
        Self {
            places: cells.iter().take(count).map(|cell| cell.place).collect(),
            routes,
            width: right + MARGIN * 2,
            height: bottom + MARGIN,
        }
    }
}

/// The arrows that lead back to where a walk along the arrows came from.
fn turned(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut turned = Vec::new();
    let mut done = vec![false; count];
    let mut on_walk = vec![false; count];
    for start in 0..count {
        // A stack of its own, since a chain may be as long as there are machines.
        let mut walk = vec![(start, 0)];
        while let Some((node, next)) = walk.pop() {
            if next == 0 && (done.get(node) == Some(&true) || on_walk.get(node) == Some(&true)) {
                continue;
            }
            set(&mut on_walk, node, true);
            let mut out = edges.iter().filter(|(from, _)| *from == node).skip(next);
            let Some(&(_, to)) = out.next() else {
                set(&mut on_walk, node, false);
                set(&mut done, node, true);
                continue;
            };
            walk.push((node, next + 1));
            if on_walk.get(to) == Some(&true) {
                turned.push((node, to));
            } else {
                walk.push((to, 0));
            }
        }
    }
    turned
}

fn set(flags: &mut [bool], at: usize, value: bool) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = value;
    }
}

/// The layer of each box: one after the last of those that call it.
fn layers(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    // Without circles, as many rounds as there are boxes are enough; mostly a few are.
    for _ in 0..count {
        let mut changed = false;
        for &(from, to) in arrows {
            let after = layers.get(from).map_or(0, |layer| layer + 1);
            if let Some(layer) = layers.get_mut(to).filter(|layer| **layer < after) {
                *layer = after;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    layers
}

/// The cells that an arrow goes through: its ends, and a new one in each layer between them.
fn way(cells: &mut Vec<Cell>, (from, to): (usize, usize)) -> Vec<usize> {
    let layer = |cells: &[Cell], at: usize| cells.get(at).map_or(0, |cell: &Cell| cell.layer);
    let (first, last) = (layer(cells, from), layer(cells, to));
    let mut way = vec![from];
    for layer in first + 1..last {
        way.push(cells.len());
        cells.push(Cell {
            layer,
            width: 0,
            height: 8,
            place: Point { x: 0, y: 0 },
        });
    }
    way.push(to);
    way
}

/// Orders and places everything that an arrow touches; returns where the space below begins.
fn place_layers(cells: &mut [Cell], connected: &[usize], boxes: usize, ways: &[Vec<usize>]) -> i32 {
    let waypoints = boxes..cells.len();
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for at in connected.iter().copied().chain(waypoints) {
        let layer = cells.get(at).map_or(0, |cell| cell.layer);
        while layers.len() <= layer {
            layers.push(Vec::new());
        }
        if let Some(layer) = layers.get_mut(layer) {
            layer.push(at);
        }
    }
    let mut links: Vec<Vec<usize>> = cells.iter().map(|_| Vec::new()).collect();
    for pair in ways.iter().flat_map(|way| way.windows(2)) {
        if let [a, b] = pair {
            if let Some(links) = links.get_mut(*a) {
                links.push(*b);
            }
            if let Some(links) = links.get_mut(*b) {
                links.push(*a);
            }
        }
    }
    stack(cells, &layers);
    for sweep in 0..SWEEPS {
        let backwards = sweep % 2 == 1;
        let count = layers.len();
        for step in 0..count {
            let at = if backwards { count - 1 - step } else { step };
            if let Some(layer) = layers.get_mut(at) {
                improve(cells, layer, &links, backwards);
            }
        }
        stack(cells, &layers);
    }
    columns(cells, &layers)
}

/// Sorts a layer by the mean height of its neighbours in the layer before (or after).
fn improve(cells: &[Cell], layer: &mut [usize], links: &[Vec<usize>], after: bool) {
    layer.sort_by_key(|&at| {
        let Some(own) = cells.get(at) else { return 0 };
        let near = links
            .get(at)
            .into_iter()
            .flatten()
            .filter_map(|&other| cells.get(other));
        let near = near.filter(|cell| (cell.layer > own.layer) == after);
        let heights: Vec<_> = near.map(|cell| cell.place.y).collect();
        let count = i32::try_from(heights.len()).unwrap_or(i32::MAX);
        heights
            .iter()
            .sum::<i32>()
            .checked_div(count)
            .unwrap_or(own.place.y)
    });
}

/// Stacks each layer in its order, around one middle line.
fn stack(cells: &mut [Cell], layers: &[Vec<usize>]) {
    let height = |cells: &[Cell], layer: &[usize]| -> i32 {
        let heights = layer.iter().filter_map(|&at| cells.get(at));
        heights.map(|cell| cell.height + ROW_GAP).sum::<i32>() - ROW_GAP
    };
    let tallest = layers
        .iter()
        .map(|layer| height(cells, layer))
        .max()
        .unwrap_or(0);
    for layer in layers {
        let mut y = MARGIN + (tallest - height(cells, layer)) / 2;
        for &at in layer {
            if let Some(cell) = cells.get_mut(at) {
                cell.place.y = y + cell.height / 2;
                y += cell.height + ROW_GAP;
            }
        }
    }
}

/// Places the layers side by side; returns the height below them.
fn columns(cells: &mut [Cell], layers: &[Vec<usize>]) -> i32 {
    let mut x = MARGIN;
    for layer in layers {
        let widest = layer
            .iter()
            .filter_map(|&at| cells.get(at))
            .map(|cell| cell.width)
            .max();
        let widest = widest.unwrap_or(0);
        for &at in layer {
            if let Some(cell) = cells.get_mut(at) {
                cell.place.x = x + (widest - cell.width) / 2;
            }
        }
        x += widest + COLUMN_GAP;
    }
    let all = layers.iter().flatten().filter_map(|&at| cells.get(at));
    let bottom = all.map(|cell| cell.place.y + cell.height / 2).max();
    bottom.map_or(MARGIN, |bottom| bottom + ROW_GAP * 2)
}

/// Places the boxes that no arrow touches in rows.
fn place_loners(cells: &mut [Cell], loners: &[usize], mut top: i32) {
    for row in loners.chunks(ROW_OF_LONERS) {
        let mut x = MARGIN;
        for &at in row {
            if let Some(cell) = cells.get_mut(at) {
                cell.place = Point {
                    x,
                    y: top + NODE_HEIGHT / 2,
                };
                x += cell.width + ROW_GAP;
            }
        }
        top += NODE_HEIGHT + ROW_GAP;
    }
}

/// The points of an arrow along the cells of its way; of two that lead there and back, one runs
/// above the other.
fn route(
    cells: &[Cell],
    (from, to): (usize, usize),
    arrow: (usize, usize),
    way: &[usize],
    both: bool,
) -> Route {
    let shift = match (both, arrow == (from, to)) {
        (false, _) => 0,
        (true, true) => -7,
        (true, false) => 7,
    };
    let mut points = Vec::new();
    let left = |cell: &Cell| Point {
        x: cell.place.x,
        y: cell.place.y + shift,
    };
    let right = |cell: &Cell| Point {
        x: cell.place.x + cell.width,
        y: cell.place.y + shift,
    };
    if let (true, Some(cell)) = (from == to, cells.get(from)) {
        let top = cell.place.y - NODE_HEIGHT / 4;
        points = vec![
            Point {
                x: cell.place.x + cell.width,
                y: top,
            },
            Point {
                x: cell.place.x,
                y: top,
            },
        ];
    }
    for (step, at) in way.iter().enumerate() {
        let Some(cell) = cells.get(*at).filter(|_| from != to) else {
            continue;
        };
        points.push(if step == 0 { right(cell) } else { left(cell) });
    }
    if arrow != (from, to) {
        points.reverse();
    }
    Route { from, to, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_stand_to_the_left_of_those_they_call() {
        let layout = Layout::of(&[80; 4], &[(0, 1), (1, 2), (0, 2), (3, 2)]);
        let x = |at: usize| layout.places[at].x;
        assert!(x(0) < x(1) && x(1) < x(2) && x(3) < x(2), "{layout:?}");
    }

    #[test]
    fn boxes_do_not_overlap() {
        let edges: Vec<_> = (0..30)
            .flat_map(|a| [(a, (a * 7 + 1) % 30), (a, (a + 3) % 30)])
            .collect();
        let layout = Layout::of(&[100; 34], &edges);
        for (at, a) in layout.places.iter().enumerate() {
            for b in &layout.places[at + 1..] {
                let apart = (a.x - b.x).abs() >= 100 || (a.y - b.y).abs() >= NODE_HEIGHT;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_circle_is_drawn_with_each_arrow_in_its_direction() {
        let layout = Layout::of(&[80; 3], &[(0, 1), (1, 2), (2, 0), (1, 0)]);
        for route in &layout.routes {
            let (first, last) = (route.points[0], *route.points.last().unwrap());
            let (from, to) = (layout.places[route.from], layout.places[route.to]);
            assert!(
                (first.y - from.y).abs() <= 7 && (last.y - to.y).abs() <= 7,
                "{route:?}"
            );
        }
    }
}
