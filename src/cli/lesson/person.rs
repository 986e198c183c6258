//! Those who follow a lesson: a person who answers, a page that goes by, a program that reads events.

use super::teller::Teller;
use crate::cli::Screen;
use crate::lesson::markdown;
use crate::lesson::page::{Page, Predict, Side};
use crate::lesson::run::{Event, Reader, Reply, RunError, Stop, Wish};
use crate::lesson::words;
use dialoguer::Select;
use dialoguer::theme::SimpleTheme;
use std::io::{self, BufRead, IsTerminal};
use unicode_width::UnicodeWidthStr;

/// Somebody at a terminal, or whose answers come line by line from a pipe.
#[derive(Debug)]
pub(super) struct Person {
    teller: Teller,
    /// A menu is drawn where there is a terminal that can redraw a line.
    menu: bool,
}

impl Person {
    pub(super) fn new(teller: impl FnOnce(bool) -> Teller) -> Self {
        let seen = !Screen::stdout(false).linear;
        let menu = io::stdin().is_terminal() && io::stderr().is_terminal() && io::stdout().is_terminal() && seen;
        Self { teller: teller(!menu), menu }
    }

    fn menu(&mut self, predict: &Predict) -> Result<Reply, RunError> {
        let room = self.teller.width().saturating_sub(6);
        // A menu has no marks of Markdown, and one line for each of its items.
        let plain = |text: &str| markdown::render(text, usize::from(u16::MAX), false).trim_end().replace('\n', " ");
        let mut items: Vec<String> = predict.options.iter().map(|option| plain(&option.text.text)).collect();
        if items.iter().any(|item| item.width() > room) {
            // An item must be one line: the texts stand above, numbered, and the menu has their beginnings.
            self.teller.options(predict).map_err(RunError::Screen)?;
            let cut = |(number, item): (usize, &String)| format!("{}. {}", number + 1, beginning(item, room - 5));
            items = items.iter().enumerate().map(cut).collect();
        }
        let options = items.len();
        if !predict.hints.is_empty() {
            items.push(format!("({})", self.teller.say(words::SHOW_HINT, &[])));
        }
        items.push(format!("({})", self.teller.say(words::LEAVE, &[])));
        let prompt = self.teller.say(words::YOUR_PREDICTION, &[]);
        let select = Select::with_theme(&SimpleTheme).with_prompt(prompt).items(&items).default(0);
        match select.interact_opt() {
            Ok(Some(chosen)) if chosen < options => Ok(Reply::Chosen(chosen)),
            Ok(Some(chosen)) if chosen + 1 < items.len() => Ok(Reply::Hint),
            Ok(_) => Ok(Reply::Leave),
            Err(dialoguer::Error::IO(error)) => {
                // The menu reads ^C as a key; to whoever waits for us it must look like the signal that it stands for.
                if error.kind() == std::io::ErrorKind::Interrupted {
                    crate::kernel::process::die_by(libc::SIGINT);
                }
                Err(RunError::Screen(error))
            }
        }
    }

    fn numbers(&mut self, predict: &Predict) -> Result<Reply, RunError> {
        loop {
            let question = self.teller.say(words::ASK_NUMBER, &[]);
            let line = self.answer(&question)?;
            match line.trim() {
                "h" => return Ok(Reply::Hint),
                "q" => return Ok(Reply::Leave),
                number => match number.parse::<usize>() {
                    Ok(number) if (1..=predict.options.len()).contains(&number) => {
                        return Ok(Reply::Chosen(number - 1));
                    }
                    _ => {
                        let last = predict.options.len().to_string();
                        let text = self.teller.say(words::NO_SUCH_NUMBER, &[("last", &last)]);
                        self.teller.line(&text).map_err(RunError::Screen)?;
                    }
                },
            }
        }
    }

    fn answer(&mut self, question: &str) -> Result<String, RunError> {
        self.teller.ask(question).map_err(RunError::Screen)?;
        let mut line = String::new();
        let count = io::stdin().lock().read_line(&mut line).map_err(RunError::Screen)?;
        if !io::stdin().is_terminal() {
            self.teller.line(line.trim_end()).map_err(RunError::Screen)?;
        }
        if count == 0 { Err(RunError::NoAnswer) } else { Ok(line) }
    }

    fn visit(&mut self, side: Side) -> Result<Wish, RunError> {
        let word = if side == Side::Inside { words::INSIDE } else { words::OUTSIDE };
        let side_word = self.teller.say(word, &[]);
        let text = self.teller.say(words::IN_SHELL, &[("side", &side_word)]);
        self.teller.marked("", &text).map_err(RunError::Screen)?;
        Ok(Wish::Visit(side))
    }

