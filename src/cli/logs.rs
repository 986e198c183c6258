//! `explore logs`: what a container has said, and what it says from now on.

use super::moment::Moment;
use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::create;
use crate::stages::exec::message::Stream;
use crate::stages::exec::{Follower, Line, LogReader, News};
use std::collections::VecDeque;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Go on until it ends
    #[arg(short, long)]
    follow: bool,
    /// Only so many lines from the end; all where it is no such number, as docker has it
    #[arg(
        short = 'n',
        long,
        value_name = "LINES",
        default_value = "all",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    tail: Tail,
    /// Only what was said since then: 10m ago, or 2026-11-24T13:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only what was said until then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// With the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// Name or ID
    container: String,
}

/// How many lines from the end.
#[derive(Debug, Clone, Copy)]
struct Tail(Option<usize>);

impl FromStr for Tail {
    type Err = std::convert::Infallible;

    /// `all`, a negative number, a word: the daemon takes whatever is no number of lines for all of them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse().ok()))
    }
}

pub(super) fn run(args: &Logs, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    // Before the first look: what is said between the two is news then.
    let follower = args.follow.then(|| Follower::of(&roots, &container.id)).flatten();
    let Some(mut log) = LogReader::open(&create::folder(&roots, &container.id)).map_err(explained)? else {
        return none(context);
    };
    let mut lines: VecDeque<Line> = VecDeque::new();
    for line in log.by_ref().filter(|line| args.is_wanted(line)) {
        lines.push_back(line);
        if args.tail.0.is_some_and(|most| lines.len() > most) {
            lines.pop_front();
        }
    }
    if context.screen.json && !args.follow {
        context.screen.data(&lines)?;
        return Ok(Exit::Ok);
    }
    lines.iter().try_for_each(|line| args.print(line, context))?;
    if let Some(follower) = follower {
        args.go_on(&follower, &mut log, context)?;
    }
    Ok(Exit::Ok)
}

/// It was never started.
fn none(context: &mut Context) -> anyhow::Result<Exit> {
    if context.screen.json {
        context.screen.data(&Vec::<Line>::new())?;
    }
    Ok(Exit::Ok)
}

impl Logs {
    fn is_wanted(&self, line: &Line) -> bool {
        self.since.as_ref().is_none_or(|since| line.time >= since.0)
            && self.until.as_ref().is_none_or(|until| line.time <= until.0)
    }

    fn go_on(&self, follower: &Follower, log: &mut LogReader, context: &mut Context) -> anyhow::Result<()> {
        loop {
            let left = self.until.as_ref().map(|until| {
                let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
                Duration::from_secs(until.seconds() + 1).saturating_sub(now)
            });
            let news = follower.wait(left);
            for line in log.by_ref().filter(|line| self.is_wanted(line)) {
                self.print(&line, context)?;
            }
            if news != News::More {
                return Ok(());
            }
        }
    }

    /// As a line of text; as one of JSON where more may come.
    fn print(&self, line: &Line, context: &mut Context) -> anyhow::Result<()> {
        if context.screen.json {
            return Ok(context.screen.line(&serde_json::to_string(line)?)?);
        }
        let text = if self.timestamps { format!("{} {}", line.time, line.log) } else { line.log.clone() };
        match line.stream {
            Stream::Stdout => context.screen.print(&text)?,
            Stream::Stderr => std::io::stderr().write_all(text.as_bytes())?,
        }
        Ok(())
    }
}
