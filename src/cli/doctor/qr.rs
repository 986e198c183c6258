//! A code as a square that a camera reads, in letters of a terminal.

use crate::cli::Screen;
use crate::cli::compare::Style;
use colored::Colorize;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::fmt::Write;

/// Whether somebody sees it who can use it: at a terminal that shows more than lines (`TERM=dumb` is one that does not).
pub(super) fn is_seen(screen: &Screen) -> bool {
    screen.terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The square with the quiet zone around it. Coloured it is black on white whatever the terminal is; without colour what is
/// light is drawn, since most terminals are dark, and a camera reads the reverse too.
pub(super) fn render(text: &str, style: Style<'_>) -> anyhow::Result<String> {
    let square = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let coloured = style.colour && colored::control::SHOULD_COLORIZE.should_colorize();
    let drawn = if style.unicode {
        // What the crate calls dark is a block, and that is what shines on a dark terminal.
        let (dark, light) =
            if coloured { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
        square.render().dark_color(dark).light_color(light).build()
    } else {
        let (dark, light) = if coloured { ('#', ' ') } else { (' ', '#') };
        square.render().dark_color(dark).light_color(light).module_dimensions(2, 1).build()
    };
    Ok(drawn.lines().fold(String::new(), |mut text, line| {
        let _ = if coloured { writeln!(text, "{}", line.black().on_bright_white()) } else { writeln!(text, "{line}") };
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "10J3-0040-0M80-5XQ2";

    /// What a camera reads from the letters, where a set one is `light` or not.
    fn seen(text: &str, unicode: bool, set_is_light: bool) -> String {
        let rows: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let (width, height) = if unicode { (rows[0].len(), rows.len() * 2) } else { (rows[0].len() / 2, rows.len()) };
        let set = |x: usize, y: usize| match (unicode, y % 2) {
            (true, 0) => matches!(rows[y / 2][x], '█' | '▀'),
            (true, _) => matches!(rows[y / 2][x], '█' | '▄'),
            (false, _) => rows[y][2 * x] == '#',
        };
        // Four dots a side for each: a camera sees no single ones.
        let light = |x: usize, y: usize| if set(x / 4, y / 4) == set_is_light { 255 } else { 0 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * 4, height * 4, light);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "{text}");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_the_code_from_the_screen() {
        for unicode in [true, false] {
            let style = Style { unicode, colour: false, all: false, linear: false, catalog: None };
            let text = render(CODE, style).unwrap();
            assert_eq!(seen(&text, unicode, true), CODE, "{text}");
        }
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let style = Style { unicode: true, colour: false, all: false, linear: false, catalog: None };
        let text = render(CODE, style).unwrap();
        assert!(text.lines().count() <= 15 && text.lines().all(|line| line.chars().count() == 29), "{text}");
    }
}
