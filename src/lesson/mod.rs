//! Lessons: pages that run.
//!
//! One Markdown file is the terminal lesson, the book's chapter and a test. [`page`] reads it, [`library`] keeps all of
//! them and their order. Nothing here prints: a front end in `cli/` does.

pub mod library;
pub mod need;
pub mod page;

/// What is wrong with the words of an `inside:`, if anything is.
pub(crate) fn place_words(words: &str) -> Result<(), String> {
    const KNOWN: [&str; 9] = ["--pid", "--mount", "--uts", "--ipc", "--net", "--user", "--cgroup", "--time", "--proc"];
    match words.split_whitespace().find(|word| !KNOWN.contains(word)) {
        Some(unknown) => Err(format!("`{unknown}`")),
        None if words.trim().is_empty() => Err("nothing".into()),
        None => Ok(()),
    }
}
