//! Takes pages in Markdown apart for the tests of what they show.

/// Returns the blocks between ``` and ```, each with the language that is named at its head.
pub fn blocks(page: &str) -> Vec<(&str, &str)> {
    page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}
