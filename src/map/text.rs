//! A picture as text: a chain from above to below, a tree with its branches. Every line can be read aloud by itself.

use super::Picture;
use std::fmt::Write;
use termtree::{GlyphPalette, Tree};

/// The picture in lines. `fold` breaks a line that is too long for a given number of columns into several; `unicode`
/// chooses the branches.
pub fn text(picture: &Picture, width: usize, unicode: bool, fold: impl Fn(&str, usize) -> Vec<String>) -> String {
    let body = if picture.is_chain() {
        chain(picture, width, unicode, &fold)
    } else {
        let trees = picture.roots().map(|root| tree(picture, root, 0, width, unicode, &fold).to_string());
        trees.collect::<Vec<_>>().join("\n")
    };
    let notes: String = picture.notes.iter().map(|note| format!("\n{}\n", fold(note, width).join("\n"))).collect();
    let lines: Vec<&str> = body.lines().map(str::trim_end).collect();
    format!("{}\n\n{}\n{notes}", fold(&picture.title, width).join("\n"), lines.join("\n"))
}

fn chain(picture: &Picture, width: usize, unicode: bool, fold: &impl Fn(&str, usize) -> Vec<String>) -> String {
    let (bar, arrow) = if unicode { ("│", "▼") } else { ("|", "v") };
    let mut text = String::new();
    for (number, node) in picture.nodes.iter().enumerate() {
        if let Some(edge) = picture.edges.iter().find(|edge| edge.to == number) {
            let _ = writeln!(text, "  {bar} {}\n  {arrow}", edge.says);
        }
        let _ = writeln!(text, "{}", node.title);
        for line in node.lines.iter().flat_map(|line| fold(line, width.saturating_sub(4))) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn tree(
    picture: &Picture,
    number: usize,
    depth: usize,
    width: usize,
    unicode: bool,
    fold: &impl Fn(&str, usize) -> Vec<String>,
) -> Tree<String> {
    let node = &picture.nodes[number];
    // A branch takes four columns, and the lines below a title two more.
    let room = width.saturating_sub(4 * depth + 4).max(20);
    let says = picture.edges.iter().find(|edge| edge.to == number).map_or("", |edge| edge.says.as_str());
    let title = if says.is_empty() { node.title.clone() } else { format!("{} ({says})", node.title) };
    let mut lines = fold(&title, room + 2);
    lines.extend(node.lines.iter().flat_map(|line| fold(line, room)).map(|line| format!("  {line}")));
    let below = picture.edges.iter().filter(|edge| edge.from == number);
    let leaves: Vec<_> = below.map(|edge| tree(picture, edge.to, depth + 1, width, unicode, fold)).collect();
    Tree::new(lines.join("\n")).with_multiline(true).with_glyphs(palette(unicode)).with_leaves(leaves)
}

fn palette(unicode: bool) -> GlyphPalette {
    if unicode {
        return GlyphPalette::new();
    }
    GlyphPalette {
        middle_item: "|",
        last_item: "`",
        item_indent: "-- ",
        middle_skip: "|",
        last_skip: " ",
        skip_indent: "   ",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::picture;
    use super::*;

    #[test]
    fn each_node_hangs_on_its_own_branch_and_says_what_it_is() {
        let shown = text(&picture(), 80, true, |line, _| vec![line.to_owned()]);
        let wanted = "a <tree>\n\nroot\n  one & \"two\"\n├── left (makes)\n│     one & \"two\"\n│   └── below left (holds)\n\
            │         one & \"two\"\n└── right\n      one & \"two\"\n";
        assert_eq!(shown, wanted);
        let ascii = text(&picture(), 80, false, |line, _| vec![line.to_owned()]);
        assert!(ascii.is_ascii() && ascii.lines().count() == shown.lines().count(), "{ascii}");
    }
}
