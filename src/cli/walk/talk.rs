//! Typing into PID 1's own shell where nobody sits at a terminal: a line, then its answer, then the next line.
//!
//! Each line is followed by one that prints a mark; what comes before the mark is the answer. The mark is drawn for each
//! walk, so that no output can pretend to be it.

use crate::cli::attach::AttachError;
use crate::cli::explained;
use crate::kernel::process::{self, Ended};
use crate::stages::exec::Attachment;
use crate::stages::exec::message::{self, FromClient, Packet, ToClient};

/// What is typed the first time.
pub(super) const FIRST: [&str; 4] = ["hostname", "ps -ef", "ip a", "echo me > /mine"];
/// What is typed after a restart.
pub(super) const SECOND: [&str; 2] = ["cat /mine", "hostname"];

/// Types the lines one after the other, then ends the input, and waits for the end.
pub(super) fn talk(attachment: &Attachment, lines: &[&str]) -> anyhow::Result<(Vec<(String, String)>, Ended)> {
    let mark = format!("mark-{:x}", std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos()));
    let mut said = Vec::new();
    for line in lines {
        message::send_data(&attachment.socket, 0, format!("{line}\necho {mark}\n").as_bytes())?;
        let (answer, ended) = listen(attachment, Some(&mark))?;
        said.push(((*line).to_owned(), answer));
        if let Some(ended) = ended {
            return Ok((said, finish(attachment, ended)));
        }
    }
    let _ = message::send(&attachment.socket, &FromClient::InputEnded);
    let (rest, ended) = listen(attachment, None)?;
    if !rest.is_empty() {
        said.push((String::new(), rest));
    }
    Ok((said, finish(attachment, ended.unwrap_or(Ended::Exited(0)))))
}

fn finish(attachment: &Attachment, ended: Ended) -> Ended {
    if let Some(supervisor) = attachment.supervisor {
        let _ = process::wait(supervisor);
    }
    ended
}

/// What it says until the mark, or until its end.
fn listen(attachment: &Attachment, mark: Option<&str>) -> anyhow::Result<(String, Option<Ended>)> {
    let mut heard = Vec::new();
    loop {
        match message::receive(&attachment.socket)? {
            Packet::Data(_, data) => heard.extend(data),
            Packet::Message(bytes, _) => match Packet::parse(&bytes) {
                Some(ToClient::Ended(ended)) => {
                    return Ok((String::from_utf8_lossy(&heard).into_owned(), Some(ended)));
                }
                Some(ToClient::Lost(_, failure)) => return Err(explained(AttachError::Lost(failure))),
                _ => {}
            },
            Packet::End => return Err(explained(AttachError::Died)),
        }
        let text = String::from_utf8_lossy(&heard);
        if let Some(answer) = mark.and_then(|mark| text.strip_suffix(&format!("{mark}\n"))) {
            return Ok((answer.to_owned(), None));
        }
    }
}
