//! A picture in the languages that other programs draw: Graphviz's dot, and mermaid (flowchart).

use super::{Picture, Side};
use std::fmt::Write;

/// As Graphviz reads it: <https://graphviz.org/doc/info/lang.html>.
pub fn dot(picture: &Picture) -> String {
    let mut text =
        format!("digraph {{\n  label={};\n  node [shape=box, fontname=monospace];\n", quoted(&picture.title));
    for (number, node) in picture.nodes.iter().enumerate() {
        // \l ends a line and sets it to the left.
        let lines: String = std::iter::once(&node.title).chain(&node.lines).map(|line| escaped(line) + "\\l").collect();
        let style = if node.side == Side::Inside { ", style=bold" } else { "" };
        let _ = writeln!(text, "  n{number} [label=\"{lines}\"{style}];");
    }
    for edge in &picture.edges {
        let _ = writeln!(text, "  n{} -> n{} [label={}];", edge.from, edge.to, quoted(&edge.says));
    }
    text + "}\n"
}

/// As mermaid reads it: <https://mermaid.js.org/syntax/flowchart.html>.
pub fn mermaid(picture: &Picture) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", serde_json::json!(picture.title));
    for (number, node) in picture.nodes.iter().enumerate() {
        let lines: Vec<String> = std::iter::once(&node.title).chain(&node.lines).map(|line| entities(line)).collect();
        let _ = writeln!(text, "  n{number}[\"{}\"]", lines.join("<br>"));
    }
    for edge in &picture.edges {
        let says = if edge.says.is_empty() { String::new() } else { format!("|\"{}\"|", entities(&edge.says)) };
        let _ = writeln!(text, "  n{} -->{says} n{}", edge.from, edge.to);
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Mermaid has no escape but its own entities: `#quot;`, `#lt;`.
fn entities(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;").replace('&', "#amp;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::picture;
    use super::*;

    #[test]
    fn no_text_of_a_node_ends_its_string() {
        let text = dot(&picture());
        assert!(text.contains("n0 [label=\"root\\lone & \\\"two\\\"\\l\"];"), "{text}");
        assert!(text.contains("n1 -> n3 [label=\"holds\"];"), "{text}");
        let text = mermaid(&picture());
        assert!(text.contains("n0[\"root<br>one #amp; #quot;two#quot;\"]"), "{text}");
        assert!(text.contains("n0 -->|\"makes\"| n1") && text.contains("n0 --> n2"), "{text}");
    }
}