    fn keys(&self, stop: &Stop<'_>) -> String {
        let mut keys = vec![("Enter", words::GO_ON)];
        if stop.exercise.is_some() {
            keys.push(("v", words::VERIFY));
            keys.push(("h", words::A_HINT));
        }
        if stop.has_inside {
            keys.push(("i", words::SHELL_INSIDE));
        }
        if stop.is_live {
            keys.extend([("o", words::SHELL_OUTSIDE), ("r", words::AGAIN)]);
        }
        keys.push(("q", words::LEAVE));
        let said: Vec<String> =
            keys.iter().map(|(key, word)| format!("{key}: {}", self.teller.say(*word, &[]))).collect();
        format!("\n[{}] ", rows(&said, self.teller.width().saturating_sub(" []".len())))
    }
}

impl Reader for Person {
    fn tell(&mut self, _: &Page, event: &Event) -> io::Result<()> {
        self.teller.tell(event)
    }

    fn predict(&mut self, block: &str, predict: &Predict) -> Result<Reply, RunError> {
        // The words of the reader's language; the commands are the same.
        let translated = self.teller.prediction(block);
        let predict = translated.as_ref().unwrap_or(predict);
        if self.menu { self.menu(predict) } else { self.numbers(predict) }
    }

    fn stop(&mut self, stop: &Stop<'_>) -> Result<Wish, RunError> {
        loop {
            let question = self.keys(stop);
            let line = self.answer(&question)?;
            match line.trim() {
                "" => return Ok(Wish::GoOn),
                "i" if stop.has_inside => return self.visit(Side::Inside),
                "o" if stop.is_live => return self.visit(Side::Outside),
                "v" if stop.exercise.is_some() => return Ok(Wish::Verify),
                "h" if stop.exercise.is_some() => return Ok(Wish::Hint),
                "r" if stop.is_live => return Ok(Wish::Again),
                "q" => return Ok(Wish::Leave),
                other => {
                    let text = self.teller.say(words::NO_SUCH_KEY, &[("typed", other)]);
                    self.teller.line(&text).map_err(RunError::Screen)?;
                }
            }
        }
    }
}

/// `said` with commas between, and a new row where it would be wider than `room` columns.
fn rows(said: &[String], room: usize) -> String {
    let mut text = String::new();
    let mut width = 0;
    for (number, one) in said.iter().enumerate() {
        let needs = one.width() + ", ".len();
        if number > 0 {
            text.push_str(if width + needs > room { ",\n " } else { ", " });
        }
        width = if width + needs > room { needs } else { width + needs };
        text.push_str(one);
    }
    text
}

/// At most `room` columns of `text`.
fn beginning(text: &str, room: usize) -> String {
    let mut cut = String::new();
    for letter in text.chars() {
        if cut.width() + 2 > room {
            return cut + "…";
        }
        cut.push(letter);
    }
    cut
}

/// `--yes`: everything is shown, nothing asked.
#[derive(Debug)]
pub(super) struct Passing {
    pub(super) teller: Teller,
}

impl Reader for Passing {
    fn tell(&mut self, _: &Page, event: &Event) -> io::Result<()> {
        self.teller.tell(event)
    }

    fn predict(&mut self, _: &str, _: &Predict) -> Result<Reply, RunError> {
        Ok(Reply::Unasked)
    }

    fn stop(&mut self, _: &Stop<'_>) -> Result<Wish, RunError> {
        Ok(Wish::GoOn)
    }
}

/// `--json`: a line for each event.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) screen: Screen,
}

impl Reader for Program {
    fn tell(&mut self, _: &Page, event: &Event) -> io::Result<()> {
        self.screen.line(&serde_json::to_string(event)?)
    }

    fn predict(&mut self, _: &str, _: &Predict) -> Result<Reply, RunError> {
        Ok(Reply::Unasked)
    }

    fn stop(&mut self, _: &Stop<'_>) -> Result<Wish, RunError> {
        Ok(Wish::GoOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_pressed_fits_the_screen() {
        let said: Vec<String> = ["Enter: go on", "v: verify", "h: hint", "q: leave"].map(str::to_owned).into();
        assert_eq!(rows(&said, 77), "Enter: go on, v: verify, h: hint, q: leave");
        assert_eq!(rows(&said, 30), "Enter: go on, v: verify,\n h: hint, q: leave");
    }
}
