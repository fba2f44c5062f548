//! TOML with places: every complaint names its line and what could have stood there.

use std::{fmt::Display, ops::Range, path::Path, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ScenarioError, Stated};

/// A file being read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// The line on which a span begins, counted from 1.
    pub fn line(self, span: &Range<usize>) -> usize {
        1 + self.text[..span.start.min(self.text.len())].matches('\n').count()
    }

    pub fn error(self, span: &Range<usize>, message: impl Into<String>) -> ScenarioError {
        ScenarioError {
            file: self.file.to_path_buf(),
            line: self.line(span),
            message: message.into(),
        }
    }
}

/// A table of the file: what it is called, for messages, and where it begins.
#[derive(Clone)]
pub(super) struct Table<'a> {
    pub source: Source<'a>,
    pub called: String,
    pub span: Range<usize>,
    entries: &'a DeTable<'a>,
}

/// A value of the file with the key it stands under.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub source: Source<'a>,
    pub called: String,
    pub span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Table<'a> {
    pub fn root(source: Source<'a>, table: &'a Spanned<DeTable<'a>>) -> Table<'a> {
        Table {
            source,
            called: "a scenario".into(),
            span: 0..0,
            entries: table.get_ref(),
        }
    }

    /// Fails on the first key that is none of these.
    pub fn only(&self, choices: &[&str]) -> Result<(), ScenarioError> {
        match self
            .entries
            .keys()
            .find(|key| !choices.contains(&key.get_ref().as_ref()))
        {
            None => Ok(()),
            Some(key) => Err(self.source.error(
                &key.span(),
                format!(
                    "unknown key `{}`; {} has the keys {}",
                    key.get_ref(),
                    self.called,
                    choices.join(", ")
                ),
            )),
        }
    }

    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let (_, value) = self.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Value {
            source: self.source,
            called: format!("`{key}`"),
            span: value.span(),
            value: value.get_ref(),
        })
    }

    pub fn required(&self, key: &str) -> Result<Value<'a>, ScenarioError> {
        self.get(key).ok_or_else(|| {
            self.source
                .error(&self.span, format!("{} needs the key `{key}`", self.called))
        })
    }

    /// The entries in the file's order, each key with its place.
    pub fn entries(&self) -> impl Iterator<Item = (Stated<String>, Range<usize>, Value<'a>)> {
        let source = self.source;
        self.entries.iter().map(move |(key, value)| {
            let stated = Stated {
                value: key.get_ref().to_string(),
                line: source.line(&key.span()),
            };
            let value = Value {
                source,
                called: format!("`{}`", key.get_ref()),
                span: value.span(),
                value: value.get_ref(),
            };
            (stated, key.span(), value)
        })
    }
}

impl<'a> Value<'a> {
    pub fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(&self.span, message)
    }

    fn wanted(&self, what: &str) -> ScenarioError {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("{} is {found} where {what} belongs", self.called))
    }

    pub fn line(&self) -> usize {
        self.source.line(&self.span)
    }

    pub fn string(&self) -> Result<String, ScenarioError> {
        match self.value {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wanted("a string")),
        }
    }

    pub fn stated(&self) -> Result<Stated<String>, ScenarioError> {
        Ok(Stated {
            value: self.string()?,
            line: self.line(),
        })
    }

    pub fn boolean(&self) -> Result<bool, ScenarioError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wanted("true or false")),
        }
    }

    pub fn integer(&self) -> Result<i64, ScenarioError> {
        match self.value {
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_err(|_| self.error(format!("{} is too large a number", self.called))),
            _ => Err(self.wanted("an integer")),
        }
    }

    pub fn is_string(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub fn is_integer(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    pub fn list(&self) -> Result<Vec<Value<'a>>, ScenarioError> {
        match self.value {
            DeValue::Array(items) => Ok(items
                .iter()
                .map(|item| Value {
                    source: self.source,
                    called: format!("an entry of {}", self.called),
                    span: item.span(),
                    value: item.get_ref(),
                })
                .collect()),
            _ => Err(self.wanted("a list")),
        }
    }

    pub fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// A string that says something of a kind of its own.
    pub fn parsed<T: FromStr<Err: Display>>(&self) -> Result<T, ScenarioError> {
        self.string()?
            .parse()
            .map_err(|error: T::Err| self.error(error.to_string()))
    }

    /// A list of such strings.
    pub fn all_parsed<T: FromStr<Err: Display>>(&self) -> Result<Vec<T>, ScenarioError> {
        self.list()?.iter().map(Value::parsed).collect()
    }

    /// One of these words.
    pub fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ScenarioError> {
        let word = self.string()?;
        let found = choices.iter().find(|(name, _)| *name == word);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format!(
                "{} is `{word}`; the choices are {}",
                self.called,
                names.join(", ")
            ))
        })
    }

    pub fn strings(&self) -> Result<Vec<Stated<String>>, ScenarioError> {
        self.list()?.iter().map(Value::stated).collect()
    }

    pub fn table(&self, called: impl Into<String>) -> Result<Table<'a>, ScenarioError> {
        match self.value {
            DeValue::Table(entries) => Ok(Table {
                source: self.source,
                called: called.into(),
                span: self.span.clone(),
                entries,
            }),
            _ => Err(self.wanted("a table")),
        }
    }
}
