//! Which form the progress and the results take.

/// What `--output` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For GitHub Actions.
    Github,
}

/// What is known about where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether `CI` is set.
    pub ci: bool,
    /// Whether `GITHUB_ACTIONS` is set.
    pub github_actions: bool,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
    /// Whether `TERM` is `dumb`.
    pub term_is_dumb: bool,
    /// Whether `--quiet` was given.
    pub quiet: bool,
    /// What `--output` was given.
    pub output: Option<Output>,
}

/// The form of the progress, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A line a job that is redrawn in place.
    Live,
    /// A line a change, and a heartbeat.
    Plain,
    /// A JSON object an event.
    JsonLines,
    /// Plain lines in a group, and annotations, as GitHub Actions shows them.
    Github,
    /// None.
    Silent,
}

/// The form of the results, on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// A line of text a job.
    Text,
    /// A JSON object a job.
    Json,
}

/// How things are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The form of the progress.
    pub progress: Progress,
    /// The form of the results.
    pub results: Results,
    /// Whether results are printed: not where they would repeat the live lines that stay, right
    /// below them.
    pub print_results: bool,
    /// Whether the progress is colored.
    pub color: bool,
}

/// Chooses how things are told. The first row that applies:
///
/// | surroundings                                        | progress    |
/// |-----------------------------------------------------|-------------|
/// | `--quiet`                                           | `Silent`    |
/// | `--output github`                                   | `Github`    |
/// | no `--output`, `GITHUB_ACTIONS`                     | `Github`    |
/// | standard error is a terminal, not dumb, not in `CI` | `Live`      |
/// | `--output json`                                     | `JsonLines` |
/// | otherwise                                           | `Plain`     |
///
/// Results are JSON with `--output json`, otherwise text; text isn't printed where live lines are
/// on the same terminal, as standard output is one, too. Only live lines are colored, and not with
/// `NO_COLOR`.
#[must_use]
pub fn choose(surroundings: &Surroundings) -> Style {
    let s = surroundings;
    let progress = match s.output {
        _ if s.quiet => Progress::Silent,
        Some(Output::Github) => Progress::Github,
        None if s.github_actions => Progress::Github,
        _ if s.stderr_is_terminal && !s.term_is_dumb && !s.ci => Progress::Live,
        Some(Output::Json) => Progress::JsonLines,
        Some(Output::Text) | None => Progress::Plain,
    };
    let live = progress == Progress::Live;
    let results = match s.output {
        Some(Output::Json) => Results::Json,
        Some(Output::Text | Output::Github) | None => Results::Text,
    };
    Style {
        progress,
        results,
        print_results: !(live && s.stdout_is_terminal && results == Results::Text),
        color: live && !s.no_color,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Surroundings = Surroundings {
        stderr_is_terminal: false,
        stdout_is_terminal: false,
        ci: false,
        github_actions: false,
        no_color: false,
        term_is_dumb: false,
        quiet: false,
        output: None,
    };
    const TERMINAL: Surroundings = Surroundings {
        stderr_is_terminal: true,
        stdout_is_terminal: true,
        ..LOG
    };
    const ACTIONS: Surroundings = Surroundings {
        ci: true,
        github_actions: true,
        ..LOG
    };

    #[test]
    fn the_first_row_of_the_table_that_applies_decides() {
        use Output::{Github, Json, Text};
        let with = |output, base| Surroundings {
            output: Some(output),
            ..base
        };
        let cases = [
            (LOG, Progress::Plain),
            (TERMINAL, Progress::Live),
            (ACTIONS, Progress::Github),
            (
                Surroundings {
                    ci: true,
                    ..TERMINAL
                },
                Progress::Plain,
            ),
            (
                Surroundings {
                    term_is_dumb: true,
                    ..TERMINAL
                },
                Progress::Plain,
            ),
            (
                Surroundings {
                    stderr_is_terminal: false,
                    ..TERMINAL
                },
                Progress::Plain,
            ),
            (
                Surroundings {
                    quiet: true,
                    ..TERMINAL
                },
                Progress::Silent,
            ),
            (
                Surroundings {
                    quiet: true,
                    ..with(Github, ACTIONS)
                },
                Progress::Silent,
            ),
            (with(Text, LOG), Progress::Plain),
            (with(Text, TERMINAL), Progress::Live),
            (with(Text, ACTIONS), Progress::Plain),
            (with(Json, LOG), Progress::JsonLines),
            (with(Json, TERMINAL), Progress::Live),
            (
                with(
                    Json,
                    Surroundings {
                        ci: true,
                        ..TERMINAL
                    },
                ),
                Progress::JsonLines,
            ),
            (with(Json, ACTIONS), Progress::JsonLines),
            (with(Github, LOG), Progress::Github),
            (with(Github, TERMINAL), Progress::Github),
        ];
        for (surroundings, expected) in cases {
            assert_eq!(choose(&surroundings).progress, expected, "{surroundings:?}");
        }
    }

    #[test]
    fn results_are_json_where_that_was_asked_for() {
        for (output, expected) in [
            (None, Results::Text),
            (Some(Output::Text), Results::Text),
            (Some(Output::Github), Results::Text),
            (Some(Output::Json), Results::Json),
        ] {
            let surroundings = Surroundings { output, ..TERMINAL };
            assert_eq!(choose(&surroundings).results, expected, "{output:?}");
        }
    }

    #[test]
    fn a_result_is_left_out_only_where_the_live_lines_right_above_say_it() {
        let json = Some(Output::Json);
        let cases = [
            (TERMINAL, false),
            (LOG, true),
            (
                Surroundings {
                    stdout_is_terminal: false,
                    ..TERMINAL
                },
                true,
            ),
            (
                Surroundings {
                    output: json,
                    ..TERMINAL
                },
                true,
            ),
            (
                Surroundings {
                    quiet: true,
                    ..TERMINAL
                },
                true,
            ),
            (
                Surroundings {
                    ci: true,
                    ..TERMINAL
                },
                true,
            ),
        ];
        for (surroundings, expected) in cases {
            assert_eq!(
                choose(&surroundings).print_results,
                expected,
                "{surroundings:?}"
            );
        }
    }

    #[test]
    fn only_live_lines_are_colored() {
        assert!(choose(&TERMINAL).color);
        assert!(
            !choose(&Surroundings {
                no_color: true,
                ..TERMINAL
            })
            .color
        );
        assert!(
            !choose(&Surroundings {
                ci: true,
                ..TERMINAL
            })
            .color
        );
        assert!(!choose(&ACTIONS).color);
    }
}
