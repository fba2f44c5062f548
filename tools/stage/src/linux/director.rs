//! The director's hand: waits for events in the packets, and acts.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use wire::{call::Sent, conversation::Side, event::Event};

use super::play::{Play, Scene, system_failure};
use crate::{
    reading,
    scenario::{Deed, Host},
    script::{Failure, Part, Script},
};

/// Who waits and acts.
pub struct Director {
    /// What was not seen yet.
    pending: Vec<Cue>,
    /// What is being done.
    doing: Vec<Row>,
}

/// An event to wait for, and what is done then.
struct Cue {
    words: String,
    event: Event,
    /// The host at which it counts: its sender's; where there is but one, the first.
    host: usize,
    /// How many segments of this host were looked at.
    looked: usize,
    deeds: VecDeque<Deed>,
}

/// Deeds that are done one after another.
struct Row {
    deeds: VecDeque<Deed>,
    waits_for: Waiting,
}

enum Waiting {
    Time(Instant),
    /// The end of these processes, by their places among those started.
    Ends(Vec<usize>),
}

impl Director {
    /// A director who knows the script.
    ///
    /// # Errors
    /// An event that is none; the scenario's reader refuses it before.
    pub fn new(script: &Script) -> Result<Director, Failure> {
        let cue = |then: &crate::scenario::Then| {
            let event = reading::trigger(&then.when).map_err(|error| Failure::System {
                doing: "reading the script".into(),
                error,
            })?;
            Ok(Cue {
                words: then.when.clone(),
                host: usize::from(event.side == Side::Server && script.link.is_some()),
                event,
                looked: 0,
                deeds: then.deeds.iter().cloned().collect(),
            })
        };
        Ok(Director {
            pending: script.then.iter().map(cue).collect::<Result<_, Failure>>()?,
            doing: Vec::new(),
        })
    }

    /// Whether something is begun and not done.
    pub fn is_at_work(&self) -> bool {
        !self.doing.is_empty()
    }

    /// When there is next something to do, if that is a question of time.
    pub fn next_act(&self) -> Option<Duration> {
        let now = Instant::now();
        let times = self.doing.iter().filter_map(|row| match row.waits_for {
            Waiting::Time(due) => Some(due.saturating_duration_since(now)),
            Waiting::Ends(_) => None,
        });
        times.min()
    }

    /// Fails where an event that was waited for has not come.
    ///
    /// # Errors
    /// Which one, and what came instead.
    pub fn has_seen_everything(&self, play: &Play) -> Result<(), Failure> {
        match self.pending.first() {
            None => Ok(()),
            Some(cue) => Err(Failure::NeverCame {
                when: cue.words.clone(),
                seen: reading::all_names(&play.segments[cue.host]),
            }),
        }
    }

    /// Looks whether something that was waited for has come, and does what is due.
    ///
    /// # Errors
    /// What cannot be done.
    pub fn act(&mut self, play: &mut Play, scene: &mut Scene<'_>) -> Result<(), Failure> {
        let mut index = 0;
        while index < self.pending.len() {
            let cue = &mut self.pending[index];
            let segments = &play.segments[cue.host];
            let worth = segments[cue.looked..]
                .iter()
                .any(|segment| reading::may_be(&cue.event, segment));
            cue.looked = segments.len();
            if worth && reading::has_come(&cue.event, segments) {
                let cue = self.pending.remove(index);
                self.doing.push(Row {
                    deeds: cue.deeds,
                    waits_for: Waiting::Time(Instant::now()),
                });
            } else {
                index += 1;
            }
        }
        for row in &mut self.doing {
            row.go_on(play, scene)?;
        }
        self.doing
            .retain(|row| !row.deeds.is_empty() || !row.is_due(play));
        Ok(())
    }
}

impl Row {
    fn is_due(&self, play: &Play) -> bool {
        match &self.waits_for {
            Waiting::Time(due) => *due <= Instant::now(),
            Waiting::Ends(started) => started.iter().all(|index| play.running[*index].ended.is_some()),
        }
    }

    fn go_on(&mut self, play: &mut Play, scene: &mut Scene<'_>) -> Result<(), Failure> {
        while self.is_due(play)
            && let Some(deed) = self.deeds.pop_front()
        {
            play.did(&deed);
            match &deed {
                Deed::Ss => {
                    let first = play.running.len();
                    for part in ask_for_sockets(scene.hosts.len())? {
                        play.start(scene, &part)?;
                    }
                    self.waits_for = Waiting::Ends((first..play.running.len()).collect());
                }
                Deed::End(name) => play.signal(name, Sent::Sigterm),
                Deed::Kill(name) => play.signal(name, Sent::Sigkill),
                Deed::Stop(name) => play.signal(name, Sent::Sigstop),
                Deed::Continue(name) => play.signal(name, Sent::Sigcont),
                Deed::Cut | Deed::Mend => {
                    if let Some(link) = &scene.link {
                        link.cut(deed == Deed::Cut);
                    }
                }
                Deed::Wait(span) => self.waits_for = Waiting::Time(Instant::now() + span.0),
            }
        }
        Ok(())
    }
}

/// `ss`, once for each host.
fn ask_for_sockets(hosts: usize) -> Result<Vec<Part>, Failure> {
    let places = ["/usr/bin/ss", "/usr/sbin/ss", "/bin/ss", "/sbin/ss"];
    let path: PathBuf = places
        .iter()
        .map(Path::new)
        .find(|path| path.exists())
        .ok_or_else(|| {
            let missing = "it is not installed; on Debian and Ubuntu: sudo apt install iproute2";
            system_failure("asking ss for the sockets")(std::io::Error::other(missing))
        })?
        .into();
    let part = |name: &str, host| Part {
        name: name.into(),
        program: name.into(),
        path: path.clone(),
        arguments: vec!["-tano".into()],
        ready: None,
        asked_to_end: false,
        host,
        caps: Vec::new(),
        tapped: false,
        at_home: false,
        busy: false,
    };
    Ok(match hosts {
        1 => vec![part("ss", Host::Client)],
        _ => vec![part("client-ss", Host::Client), part("server-ss", Host::Server)],
    })
}
