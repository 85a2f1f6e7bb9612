//! How much clients may ask for before anybody knows who they are.

use std::time::Duration;

use crate::api::http::connections::Settings;
use crate::config::source::Sources;
use crate::config::table;

pub fn connections(sources: &mut Sources) -> Settings {
    let default = Settings::default();
    let connections_max = sources.plain(&table::CONNECTIONS_MAX, default.connections_max);
    let per_address_max = sources.plain(&table::CONNECTIONS_PER_ADDRESS_MAX, default.per_address_max);
    let mut seconds = |setting, default: Duration| Duration::from_secs(sources.plain(setting, default.as_secs()));
    let head = seconds(&table::HEAD_SECONDS, default.head);
    let idle = seconds(&table::IDLE_SECONDS, default.idle);
    Settings { connections_max, per_address_max, head, idle }
}
