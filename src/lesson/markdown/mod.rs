//! Markdown for a terminal: wrapped to its width, Chinese too; in linear text that a screen reader can follow; with
//! colour only on top of marks that stay when there is none.
//!
//! Left out: pictures (their text is shown) and HTML (nothing is).

mod inline;
mod table;
mod walk;

pub use inline::Paint;
pub use walk::render;
