//! The book: lessons as chapters of mdBook, with what a kernel printed, and the template for those who translate it.

mod asked;
mod carried;
mod chapter;
mod claims;
mod links;
mod preprocess;
mod said;
mod template;
#[cfg(test)]
mod terms;
#[cfg(test)]
mod translated;

pub use carried::{CarriedError, Pages};
pub use chapter::chapter;
pub use preprocess::{PreprocessError, preprocess, supports};
pub use template::template;
