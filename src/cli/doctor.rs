//! `explore doctor`: what can run on this machine; for what cannot, which layer says no, and what helps.

mod class;
mod qr;

use super::Context;
use super::columns::{pad, wrap};
use super::compare::Style;
use crate::exit::Exit;
use crate::probe::need::{self, Answer, Finding, Who};
use crate::state::Roots;
use colored::Colorize;
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    schema: u32,
    uid: u32,
    basic_lessons_can_run: bool,
    needs: Vec<Finding>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// In one line: a code, the class of this machine (root, subuids, single-uid, guest, replay), what is lacking
    #[arg(long)]
    class: bool,
    /// With --class: draw the code for a camera as well
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = class::Drawn::Auto, requires = "class")]
    qr: class::Drawn,
    /// Read collected codes back into a table; `-` takes lines of standard input, a name may stand before the code
    #[arg(long, value_name = "CODE", num_args = 1.., conflicts_with = "class")]
    read: Vec<String>,
}

/// Runs `explore doctor`: 0 if the basic lessons can run, 1 otherwise.
pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    if !args.read.is_empty() {
        return class::read(&args.read, context);
    }
    // Not made here: that the folder cannot be made is one of the things to be found.
    let roots = Roots::find(context.global.root.as_deref()).map_err(super::explained)?;
    let needs = need::all(&roots);
    if args.class {
        return class::tell(&needs, args.qr, context);
    }
    let able = needs.iter().all(|finding| finding.answer.is_met() || !finding.basic);
    if context.screen.json {
        let uid = nix::unistd::geteuid().as_raw();
        context.screen.data(&Report { schema: 1, uid, basic_lessons_can_run: able, needs })?;
    } else {
        let style = Style { catalog: Some(context.catalog()), ..Style::of(&context.screen) };
        let text = render(&needs, able, context.screen.width, style);
        context.screen.print(&text)?;
    }
    Ok(if able { Exit::Ok } else { Exit::Failed })
}

fn render(needs: &[Finding], able: bool, width: usize, style: Style<'_>) -> String {
    let lines: String = needs.iter().map(|finding| line(finding, width, style)).collect();
    let end = if able {
        "The basic lessons can run here."
    } else {
        "The basic lessons cannot run here. The lines with !! say why, and what helps."
    };
    format!("{lines}\n{}\n", wrap(&style.sentence(end), width, 0).join("\n"))
}

/// The mark, the name, what was seen; below it what helps. On a narrow terminal the name has a line for itself.
fn line(finding: &Finding, width: usize, style: Style<'_>) -> String {
    let (mark, said) = match &finding.answer {
        Answer::Met { evidence } => ("ok", evidence),
        Answer::Unmet { why, .. } if finding.basic => ("!!", why),
        Answer::Unmet { why, .. } => ("--", why),
    };
    let margin = if width < 60 { 3 } else { 24 };
    let mut lines =
        wrap(&style.colon(&style.sentence(finding.title), &style.sentence(said)), width - margin.min(width), 0);
    if let Answer::Unmet { fix: Some(fix), who, .. } = &finding.answer {
        let mut parts = fix.lines();
        let first = helps(parts.next().unwrap_or_default(), *who);
        lines.extend(wrap(&style.sentence(&first), width - margin.min(width), 0));
        // A file to be written is never wrapped: it is there to be copied.
        lines.extend(parts.map(|part| format!("  {part}")));
    }
    let mut text = format!("{} {}", coloured(mark, style), pad(finding.id, margin - 3));
    if margin == 3 {
        text = format!("{text}\n   ");
    }
    text + &lines.join(&format!("\n{}", " ".repeat(margin))) + "\n"
}

/// What helps, and who can do it.
pub(super) fn helps(help: &str, who: Option<Who>) -> String {
    match who.map(Who::word) {
        Some(who) => format!("help ({who}): {help}"),
        None => format!("help: {help}"),
    }
}

fn coloured(mark: &str, style: Style<'_>) -> String {
    match mark {
        _ if !style.colour => mark.to_owned(),
        "ok" => mark.green().to_string(),
        "!!" => mark.red().bold().to_string(),
        _ => mark.yellow().to_string(),
    }
}
