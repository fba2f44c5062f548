//! What a lab sheet asks of recordings, and the answers, from the same seed: segments out of order, a table with holes, and
//! numbers to measure.
//!
//! No recording is taken whose segments the handout shows in order, under whatever name, and from another chapter none that
//! opens in a way only that chapter explains. None is put out of order whose segments could have gone in another order as
//! well: there the key would be one guess of several.

use std::{collections::BTreeSet, fmt};

use figures::{
    number::number,
    seen::{Seen, Side},
    shelf::Shelf,
};
use stage::catalogue::Catalogue;
use wire::segment::Flags;

use super::dice::Dice;

/// A segment as the sheet writes it: nothing that tells when it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who sent it.
    pub side: Side,
    /// Its flags, in words: `SYN ACK`.
    pub flags: String,
    /// Its sequence number, counted from its sender's SYN.
    pub seq: u32,
    /// The next number that it expects, counted likewise.
    pub ack: Option<u32>,
    /// How many bytes it carries.
    pub length: u32,
}

/// A field that is left blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The flags.
    Flags,
    /// The sequence number.
    Seq,
    /// The acknowledgment number.
    Ack,
    /// The length.
    Length,
}

/// The fields, in the order of the table.
pub const FIELDS: [Field; 4] = [Field::Flags, Field::Seq, Field::Ack, Field::Length];

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Flags => "flags",
            Field::Seq => "seq",
            Field::Ack => "ack",
            Field::Length => "length",
        })
    }
}

impl Row {
    /// What a field says; a dash where the segment has none.
    pub fn field(&self, field: Field) -> String {
        match field {
            Field::Flags => self.flags.clone(),
            Field::Seq => self.seq.to_string(),
            Field::Ack => self.ack.map_or_else(|| "–".to_owned(), |ack| ack.to_string()),
            Field::Length => self.length.to_string(),
        }
    }
}

/// A recording that tasks are made of.
#[derive(Clone, Debug)]
pub struct Source {
    /// What commands call it.
    pub name: String,
    /// What happens in it.
    pub title: String,
    /// Where its capture is, relative to the workspace.
    pub capture: String,
    /// Its segments, in order.
    pub rows: Vec<Row>,
}

/// What a lab sheet asks.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// The seed that it was made with.
    pub seed: u64,
    /// The recording whose segments are out of order.
    pub shuffled: Source,
    /// The order in which the sheet shows them, as indices: the n-th letter stands before the n-th of these.
    pub order: Vec<usize>,
    /// The recording with the holes.
    pub holed: Source,
    /// The holes: the row's index, and the field.
    pub holes: Vec<(usize, Field)>,
    /// What to measure of that one, and what the stored one says.
    pub measures: Vec<(String, String)>,
    /// The kernels that both were recorded on.
    pub kernels: BTreeSet<String>,
}

/// A sheet has no room for more segments, and fewer are no task.
const SEGMENTS: std::ops::RangeInclusive<usize> = 7..=11;
const HOLES: usize = 6;

/// What the recordings of a chapter can be asked; `stem` is the chapter's, `shown` are the recordings on its handout. Where
/// the chapter has too few that the handout does not show, those of the nearest chapters are taken, earlier ones first.
/// None where the whole book has too few.
///
/// # Errors
/// A recording that cannot be read.
pub fn tasks(
    catalogue: &Catalogue,
    shelf: &Shelf,
    stem: &str,
    shown: &[String],
    seed: u64,
) -> Result<Option<Tasks>, String> {
    let mut known: Vec<Vec<Row>> = Vec::new();
    for name in shown {
        known.extend(rows(&*shelf.get(name)?));
    }
    let mut dice = Dice::new(seed, stem);
    let mut names: Vec<(usize, String, String)> = Vec::new();
    for entry in catalogue
        .entries()
        .filter(|entry| entry.is_base() && entry.folder().is_dir())
    {
        let folder = entry.folder();
        let listing = folder.ancestors().nth(2).and_then(|listing| listing.file_name());
        let listing = listing.unwrap_or_default().to_string_lossy().into_owned();
        let file = folder.join("capture.pcap");
        let file = file.strip_prefix(catalogue.root()).unwrap_or(&file);
        let capture = file.to_string_lossy().replace('\\', "/");
        names.push((distance(stem, &listing), entry.scenario.name.clone(), capture));
    }
    // Chance first, then nearness: a stable sort keeps the order of chance within a chapter.
    dice.shuffle(&mut names);
    names.sort_by_key(|(distance, ..)| *distance);
    let (mut shuffled, mut holed) = (None, None);
    for (distance, name, capture) in names {
        let seen = shelf.get(&name)?;
        let Some(rows) = rows(&seen).into_iter().next().filter(|rows| {
            // Bytes on a SYN are a lesson of their own.
            let plain = rows
                .iter()
                .all(|row| row.length == 0 || !row.flags.contains("SYN"));
            plain
                && seen.connections() == 1
                && SEGMENTS.contains(&rows.len())
                && !known.contains(rows)
                && (distance == 0 || opens_in_three(rows))
        }) else {
            continue;
        };
        known.push(rows.clone());
        let place = match has_one_order(&rows) {
            true if shuffled.is_none() => &mut shuffled,
            _ => &mut holed,
        };
        place.get_or_insert(Source {
            title: seen.title().to_owned(),
            name,
            capture,
            rows,
        });
        if shuffled.is_some() && holed.is_some() {
            break;
        }
    }
    let (Some(holed), Some(shuffled)) = (holed, shuffled) else {
        return Ok(None);
    };
    let mut order: Vec<usize> = (0..shuffled.rows.len()).collect();
    // A shuffle may leave everything nearly where it was.
    while in_place(&order) * 3 > order.len() {
        dice.shuffle(&mut order);
    }
    Ok(Some(Tasks {
        seed,
        holes: holes(&holed.rows, &mut dice),
        measures: measures(&*shelf.get(&holed.name)?),
        kernels: BTreeSet::from([
            shelf.get(&holed.name)?.kernel(),
            shelf.get(&shuffled.name)?.kernel(),
        ]),
        shuffled,
        order,
        holed,
    }))
}

