//! Markdown for a terminal: wrapped to its width, Chinese too; with colour only on top of marks that stay when there is
//! none. Or for one who hears it: without marks, rules and columns, and no line broken.
//!
//! Left out: pictures (their text is shown) and HTML (nothing is).

mod inline;
mod table;
mod walk;

pub use inline::Paint;
pub use walk::{render, spoken};
