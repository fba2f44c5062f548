//! The names nearest to one that nobody has.

/// How many are named; a list of a hundred is no help.
const FEW: usize = 5;

/// The choices that look most like `name`, the likeliest first.
pub fn nearest<'a>(name: &str, choices: &'a [String]) -> Vec<&'a str> {
    let mut ranked: Vec<_> = choices
        .iter()
        .map(|choice| (distance(name, choice), choice.as_str()))
        .collect();
    ranked.sort();
    ranked.into_iter().take(FEW).map(|(_, choice)| choice).collect()
}

/// How far `name` is from being a part of `choice`: by letters to be changed, added or taken out. What stands before
/// and behind the part costs nothing, so that `one-ehco` finds `echo/one-echo.blocking`.
fn distance(name: &str, choice: &str) -> usize {
    let choice: Vec<char> = choice.chars().collect();
    let mut row = vec![0; choice.len() + 1];
    for (index, letter) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (place, other) in choice.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row.into_iter().min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_what_was_meant_first() {
        let choices: Vec<String> = [
            "close/client-first.async",
            "echo/one-echo.blocking",
            "echo/whole-buffer.blocking",
            "open/refused.async",
        ]
        .map(String::from)
        .into();
        assert_eq!(nearest("echo/one-ehco", &choices)[0], "echo/one-echo.blocking");
        assert_eq!(nearest("whole", &choices)[0], "echo/whole-buffer.blocking");
        assert_eq!(nearest("client-fist", &choices)[0], "close/client-first.async");
    }

    #[test]
    fn a_long_list_is_cut() {
        let choices: Vec<String> = (0..100).map(|number| format!("many/{number}")).collect();
        assert_eq!(nearest("many/7", &choices).len(), FEW);
        assert_eq!(nearest("many/7", &choices)[0], "many/7");
    }

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("echo", "echo"), 0);
        assert_eq!(distance("echo", "the echo chapter"), 0);
        assert_eq!(distance("ecko", "echo"), 1);
        assert_eq!(distance("abc", ""), 3);
    }
}
