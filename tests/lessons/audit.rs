//! What each lesson owes whoever follows it: two predictions, a reason for each option, one exercise with the ways in which
//! it goes wrong, and a ladder of hints with three rungs.

use explore::lesson::library::Library;
use explore::lesson::page::{BlockKind, Page, Part, Text};

/// What a page does not have.
fn lacking(page: &Page) -> Vec<String> {
    let (mut predictions, mut exercises, mut lacking) = (0, 0, Vec::new());
    let blocks = page.parts.iter().filter_map(|part| if let Part::Block(block) = part { Some(block) } else { None });
    for block in blocks {
        let mut owes = |what: &str, holds: bool| {
            if !holds {
                lacking.push(format!("{} {}: {what}", page.id, block.id));
            }
        };
        let rungs = |hints: &[Text]| hints.len() == 3 && hints.iter().all(|hint| !hint.text.trim().is_empty());
        match &block.kind {
            BlockKind::Predict(predict) => {
                predictions += 1;
                owes("two options or more", predict.options.len() >= 2);
                owes("a why for each option", predict.options.iter().all(|one| !one.why.text.trim().is_empty()));
                owes("three hints", rungs(&predict.hints));
            }
            BlockKind::Exercise(exercise) => {
                exercises += 1;
                owes("a likely wrong way", !exercise.wrong.is_empty());
                owes("three hints", rungs(&exercise.hints));
            }
            _ => {}
        }
    }
    if predictions < 2 {
        lacking.push(format!("{}: two predictions, has {predictions}", page.id));
    }
    if exercises != 1 {
        lacking.push(format!("{}: one exercise, has {exercises}", page.id));
    }
    lacking
}

#[test]
fn every_lesson_has_predictions_reasons_an_exercise_and_three_hints() {
    let library = Library::built_in();
    assert!(library.faults.is_empty() && library.pages.len() >= 40, "{:?}", library.faults);
    let all: Vec<String> = library.pages.iter().flat_map(lacking).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The page that shows the form of a lesson has a prediction without hints: the look finds it.
#[test]
fn a_prediction_without_hints_is_found() {
    let page = ("5-exec/sample.md".to_owned(), include_str!("sample.md").to_owned());
    let found: Vec<String> = Library::of_files(vec![page]).pages.iter().flat_map(lacking).collect();
    assert!(found.contains(&"sample kill-one: three hints".to_owned()), "{found:?}");
}