/// Whether it opens as nearly every connection does.
fn opens_in_three(rows: &[Row]) -> bool {
    let opening: Vec<(Side, &str)> = rows
        .iter()
        .take(3)
        .map(|row| (row.side, row.flags.as_str()))
        .collect();
    opening
        == [
            (Side::Client, "SYN"),
            (Side::Server, "SYN ACK"),
            (Side::Client, "ACK"),
        ]
}

/// Whether the rows tell their order: no two are the same, and each of them has to come behind the one before it.
fn has_one_order(rows: &[Row]) -> bool {
    let twins = |(index, row): (usize, &Row)| rows[..index].contains(row);
    !rows.iter().enumerate().any(twins) && rows.windows(2).all(|pair| follows(&pair[0], &pair[1]))
}

/// Whether the second can only have been sent after the first.
fn follows(first: &Row, second: &Row) -> bool {
    let takes = |row: &Row| row.length + u32::from(row.flags.contains("SYN") || row.flags.contains("FIN"));
    let behind = first.seq + takes(first);
    if first.side != second.side {
        // It acknowledges what the first brought.
        return takes(first) > 0 && second.ack.is_some_and(|ack| ack >= behind);
    }
    match takes(first) {
        // Nothing but an ACK: had the second gone before, this would have counted what it carries, and not less acknowledged.
        0 => {
            second.ack > first.ack || second.ack == first.ack && takes(second) > 0 && second.seq == first.seq
        }
        _ => second.seq >= behind,
    }
}

/// How many pairs still stand one behind the other.
fn in_place(order: &[usize]) -> usize {
    order.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count()
}

/// How far a chapter is from another: later ones are further away than all earlier ones.
fn distance(stem: &str, other: &str) -> usize {
    let number = |stem: &str| -> usize {
        stem.get(2..4)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(99)
    };
    let (here, there) = (number(stem), number(other));
    match there.checked_sub(here) {
        Some(later @ 1..) => 100 + later,
        _ => here - there,
    }
}

/// The segments of each conversation, where all of its numbers are known.
pub fn rows(seen: &Seen) -> Vec<Vec<Row>> {
    (1..=seen.connections())
        .filter_map(|connection| {
            let indices = seen.segments_of(Some(connection)).ok()?;
            indices.into_iter().map(|index| row(seen, index)).collect()
        })
        .collect()
}

fn row(seen: &Seen, index: usize) -> Option<Row> {
    let segment = &seen.segments()[index];
    let words = [
        (Flags::SYN, "SYN"),
        (Flags::FIN, "FIN"),
        (Flags::RST, "RST"),
        (Flags::PSH, "PSH"),
        (Flags::ACK, "ACK"),
    ];
    let flags: Vec<&str> = words
        .iter()
        .filter(|(flag, _)| segment.has(*flag))
        .map(|(_, word)| *word)
        .collect();
    let ack = match segment.has(Flags::ACK) {
        true => Some(
            segment
                .acknowledgment
                .wrapping_sub(seen.origin(index, false).ok()?),
        ),
        false => None,
    };
    Some(Row {
        side: seen.side(index)?,
        flags: flags.join(" "),
        seq: segment.sequence.wrapping_sub(seen.origin(index, true).ok()?),
        ack,
        length: segment.length,
    })
}

