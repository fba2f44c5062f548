//! The relations of a ladder in sentences, for a reader who does not see it.

use super::{
    Cause, Event, Fate, Ladder, Mark, Row, Segment,
    page::clock,
    tasks,
    text::{Clock, counted},
};

/// Says what answers what, and how long after, in the words a sighted reader would use: one sentence for each run of
/// bytes in one direction, each SYN, FIN and RST, each loss and repetition, each silence, and the states at the end.
pub fn describe(ladder: &Ladder) -> String {
    let mut teller = Teller {
        ladder,
        clock: clock(ladder),
        sentences: Vec::new(),
        run: None,
        fins: vec![None; ladder.lifelines.len()],
        acknowledged: vec![false; ladder.lifelines.len()],
        syn: None,
        answered: vec![false; ladder.lifelines.len()],
    };
    for (index, row) in ladder.rows.iter().enumerate() {
        match &row.event {
            Event::Folded(folded) if !told(&ladder.rows[..index]) => teller.say(format!(
                "{} went before",
                counted(folded.segments as u64, "segment", "segments")
            )),
            Event::Segment(segment) => teller.segment(segment, row.time),
            Event::Silence { lasts, asked } => {
                teller.flush();
                let lasts = teller.clock.lasting(*lasts);
                teller.say(match asked {
                    true => {
                        format!("Nothing happens for {lasts}, but that a program asks and is told EAGAIN")
                    }
                    false => format!("Nothing happens for {lasts}"),
                });
            }
            Event::Folded(folded) => {
                teller.flush();
                let lasts = teller.clock.lasting(folded.lasts);
                match folded.segments {
                    0 => {}
                    1 => teller.say("one more segment follows".into()),
                    more => teller.say(format!("{more} more segments follow within {lasts}")),
                }
            }
            Event::Task(task) => {
                teller.flush();
                let side = ladder.side(task.at);
                teller.say(tasks::sentence(task, side));
            }
            Event::Call(_) | Event::Arrival { .. } => {}
        }
    }
    teller.flush();
    teller.end();
    teller.sentences.join(" ")
}

/// Whether a segment is among these.
fn told(rows: &[Row]) -> bool {
    rows.iter().any(|row| matches!(row.event, Event::Segment(_)))
}

/// What is to be told of a segment that carries nothing but an acknowledgment.
fn worth_telling(segment: &Segment) -> Option<String> {
    let timer = match &segment.cause {
        Cause::Timer(timer) => Some(timer.as_str()),
        _ => None,
    };
    let words: Vec<&str> = timer.into_iter().chain(segment.remark.as_deref()).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

struct Teller<'a> {
    ladder: &'a Ladder,
    clock: Clock,
    sentences: Vec<String>,
    /// Bytes going one way: whose, how many, in how many segments.
    run: Option<(usize, u64, u64)>,
    /// When each lifeline sent its FIN, and the number that acknowledges it.
    fins: Vec<Option<(i64, u64)>>,
    /// Whether the FIN of each lifeline has been acknowledged.
    acknowledged: Vec<bool>,
    syn: Option<i64>,
    /// Whether each lifeline has sent a SYN with an ACK.
    answered: Vec<bool>,
}

