//! The matrix as a picture, for the book and for slides: SVG, readable in light and in dark, with the values as the
//! tooltip of each field, and with every word as text.

use super::{Matrix, Mechanism, Row};
use crate::lesson::catalog::Catalog;
use svg::Document;
use svg::node::element::{Description, Group, Line, Rectangle, Style, Text, Title};

const CELL: usize = 26;
/// Where the fields begin: room for the names of the facts, and for those of the mechanisms above.
const LEFT: usize = 216;
const TOP: usize = 112;
const MARGIN: usize = 12;
/// Room at the right, into which the last of the slanted names leans.
const LEAN: usize = 76;

/// Colours of the page that shows it, where it says which it prefers.
const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #222 }
.paper { fill: #fff } .grid { stroke: #ddd } .same { fill: #bbb } .left-out { fill: #888; font-size: 11px }
.changed { fill: #b3421f }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .paper { fill: #1b1b1b } .grid { stroke: #3a3a3a } .same { fill: #555 } .changed { fill: #ff8a5c }
}
";

/// The picture; its facts are said as the matrix has them.
pub fn draw(matrix: &Matrix, catalog: &Catalog) -> String {
    let facts = matrix.facts();
    let (width, height) = (LEFT + CELL * Mechanism::ALL.len() + LEAN + MARGIN, TOP + CELL * facts.len() + MARGIN);
    let mut picture = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("role", "img")
        .add(Title::new(catalog.sentence("What each mechanism of a container buys")))
        .add(Description::new().add(svg::node::Text::new(description(matrix, catalog))))
        .add(Style::new(STYLE))
        .add(Rectangle::new().set("class", "paper").set("width", width).set("height", height));
    for (column, mechanism) in Mechanism::ALL.into_iter().enumerate() {
        picture = picture.add(name_of(mechanism, column));
    }
    for (number, (code, title)) in facts.iter().enumerate() {
        picture = picture.add(row(matrix, (code, title), number, catalog));
    }
    let mut text = picture.to_string();
    text.push('\n');
    text
}

/// The same in words, for whoever does not see it.
fn description(matrix: &Matrix, catalog: &Catalog) -> String {
    let sentence = |mechanism: Mechanism, changed: Vec<&str>| {
        let (title, facts) = (mechanism.title(), catalog.list(&changed));
        catalog.sentence(&format!("Without {title}: {facts}."))
    };
    let changed = |one: &super::Comparison| -> String {
        let rows = one.facts.iter().filter(|row| row.changed).map(|row| row.title.as_str());
        sentence(one.missing, rows.collect())
    };
    let all: Vec<String> = matrix.columns.iter().map(changed).collect();
    format!("{} {}", catalog.sentence("Which facts change when one thing is taken away."), all.join(" "))
}

/// Above its column, slanted.
fn name_of(mechanism: Mechanism, column: usize) -> Text {
    let (x, y) = (LEFT + column * CELL + CELL / 2, TOP - 10);
    Text::new(mechanism.word()).set("transform", format!("translate({x} {y}) rotate(-50)"))
}

fn row(matrix: &Matrix, (code, title): (&str, &str), number: usize, catalog: &Catalog) -> Group {
    let y = TOP + number * CELL;
    let middle = y + CELL / 2;
    let right = LEFT + CELL * Mechanism::ALL.len();
    let mut group = Group::new()
        .add(Line::new().set("class", "grid").set("x1", MARGIN).set("x2", right).set("y1", y).set("y2", y))
        .add(Text::new(title).set("x", MARGIN).set("y", middle + 5));
    for (column, mechanism) in Mechanism::ALL.into_iter().enumerate() {
        group = group.add(field(matrix.cell(code, mechanism), LEFT + column * CELL, y, catalog));
    }
    group
}

/// A filled square where the fact has changed, a small one where it has not: the two differ without their colour, too.
fn field(row: Option<&Row>, x: usize, y: usize, catalog: &Catalog) -> Group {
    let square = |class: &str, size: usize| {
        let inset = (CELL - size) / 2;
        Rectangle::new()
            .set("class", class)
            .set("x", x + inset)
            .set("y", y + inset)
            .set("width", size)
            .set("height", size)
    };
    match row {
        Some(row) if row.changed => {
            let told = catalog.colon(&row.title, &format!("{} → {}", row.whole, row.without));
            Group::new().add(Title::new(told)).add(square("changed", 18).set("rx", 2))
        }
        Some(row) => Group::new().add(Title::new(catalog.colon(&row.title, &row.whole))).add(square("same", 4)),
        None => Group::new()
            .add(Text::new("?").set("class", "left-out").set("x", x + CELL / 2 - 3).set("y", y + CELL / 2 + 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::without::{Comparison, SCHEMA};

    fn matrix() -> Matrix {
        let row = |code: &str, changed: bool| Row {
            code: code.into(),
            title: format!("<{code}> & co"),
            whole: "its own".into(),
            without: if changed { "the host's" } else { "its own" }.into(),
            changed,
        };
        let column = |missing, changed| Comparison {
            schema: SCHEMA,
            missing,
            facts: vec![row("a", changed), row("b", !changed)],
            said: None,
        };
        let columns = vec![column(Mechanism::Pid, true), column(Mechanism::Uts, false)];
        Matrix { schema: SCHEMA, columns, left_out: Vec::new() }
    }

    #[test]
    fn each_field_is_marked_as_it_was_measured_and_no_value_is_markup() {
        let text = draw(&matrix(), &Catalog::default());
        assert_eq!(text.matches("class=\"changed\"").count(), 2, "{text}");
        assert_eq!(text.matches("class=\"same\"").count(), 2);
        // Twelve mechanisms were not taken away, each in two rows.
        assert_eq!(text.matches(">?<").count() + text.matches("\n?\n").count(), 24, "{text}");
        assert!(text.contains("&lt;a&gt; &amp; co") && !text.contains("<a>"), "{text}");
    }
}
