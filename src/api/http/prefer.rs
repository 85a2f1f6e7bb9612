//! A client may say which answer it prefers (RFC 7240).

/// The preference for an answer that describes the result.
pub const REPRESENTATION: &str = "return=representation";

/// True if the list of preferences in the header contains [`REPRESENTATION`].
pub fn prefers_representation(prefer: Option<&str>) -> bool {
    let is_it = |preference: &str| {
        let (preference, _parameters) = preference.split_once(';').unwrap_or((preference, ""));
        let Some((name, value)) = preference.split_once('=') else { return false };
        name.trim().eq_ignore_ascii_case("return") && value.trim().trim_matches('"') == "representation"
    };
    prefer.is_some_and(|prefer| prefer.split(',').any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_found_among_others() {
        for prefer in
            [REPRESENTATION, "wait=10, Return = \"representation\"; a=b", "respond-async,return=representation"]
        {
            assert!(prefers_representation(Some(prefer)), "{prefer}");
        }
        for prefer in
            ["", "return", "return=minimal", "representation", "x-return=representation", "return=Representation"]
        {
            assert!(!prefers_representation(Some(prefer)), "{prefer}");
        }
        assert!(!prefers_representation(None));
    }
}
