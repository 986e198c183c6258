//! `--format` of lists, as docker's commands take it: a line a row, columns with a heading, or JSON.

use super::template::{Template, TemplateError};
use super::{Context, columns, explained};
use serde_json::Value;

// What `--format raw` stands for.
pub(super) const RAW_CONTAINER: &str = concat!(
    "container_id: {{.ID}}\n",
    "image: {{.Image}}\n",
    "command: {{.Command}}\n",
    "created_at: {{.CreatedAt}}\n",
    "state: {{.State}}\n",
    "status: {{.Status}}\n",
    "names: {{.Names}}\n",
    "labels: {{.Labels}}\n",
    "ports: {{.Ports}}\n",
);
pub(super) const RAW_CONTAINER_WITH_SIZE: &str = concat!(
    "container_id: {{.ID}}\n",
    "image: {{.Image}}\n",
    "command: {{.Command}}\n",
    "created_at: {{.CreatedAt}}\n",
    "state: {{.State}}\n",
    "status: {{.Status}}\n",
    "names: {{.Names}}\n",
    "labels: {{.Labels}}\n",
    "ports: {{.Ports}}\n",
    "size: {{.Size}}\n",
);
pub(super) const RAW_IMAGE: &str = concat!(
    "repository: {{.Repository}}\n",
    "tag: {{.Tag}}\n",
    "image_id: {{.ID}}\n",
    "created_at: {{.CreatedAt}}\n",
    "virtual_size: {{.Size}}\n",
);
pub(super) const RAW_NETWORK: &str =
    concat!("network_id: {{.ID}}\n", "name: {{.Name}}\n", "driver: {{.Driver}}\n", "scope: {{.Scope}}\n",);
pub(super) const RAW_VOLUME: &str = concat!("name: {{.Name}}\n", "driver: {{.Driver}}\n",);

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// Nothing, or `table`: the usual columns.
    Usual,
    /// `json`: an object a line.
    Json,
    /// `{{.ID}}`.
    Lines(Template),
    /// `table {{.ID}}\t{{.Name}}`: what stands between tabs is a column.
    Table(Template),
}

impl Format {
    /// What `--format` says.
    ///
    /// # Errors
    /// [`TemplateError::Open`], [`TemplateError::Unknown`].
    pub(super) fn of(asked: Option<&str>) -> Result<Self, TemplateError> {
        match asked {
            None | Some("" | "table") => Ok(Self::Usual),
            Some("json") => Ok(Self::Json),
            Some(text) => match text.strip_prefix("table ") {
                Some(text) => Ok(Self::Table(text.parse()?)),
                None => Ok(Self::Lines(text.parse()?)),
            },
        }
    }

    /// The same, where `raw` is one as well: a line for each field.
    ///
    /// # Errors
    /// As [`Format::of`].
    pub(super) fn with_raw(asked: Option<&str>, raw: &str) -> Result<Self, TemplateError> {
        Self::of(if asked == Some("raw") { Some(raw) } else { asked })
    }

    /// Prints the rows, objects of docker's fields; `false` where the usual columns are wanted, which the command has.
    /// `headings` are those of the usual columns with their fields.
    ///
    /// # Errors
    /// [`TemplateError::Field`]; the output.
    pub(super) fn print(
        &self,
        rows: &[Value],
        headings: &[(&str, &str)],
        context: &mut Context,
    ) -> anyhow::Result<bool> {
        let rendered = |template: &Template| {
            rows.iter().map(|row| template.render(row)).collect::<Result<Vec<String>, _>>().map_err(explained)
        };
        match self {
            Self::Usual => return Ok(false),
            Self::Json => rows.iter().try_for_each(|row| context.screen.line(&row.to_string()))?,
            Self::Lines(template) => rendered(template)?.iter().try_for_each(|line| context.screen.line(line))?,
            Self::Table(template) => {
                let heading = |field: &str| {
                    let known = headings.iter().find(|(_, name)| *name == field);
                    known.map_or_else(|| field.to_uppercase(), |(heading, _)| (*heading).to_owned())
                };
                let mut lines = vec![template.heading(heading)];
                lines.extend(rendered(template)?);
                context.screen.print(&columns::aligned(&lines))?;
            }
        }
        Ok(true)
    }
}

/// The cells of the usual columns.
pub(super) fn cells<const N: usize>(rows: &[Value], columns: [(&str, &str); N]) -> Vec<[String; N]> {
    let cell = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| columns.map(|(_, field)| cell(row, field))).collect()
}
