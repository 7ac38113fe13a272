//! The commands of the staff's terminal.

/// The list of commands.
pub(super) const HELP: &str = "\
  /rooms      list the conversations
  /open N     show conversation N, and talk in it
  /desk       show the desk, and talk there: to colleagues, or to the bot (!help)
  /quit       leave (so does the end of input)
  anything else is sent to the open room: to the visitor, in a conversation; // sends a leading slash";

/// The meaning of a line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input<'a> {
    Nothing,
    Rooms,
    /// The room with this index; the desk is 0.
    Open(usize),
    Quit,
    Help,
    Say(&'a str),
}

/// Parses a line of input. An unknown command means help.
pub(super) fn parse_input(line: &str) -> Input<'_> {
    let line = line.trim_end();
    if line.starts_with("//") {
        return Input::Say(&line[1..]);
    }
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [] => Input::Nothing,
        ["/rooms"] => Input::Rooms,
        ["/desk"] => Input::Open(0),
        ["/open", number] => number.parse().map_or(Input::Help, Input::Open),
        ["/quit" | "/exit"] => Input::Quit,
        [word, ..] if word.starts_with('/') => Input::Help,
        _ => Input::Say(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_a_command_or_a_message() {
        for (line, meaning) in [
            ("", Input::Nothing),
            ("/rooms\n", Input::Rooms),
            ("/open 12", Input::Open(12)),
            ("/desk", Input::Open(0)),
            ("/open", Input::Help),
            ("/open x", Input::Help),
            ("/shrug", Input::Help),
            ("  indented", Input::Say("  indented")),
            ("//etc is a directory", Input::Say("/etc is a directory")),
        ] {
            assert_eq!(parse_input(line), meaning, "{line}");
        }
    }
}
