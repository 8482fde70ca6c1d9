//! Durations as a row of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How many bars a row has.
const COLUMNS: usize = 12;

/// How often each duration was, in milliseconds, from the shortest to the longest on a logarithmic
/// scale: the highest bar stands for the most of them, a gap for none. A single bar, where all are
/// the same; nothing, where there are none.
pub(super) fn bars(durations: &[u64]) -> String {
    let (Some(&least), Some(&most)) = (durations.iter().min(), durations.iter().max()) else {
        return String::new();
    };
    if least == most {
        return bar(1, 1).into();
    }
    // A millisecond more, as there may be none.
    let scale = |duration: u64| (duration as f64).ln_1p();
    let range = scale(most) - scale(least);
    let mut counts = [0; COLUMNS];
    for &duration in durations {
        let share = (scale(duration) - scale(least)) / range;
        let at = ((share * COLUMNS as f64) as usize).min(COLUMNS - 1);
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    }
    let highest = counts.into_iter().max().unwrap_or(0);
    counts.map(|count| bar(count, highest)).iter().collect()
}

/// The bar for a count. However low, it is there where there is something.
fn bar(count: usize, highest: usize) -> char {
    let height = (count * BARS.len()).div_ceil(highest.max(1));
    let bar = height.checked_sub(1).and_then(|at| BARS.get(at));
    bar.copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_duration_is_a_single_bar_however_often_it_was() {
        assert_eq!(bars(&[2869]), "█");
        assert_eq!(bars(&[2869; 64]), "█");
        assert_eq!(bars(&[0]), "█");
    }

    #[test]
    fn no_duration_is_no_bar() {
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn the_shortest_is_the_first_bar_and_the_longest_the_last() {
        assert_eq!(bars(&[1000, 9000]), "█          █");
        assert_eq!(bars(&[9000, 1000]), "█          █");
        assert_eq!(bars(&[0, 1]), "█          █");
    }

    #[test]
    fn the_scale_is_logarithmic() {
        assert_eq!(bars(&[10, 100, 1000, 10_000, 100_000]), "█ █  █  █  █");
    }

    #[test]
    fn a_bar_is_as_high_as_its_durations_are_many() {
        let durations = [vec![1000; 8], vec![2000; 4], vec![4000; 1]].concat();
        assert_eq!(bars(&durations), "█    ▄     ▁");
        let rare = [vec![1000; 1000], vec![4000; 1]].concat();
        assert_eq!(bars(&rare), "█          ▁");
    }

    #[test]
    fn durations_beyond_all_bounds_are_shown_somehow() {
        assert_eq!(bars(&[0, u64::MAX]), "█          █");
        assert_eq!(bars(&[u64::MAX - 1, u64::MAX]).chars().count(), COLUMNS);
    }
}