/// One hole a row at most, and none in the first two: something must be known to begin with. A hole is where the other
/// rows say what belongs there.
fn holes(rows: &[Row], dice: &mut Dice) -> Vec<(usize, Field)> {
    let mut places: Vec<usize> = (2..rows.len()).collect();
    dice.shuffle(&mut places);
    places.truncate(HOLES);
    places.sort_unstable();
    // Who asks whether a segment is a FIN must find it acknowledged.
    let mut fin_asked = None;
    places
        .into_iter()
        .map(|index| {
            let row = &rows[index];
            let mut fields = vec![Field::Seq];
            if row.ack.is_some() && fin_asked.is_none_or(|side| side == row.side) {
                fields.push(Field::Ack);
            }
            if row.length > 0 {
                fields.push(Field::Length);
            }
            if row.flags.contains("FIN") {
                fields.push(Field::Flags);
            }
            let field = fields[dice.below(fields.len())];
            if field == Field::Flags {
                fin_asked = Some(row.side);
            }
            (index, field)
        })
        .collect()
}

/// What there is to measure, in words, and the value of the stored recording.
fn measures(seen: &Seen) -> Vec<(String, String)> {
    [
        ("segments", "segments in all"),
        ("bytes from client", "bytes of data from the client"),
        ("bytes from server", "bytes of data from the server"),
        ("gap client SYN -> server SYN", "from the SYN to the SYN ACK"),
        (
            "gap first client data -> first server data",
            "from the client’s first data to the server’s",
        ),
    ]
    .into_iter()
    .filter_map(|(what, words)| Some((words.to_owned(), number(seen, what).ok()?)))
    .collect()
}

impl Tasks {
    /// The letters of the segments in their true order: `C A B`.
    pub fn letters(&self) -> String {
        let mut letters: Vec<(usize, char)> = self.order.iter().copied().zip('A'..='Z').collect();
        letters.sort_unstable();
        let letters: Vec<String> = letters
            .into_iter()
            .map(|(_, letter)| letter.to_string())
            .collect();
        letters.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_chapters_are_nearer_than_later_ones() {
        let mut chapters = ["ch15-x", "ch03-x", "ch10-x", "ch09-x"];
        chapters.sort_by_key(|other| distance("ch09-close", other));
        assert_eq!(chapters, ["ch09-x", "ch03-x", "ch10-x", "ch15-x"]);
    }

    fn row(side: Side, flags: &str, seq: u32, ack: u32, length: u32) -> Row {
        Row {
            side,
            flags: flags.into(),
            seq,
            ack: (flags != "SYN").then_some(ack),
            length,
        }
    }

    /// One echo, in ten segments.
    fn echo() -> [Row; 10] {
        use Side::{Client, Server};
        [
            row(Client, "SYN", 0, 0, 0),
            row(Server, "SYN ACK", 0, 1, 0),
            row(Client, "ACK", 1, 1, 0),
            row(Client, "PSH ACK", 1, 1, 11),
            row(Server, "ACK", 1, 12, 0),
            row(Server, "PSH ACK", 1, 12, 11),
            row(Client, "ACK", 12, 12, 0),
            row(Client, "FIN ACK", 12, 12, 0),
            row(Server, "FIN ACK", 12, 13, 0),
            row(Client, "ACK", 13, 13, 0),
        ]
    }

    #[test]
    fn who_must_find_a_fin_is_shown_its_acknowledgment() {
        let rows = echo();
        let mut asked = 0;
        for seed in 0..200 {
            let holes = holes(&rows, &mut Dice::new(seed, "ch01-echo"));
            let Some(&(fin, _)) = holes.iter().find(|(_, field)| *field == Field::Flags) else {
                continue;
            };
            asked += 1;
            let hidden = |&&(index, field): &&(usize, Field)| {
                index > fin && field == Field::Ack && rows[index].side != rows[fin].side
            };
            assert_eq!(holes.iter().find(hidden), None, "seed {seed}: {holes:?}");
        }
        assert!(asked > 20, "{asked}");
    }

    #[test]
    fn an_order_is_asked_only_where_the_numbers_tell_it() {
        use Side::Server;
        let echo = echo();
        assert!(opens_in_three(&echo) && has_one_order(&echo));
        // FINs that cross: either may have gone first.
        let mut crossing = echo.clone();
        crossing[8] = row(Server, "FIN ACK", 12, 12, 0);
        assert!(!has_one_order(&crossing));
        // The same segment twice: two letters for one.
        let twice: Vec<Row> = echo[..7].iter().chain(&echo[6..7]).cloned().collect();
        assert!(!has_one_order(&twice));
        let mut both_open = echo.clone();
        both_open[1] = row(Server, "SYN", 0, 0, 0);
        assert!(!opens_in_three(&both_open));
    }

    #[test]
    fn pairs_that_stayed_together_are_counted() {
        assert_eq!(in_place(&[0, 1, 2, 3]), 3);
        assert_eq!(in_place(&[2, 3, 0, 1]), 2);
        assert_eq!(in_place(&[3, 2, 1, 0]), 0);
    }
}
