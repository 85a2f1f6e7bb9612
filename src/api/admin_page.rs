//! The operator's page, on the address of the metrics: it shows the state of the server as small plots. It is
//! read-only, and it names no person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::Days;
use poem::http::header;
use poem::web::Data;
use poem::{Response, Route, get, handler};

use crate::api::home::{POLICY, style};
use crate::api::html::escaped;
use crate::service::{Deps, gauges, providers};
use crate::telemetry::{self, Gauge};

const PAGE: &str = include_str!("admin_page/index.html");
/// The most rows of a plot. The greatest counts come first; the last row adds up the rest.
const ROWS_MAX: usize = 12;

/// A plot of named numbers of one kind.
struct Plot {
    title: &'static str,
    rows: Vec<(String, f64)>,
}

/// Adds the page to the routes of the metrics address.
pub fn add(routes: Route) -> Route {
    routes.at("/admin", get(page)).at("/admin/style.css", get(style()))
}

#[handler]
async fn page(Data(deps): Data<&Deps>) -> Response {
    let gauges = gauges::now(deps).await;
    let mut plots = vec![
        of(&gauges, "Images in the queue and in work", &["bioserver_pictures_waiting", "bioserver_pictures_running"]),
        of(&gauges, "Open sessions", &["bioserver_sessions"]),
        of(&gauges, "Pending callbacks", &["bioserver_callbacks_owed"]),
        of(
            &gauges,
            "Delays and waits, in seconds",
            &["bioserver_sweep_lag_seconds", "bioserver_callback_lag_seconds", "bioserver_wait_seconds"],
        ),
    ];
    let refusals = telemetry::refusals().into_iter().map(|(code, count)| (code, count as f64)).collect();
    plots.push(Plot { title: "Refusals of this node since its start, by code", rows: refusals });
    plots.extend(checks(deps).await);
    let drawn: String = plots.into_iter().map(drawn).collect();
    let page = PAGE
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{now}}", &deps.clock.now().utc().format("%Y-%m-%d %H:%M:%S").to_string())
        .replace("{{plots}}", &drawn);
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::CACHE_CONTROL, "no-store")
        .body(page)
}

/// Makes a plot of the gauges with these names. A row's name is the gauge's name without prefix and unit.
fn of(gauges: &[Gauge], title: &'static str, names: &[&str]) -> Plot {
    let row = |name: &&str| {
        let gauge = gauges.iter().find(|gauge| gauge.name == *name)?;
        let word = name.trim_start_matches("bioserver_").trim_end_matches("_seconds").replace('_', " ");
        Some((word, gauge.value))
    };
    Plot { title, rows: names.iter().filter_map(row).collect() }
}

/// Plots the liveness checks of yesterday and today, of all providers, by verdict and by reason; no plot while the
/// database is away.
async fn checks(deps: &Deps) -> Vec<Plot> {
    let today = deps.clock.now().utc().date_naive();
    let first = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let Ok(Some(used)) = providers::usage(&deps.store, None, first, today).await else { return vec![] };
    let mut counts = BTreeMap::<String, f64>::new();
    for line in used {
        if let Some((_, what)) = line.operation.split_once('/') {
            *counts.entry(what.to_owned()).or_default() += line.count as f64;
        }
    }
    let is_verdict =
        |what: &str| crate::domain::liveness::LivenessStatus::ALL.iter().any(|status| status.name() == what);
    let (verdicts, reasons) = counts.into_iter().partition(|(what, _)| is_verdict(what));
    vec![
        Plot { title: "Liveness checks since yesterday, by verdict", rows: verdicts },
        Plot { title: "Liveness checks refused since yesterday, by reason", rows: reasons },
    ]
}

/// Renders a plot as a table whose bars are in proportion to the greatest number.
fn drawn(Plot { title, mut rows }: Plot) -> String {
    rows.sort_by(|one, other| other.1.total_cmp(&one.1));
    if rows.len() > ROWS_MAX {
        let rest = rows.split_off(ROWS_MAX - 1).into_iter().map(|(_, value)| value).sum();
        rows.push(("others".to_owned(), rest));
    }
    let most = rows.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let mut body = String::new();
    for (name, value) in &rows {
        let share = if most > 0.0 { 100.0 * value / most } else { 0.0 };
        let shown = if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") };
        write!(
            body,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{shown}</td><td class=\"bar\">\
             <svg viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect width=\"{share:.1}\" height=\"4\"/></svg></td></tr>",
            escaped(name)
        )
        .expect("it is memory");
    }
    if rows.is_empty() {
        body.push_str("<tr><td>None.</td></tr>");
    }
    format!("<table><caption>{title}</caption><tbody>{body}</tbody></table>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_the_least_are_added_up() {
        let rows = (1..=20).map(|count| (format!("<{count}>"), f64::from(count))).collect();
        let drawn = drawn(Plot { title: "Counts", rows });
        assert_eq!(drawn.matches("<tr>").count(), ROWS_MAX);
        assert!(drawn.contains("&lt;20>") && !drawn.contains("<20>"));
        assert!(drawn.contains("others</th><td class=\"number\">45<"), "{drawn}");
        let nothing = super::drawn(Plot { title: "Counts", rows: vec![] });
        assert!(nothing.contains("None."));
    }
}
