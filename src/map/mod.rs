//! Pictures of what is there: nodes and edges, looked up in the kernel and on disk, and then drawn as text, SVG, dot or
//! mermaid. What a picture says is in its nodes; how it is laid out is decided last, and nothing is typed in by hand.

mod cgroups;
mod draw;
mod language;
mod layers;
mod namespaces;
mod network;
mod stages;
mod text;
mod timeline;
pub mod words;

pub use cgroups::cgroups;
pub use draw::svg;
pub use language::{dot, mermaid};
pub use layers::layers;
pub use namespaces::namespaces;
pub use network::network;
pub use stages::{Walk, stages};
pub use text::text;
pub use timeline::{Call, Step, Timeline};

use crate::lesson::catalog::Catalog;
use crate::stages::create::Container;
use serde::Serialize;

/// Version of the shape of [`Picture`] and [`Timeline`] as JSON.
pub const SCHEMA: u32 = 1;

/// On which side of a container's border something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// In the container's own namespaces, or written by it.
    Inside,
    /// On this machine.
    Outside,
}

/// One thing that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is.
    pub title: String,
    /// What is known of it, a line each.
    pub lines: Vec<String>,
    /// Where it is.
    pub side: Side,
}

/// How two things hang together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Number of a node, from 0 on.
    pub from: usize,
    /// Number of a node.
    pub to: usize,
    /// What the edge means; may be empty.
    pub says: String,
}

/// A picture: a forest, or one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What it shows.
    pub title: String,
    /// What there is.
    pub nodes: Vec<Node>,
    /// How it hangs together: an edge leads from a node to a later one.
    pub edges: Vec<Edge>,
    /// What could not be seen, and why.
    pub notes: Vec<String>,
}

impl Picture {
    fn new(title: String) -> Self {
        Self { schema: SCHEMA, title, nodes: Vec::new(), edges: Vec::new(), notes: Vec::new() }
    }

    /// Adds a node, below another one where there is one; its number.
    fn add(&mut self, below: Option<(usize, &str)>, node: Node) -> usize {
        let number = self.nodes.len();
        self.nodes.push(node);
        if let Some((from, says)) = below {
            self.edges.push(Edge { from, to: number, says: says.to_owned() });
        }
        number
    }

    /// Whether each node has at most one below it and one above it, and there is one beginning.
    pub fn is_chain(&self) -> bool {
        self.edges.iter().all(|edge| edge.to == edge.from + 1) && self.edges.len() + 1 == self.nodes.len()
    }

    /// The nodes that hang on nothing.
    fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|number| self.edges.iter().all(|edge| edge.to != *number))
    }

    /// In one sentence a node, for whoever does not see the picture.
    fn description(&self, catalog: &Catalog) -> String {
        let one = |node: &Node| {
            let lines: Vec<String> = node.lines.iter().map(|line| line.trim().to_owned()).collect();
            let told =
                if lines.is_empty() { node.title.clone() } else { catalog.colon(&node.title, &catalog.parts(&lines)) };
            catalog.full_stop(&told)
        };
        self.nodes.iter().map(one).collect::<String>().trim_end().to_owned()
    }
}

impl Node {
    fn new(side: Side, title: impl Into<String>, lines: Vec<String>) -> Self {
        Self { title: title.into(), lines, side }
    }
}

/// As docker shows a container: its name and the beginning of its ID.
fn called(container: &Container) -> String {
    format!("{} ({})", container.name, container.id.get(..12).unwrap_or(&container.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn picture() -> Picture {
        let mut picture = Picture::new("a <tree>".into());
        let node = |title: &str| Node::new(Side::Outside, title, vec!["one & \"two\"".into()]);
        let root = picture.add(None, node("root"));
        let left = picture.add(Some((root, "makes")), node("left"));
        picture.add(Some((root, "")), node("right"));
        picture.add(Some((left, "holds")), node("below left"));
        picture
    }

    #[test]
    fn a_tree_is_no_chain() {
        assert!(!picture().is_chain());
        assert_eq!(picture().roots().collect::<Vec<_>>(), [0]);
    }
}
