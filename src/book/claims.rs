//! The page of claims: what people believe, beside what is so, each with the lesson that asks a kernel.

use crate::lesson::library::Library;
use crate::lesson::misconception;
use std::fmt::Write as _;

/// Where the table goes in a chapter.
const PLACE: &str = "{{claims}}";

/// The chapter with the table in its place, all in English: its cells are translated as any others.
pub(super) fn fill(chapter: &str, library: &Library) -> String {
    chapter.replace(PLACE, &table(library))
}

/// A Markdown table, in the order of the lessons.
fn table(library: &Library) -> String {
    let mut text = "| You will read | What is so | Ask a kernel |\n|---|---|---|\n".to_owned();
    for (one, page) in misconception::met(library) {
        let _ = writeln!(text, "| {} | {} | [`{id}`]({id}.md) |", cell(&one.claim), cell(&one.truth), id = page.id);
    }
    text
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_has_a_row_of_three_cells_and_a_lesson_that_is_there() {
        let library = Library::built_in();
        let table = table(&library);
        assert_eq!(table.lines().count(), misconception::built_in().len() + 2);
        for row in table.lines().skip(2) {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
            let id = row.rsplit_once("[`").unwrap().1.split('`').next().unwrap();
            assert!(library.find(id).is_ok(), "{row}");
        }
    }
}
