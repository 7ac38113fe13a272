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
    Open(usize),
    Desk,
    Quit,
    Help,
    Say(&'a str),
    Unknown,
}

/// Reads a line of input.
pub(super) fn parse_input(line: &str) -> Input<'_> {
    let line = line.trim_end();
    if line.starts_with("//") {
        return Input::Say(&line[1..]);
    }
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Input::Nothing,
        (Some("/rooms"), None, None) => Input::Rooms,
        (Some("/open"), Some(number), None) => number.parse().map_or(Input::Unknown, Input::Open),
        (Some("/desk"), None, None) => Input::Desk,
        (Some("/quit" | "/exit"), None, None) => Input::Quit,
        (Some("/help"), ..) => Input::Help,
        (Some(word), ..) if word.starts_with('/') => Input::Unknown,
        _ => Input::Say(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_a_command_or_a_message() {
        assert_eq!(parse_input(""), Input::Nothing);
        assert_eq!(parse_input("/rooms\n"), Input::Rooms);
        assert_eq!(parse_input("/open 12"), Input::Open(12));
        assert_eq!(parse_input("/desk"), Input::Desk);
        assert_eq!(parse_input("/open"), Input::Unknown);
        assert_eq!(parse_input("/open x"), Input::Unknown);
        assert_eq!(parse_input("/shrug"), Input::Unknown);
        assert_eq!(parse_input("  indented"), Input::Say("  indented"));
        assert_eq!(
            parse_input("//etc is a directory"),
            Input::Say("/etc is a directory")
        );
    }
}
