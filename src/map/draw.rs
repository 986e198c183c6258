//! A picture as SVG: laid out by the crate `layout-rs`, written by the crate `svg`. Readable in light and in dark, and every
//! word of it is text.

use super::{Node, Picture, Side};
use crate::lesson::catalog::Catalog;
use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;
use std::fmt::Write;
use svg::Document;
use svg::node::Value;
use svg::node::element::{Definitions, Description, Group, Marker, Path, Rectangle, Style, Text, Title};
use unicode_width::UnicodeWidthStr;

/// Of a line, in pixels.
const LINE: f64 = 17.0;
/// Of one column in the font of [`STYLE`], in pixels; a little more than it is in most.
const COLUMN: f64 = 7.5;
/// Around the text of a node.
const PAD: f64 = 10.0;

/// Colours of the page that shows it, where it says which it prefers. The two sides differ in the border, too.
pub(super) const STYLE: &str = "
text { font: 12px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #222; white-space: pre }
.title { font-weight: bold } .paper { fill: #fff }
.outside { fill: #f3f3f3; stroke: #888 } .inside { fill: #e8f1fb; stroke: #1d5fa8; stroke-width: 2 }
.edge { fill: none; stroke: #666 } .says { fill: #555; font-style: italic } .head { fill: #666 }
.bar { fill: #1d5fa8 } .break { stroke: #999; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .paper { fill: #1b1b1b } .says { fill: #aaa } .edge { stroke: #999 } .head { fill: #999 }
.outside { fill: #2a2a2a; stroke: #888 } .inside { fill: #14283d; stroke: #7db4ef } .bar { fill: #7db4ef }
}
";

/// The picture.
pub fn svg(picture: &Picture, catalog: &Catalog) -> String {
    let mut graph = VisualGraph::new(Orientation::TopToBottom);
    let mut handles = Vec::new();
    for (number, node) in picture.nodes.iter().enumerate() {
        let shape = ShapeKind::new_box("");
        let look = StyleAttr::simple();
        let number = number.to_string();
        handles.push(graph.add_node(Element::create_with_properties(
            shape,
            look,
            Orientation::TopToBottom,
            size(node),
            number,
        )));
    }
    for edge in &picture.edges {
        graph.add_edge(Arrow::simple(&edge.says), handles[edge.from], handles[edge.to]);
    }
    let mut canvas = Canvas { picture, body: Group::new(), far: Point::zero() };
    graph.do_it(false, false, false, &mut canvas);
    let (width, height) = (canvas.far.x + 2.0 * PAD, canvas.far.y + 2.0 * PAD);
    page(&picture.title, &picture.description(catalog), width, height).add(canvas.body).to_string() + "\n"
}

/// An empty page with its colours, its title, and what it shows in words.
pub(super) fn page(title: &str, description: &str, width: f64, height: f64) -> Document {
    let head = Path::new().set("class", "head").set("d", "M0,0 L8,4 L0,8 z");
    let arrow = Marker::new().set("id", "head").set("markerWidth", 8).set("markerHeight", 8);
    let arrow = arrow.set("refX", 8).set("refY", 4).set("orient", "auto").add(head);
    Document::new()
        .set("viewBox", format!("0 0 {width:.0} {height:.0}"))
        .set("width", px(width))
        .set("height", px(height))
        .set("role", "img")
        .add(Title::new(title))
        .add(Description::new().add(svg::node::Text::new(description)))
        .add(Style::new(STYLE))
        .add(Definitions::new().add(arrow))
        .add(Rectangle::new().set("class", "paper").set("width", px(width)).set("height", px(height)))
}

/// Whole pixels are enough, and make two pictures comparable.
pub(super) fn px(number: f64) -> Value {
    format!("{number:.0}").into()
}

fn size(node: &Node) -> Point {
    let widest = std::iter::once(&node.title).chain(&node.lines).map(|line| line.width()).max().unwrap_or(0);
    Point::new(columns(widest) * COLUMN + 2.0 * PAD, columns(node.lines.len() + 1) * LINE + 2.0 * PAD)
}

/// A small count as a length.
pub(super) fn columns(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// What `layout-rs` draws on. It knows where things are; what stands in them is the picture's.
struct Canvas<'a> {
    picture: &'a Picture,
    body: Group,
    far: Point,
}

impl Canvas<'_> {
    fn add(&mut self, node: impl svg::Node) {
        let body = std::mem::replace(&mut self.body, Group::new());
        self.body = body.add(node);
    }

    fn reach(&mut self, x: f64, y: f64) {
        self.far = Point::new(self.far.x.max(x), self.far.y.max(y));
    }
}

impl RenderBackend for Canvas<'_> {
    fn draw_rect(&mut self, at: Point, size: Point, _: &StyleAttr, which: Option<String>, _: Option<ClipHandle>) {
        let node = which.and_then(|number| self.picture.nodes.get(number.parse::<usize>().ok()?));
        let Some(node) = node else { return };
        self.reach(at.x + size.x, at.y + size.y);
        let class = if node.side == Side::Inside { "inside" } else { "outside" };
        let frame = Rectangle::new().set("class", class).set("x", px(at.x)).set("y", px(at.y));
        let mut group = Group::new().add(frame.set("width", px(size.x)).set("height", px(size.y)).set("rx", 4));
        for (number, line) in std::iter::once(&node.title).chain(&node.lines).enumerate() {
            let y = at.y + PAD + columns(number) * LINE + 0.75 * LINE;
            let class = if number == 0 { "title" } else { "line" };
            group = group.add(Text::new(line).set("class", class).set("x", px(at.x + PAD)).set("y", px(y)));
        }
        self.add(group);
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    /// Only what an edge says comes this way: nodes are given no text.
    fn draw_text(&mut self, middle: Point, text: &str, _: &StyleAttr) {
        if text.is_empty() {
            return;
        }
        let width = columns(text.width()) * COLUMN;
        self.reach(middle.x + width + PAD, middle.y + LINE);
        // Beside its line and not on it.
        let words = Text::new(text).set("class", "says").set("x", px(middle.x + 8.0)).set("y", px(middle.y + 4.0));
        self.add(words);
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [first, second, rest @ ..] = path else { return };
        let point = |at: Point| format!("{:.0} {:.0}", at.x, at.y);
        let curve = [first.1, second.0, second.1].map(point).join(", ");
        let mut way = format!("M {} C {curve}", point(first.0));
        for (control, end) in rest {
            let _ = write!(way, " S {}, {}", point(*control), point(*end));
        }
        self.add(Path::new().set("class", "edge").set("marker-end", "url(#head)").set("d", way));
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::picture;
    use super::*;

    #[test]
    fn every_node_is_drawn_and_no_text_is_markup() {
        let text = svg(&picture(), &Catalog::default());
        assert_eq!(text.matches("class=\"outside\"").count(), 4, "{text}");
        assert_eq!(text.matches("class=\"edge\"").count(), 3);
        assert!(text.contains("a &lt;tree&gt;") && text.contains("one &amp;") && !text.contains("<tree>"), "{text}");
        assert!(text.contains("makes") && text.contains("holds"), "what the edges say: {text}");
    }
}
