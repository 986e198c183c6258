//! Tables: columns side by side where they fit, cells wrapped where they do not.

use super::inline::{Paint, Span, columns, wrap};

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<Vec<Span>>>,
}

const GAP: usize = 3;
const NARROWEST: usize = 6;

impl Table {
    /// The lines of the table in `width` columns.
    pub(super) fn lines(&self, width: usize, color: bool) -> Vec<String> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths = self.widths(count, width);
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            lines.extend(row_lines(row, &widths, number == 0, color));
            if number == 0 {
                let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>();
                lines.push(rule.join(&" ".repeat(GAP)));
            }
        }
        lines
    }

    /// A line for each row but the first: what the first calls each cell, and the cell.
    pub(super) fn sentences(&self) -> Vec<String> {
        let text = |cell: &Vec<Span>| cell.iter().map(|span| span.text.as_str()).collect::<String>();
        let Some((head, rows)) = self.rows.split_first() else { return Vec::new() };
        let named = |(at, cell): (usize, &Vec<Span>)| match head.get(at).map(text).filter(|name| !name.is_empty()) {
            Some(name) => format!("{name}: {}", text(cell)),
            None => text(cell),
        };
        rows.iter().map(|row| row.iter().enumerate().map(named).collect::<Vec<_>>().join("; ") + ".").collect()
    }

    /// The widest column gives way until all fit.
    fn widths(&self, count: usize, width: usize) -> Vec<usize> {
        let natural = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| wrap(cell, usize::MAX, false).iter().map(|line| columns(line)).max().unwrap_or(0)).max()
        };
        let mut widths: Vec<usize> = (0..count).map(|column| natural(column).unwrap_or(0).max(1)).collect();
        while widths.iter().sum::<usize>() + GAP * count.saturating_sub(1) > width {
            let Some(widest) = widths.iter_mut().max_by_key(|width| **width).filter(|width| **width > NARROWEST) else {
                break;
            };
            *widest -= 1;
        }
        widths
    }
}

fn row_lines(row: &[Vec<Span>], widths: &[usize], header: bool, color: bool) -> Vec<String> {
    let cells: Vec<Vec<String>> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let bold = |span: &Span| Span { paint: Paint { bold: true, ..span.paint }, ..span.clone() };
            let spans: Vec<Span> = if header { cell.iter().map(bold).collect() } else { cell.clone() };
            wrap(&spans, *width, color)
        })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    (0..height).map(|line| one_line(&cells, widths, line)).collect()
}

fn one_line(cells: &[Vec<String>], widths: &[usize], line: usize) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let part = cell.get(line).map_or("", String::as_str);
        text.push_str(part);
        text.push_str(&" ".repeat(width.saturating_sub(columns(part)) + GAP));
    }
    text.trim_end().to_owned()
}