impl Teller<'_> {
    fn say(&mut self, sentence: String) {
        let mut letters = sentence.chars();
        let first = letters
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        self.sentences.push(format!("{first}{}.", letters.as_str()));
    }

    fn name(&self, at: usize) -> String {
        let name = self
            .ladder
            .lifelines
            .get(at)
            .map_or("", |line| line.name.as_str());
        if self.ladder.lifelines.len() > 2 {
            name.to_owned()
        } else {
            format!("the {name}")
        }
    }

    fn flush(&mut self) {
        if let Some((at, bytes, segments)) = self.run.take() {
            let how = match segments {
                1 => String::new(),
                segments => format!(" in {segments} segments"),
            };
            let name = self.name(at);
            self.say(format!("{name} sends {}{how}", counted(bytes, "byte", "bytes")));
        }
    }

    fn segment(&mut self, segment: &Segment, time: i64) {
        let from = self.name(segment.from);
        let flags = segment.flags;
        let ordinary = segment.mark.is_none() && segment.fate != Fate::Lost;
        if segment.bytes > 0 && ordinary && !flags.syn && !flags.fin && !flags.rst {
            match &mut self.run {
                Some((at, bytes, segments)) if *at == segment.from => {
                    *bytes += segment.bytes;
                    *segments += 1;
                }
                _ => {
                    self.flush();
                    self.run = Some((segment.from, segment.bytes, 1));
                }
            }
        }
        let peer_fin = self.fins.get(segment.to).copied().flatten();
        let answers_fin = peer_fin.is_some_and(|(_, next)| segment.ack.is_some_and(|ack| ack >= next))
            && !self.acknowledged.get(segment.to).copied().unwrap_or(true);
        let clock = self.clock;
        let after = |then: i64| clock.lasting(time.saturating_sub(then).unsigned_abs());
        let first_answer = flags.syn
            && flags.ack
            && self
                .answered
                .get_mut(segment.from)
                .is_some_and(|answered| !std::mem::replace(answered, true));
        let what = super::label::label(segment);
        let carries = match segment.bytes {
            0 => String::new(),
            bytes => format!(", which carries {} too", counted(bytes, "byte", "bytes")),
        };
        if segment.fate == Fate::Lost {
            self.flush();
            self.say(format!("a segment of {from} ({what}) is lost on its way"));
        } else if segment.mark == Some(Mark::Again) && first_answer {
            // Ends that call each other repeat their SYNs with an acknowledgment.
            self.flush();
            self.say(format!("{from} sends its SYN again, now with an ACK"));
        } else if segment.mark == Some(Mark::Again) {
            self.flush();
            self.say(format!("{from} sends {what} again"));
        } else if segment.mark == Some(Mark::Copy) {
            self.flush();
            self.say(format!("a second copy of {what} arrives"));
        } else if flags.syn && segment.ack.is_none() {
            self.flush();
            self.syn = Some(time);
            self.say(format!("{from} sends a SYN{carries}"));
        } else if flags.syn {
            self.flush();
            let then = self
                .syn
                .map(|syn| format!("{} later ", after(syn)))
                .unwrap_or_default();
            let too = match segment.bytes {
                0 => String::new(),
                bytes => format!(" and {}", counted(bytes, "byte", "bytes")),
            };
            self.say(format!("{then}{from} answers with SYN and ACK{too}"));
        } else if flags.rst {
            self.flush();
            self.say(format!("{from} resets the connection"));
        } else if flags.fin {
            self.flush();
            match peer_fin {
                None => self.say(format!("{from} sends a FIN{carries}")),
                Some((then, _)) if answers_fin => self.say(format!(
                    "{} later {from} answers with one segment that carries both ACK and FIN{carries}",
                    after(then)
                )),
                Some((then, _)) => self.say(format!(
                    "{from} sends its own FIN {} after the other's{carries}",
                    after(then)
                )),
            }
        } else if answers_fin && segment.bytes == 0 {
            self.flush();
            let then = peer_fin.map(|(then, _)| after(then)).unwrap_or_default();
            self.say(format!("{from} acknowledges that FIN {then} after it"));
        } else if segment.bytes == 0
            && let Some(why) = worth_telling(segment)
        {
            self.flush();
            self.say(format!("{from} sends an ACK ({why})"));
        }
        if answers_fin && let Some(done) = self.acknowledged.get_mut(segment.to) {
            *done = true;
        }
        if flags.fin
            && let Some(fin) = self.fins.get_mut(segment.from)
            && fin.is_none()
        {
            *fin = Some((time, segment.seq + segment.bytes + 1));
        }
    }

    /// How many segments there were, and the state each end was last seen in.
    fn end(&mut self) {
        let mut last: Vec<Option<&str>> = vec![None; self.ladder.lifelines.len()];
        for state in self.ladder.rows.iter().flat_map(|row| &row.states) {
            if let Some(slot) = last.get_mut(state.at) {
                *slot = Some(&state.name);
            }
        }
        let states: Vec<String> = last
            .iter()
            .enumerate()
            .filter_map(|(at, state)| Some(format!("{} is in {}", self.name(at), (*state)?)))
            .collect();
        let count = counted(self.ladder.segments() as u64, "segment", "segments");
        let outside = |row: &Row| matches!(&row.event, Event::Folded(folded) if folded.outside);
        let (all, end) = match self.ladder.rows.iter().any(outside) {
            true => ("in this part", "at its end"),
            false => ("in all", "at the end"),
        };
        match states.as_slice() {
            [] => self.say(format!("{count} {all}")),
            [one, other] => self.say(format!("{count} {all}; {end} {one} and {other}")),
            states => self.say(format!("{count} {all}; {end} {}", states.join(", "))),
        }
    }
}
