//! Tests `service::keys`: authentication.

use bioserver::domain::{Caller, Permission};
use bioserver::service::keys::{self, CreatedKey, Credentials, NewKey, Refusal};
use bioserver::service::{self, Deps};
use bioserver::store::settings::Settings;
use chrono::TimeDelta;
use secrecy::ExposeSecret;

use crate::both::on_both;
use crate::store::deps::deps;

on_both!(
    a_key_lets_its_provider_in,
    a_pair_is_an_id_and_a_secret,
    a_wrong_key_is_refused,
    an_expired_key_lets_nobody_in,
    a_revoked_key_lets_nobody_in_at_once,
    a_provider_is_made_once,
    a_key_that_makes_no_sense_is_not_made,
);

fn new(provider: &str) -> NewKey {
    NewKey { provider: provider.to_owned(), permissions: vec![Permission::Face, Permission::Match], expires: None }
}

async fn create(deps: &Deps, new: NewKey) -> CreatedKey {
    keys::create(&deps.store, &deps.master, &deps.clock, new).await.unwrap()
}

async fn enter(deps: &Deps, key: &str) -> Result<Caller, service::Error> {
    keys::authenticate(deps, &Credentials::Key(key.into())).await
}

fn pair(id: &str, secret: &str) -> Credentials {
    Credentials::Pair { id: id.to_owned(), secret: secret.into() }
}

async fn a_key_lets_its_provider_in(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let made = create(&deps, new("sp")).await;
    let text = made.text.expose_secret();
    assert_eq!(text.len(), "bio_".len() + 32 + 1 + 43);
    let caller = enter(&deps, text).await.unwrap();
    assert_eq!(caller.key, made.id);
    assert_eq!(caller.permissions, [Permission::Face, Permission::Match]);
    service::require(&caller, Permission::Match).unwrap();
    let refused = service::require(&caller, Permission::Age);
    assert!(matches!(refused, Err(service::Error::Forbidden(Permission::Age))));
}

async fn a_pair_is_an_id_and_a_secret(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let made = create(&deps, new("sp")).await;
    let text = made.text.expose_secret();
    let (id, secret) = text.strip_prefix("bio_").unwrap().split_once('_').unwrap();
    let (with_prefix, with_hyphens) = (format!("bio_{id}"), made.id.0.to_string());
    for id in [id, &with_prefix, &with_hyphens] {
        for secret in [secret, text] {
            let caller = keys::authenticate(&deps, &pair(id, secret)).await.unwrap();
            assert_eq!(caller.key, made.id);
        }
    }
    let other = create(&deps, new("sp")).await;
    let other_id = other.id.0.simple().to_string();
    for (id, secret) in [(other_id.as_str(), secret), (&other_id, text), (id, ""), (id, id), ("", secret), ("sp", text)]
    {
        let refused = keys::authenticate(&deps, &pair(id, secret)).await;
        assert!(matches!(refused, Err(service::Error::Unauthorized)), "{id}");
    }
}

async fn a_wrong_key_is_refused(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let (one, two) = (create(&deps, new("sp")).await, create(&deps, new("sp")).await);
    let text = one.text.expose_secret();
    // The secret itself may contain underscores.
    let other_secret = two.text.expose_secret().splitn(3, '_').nth(2).unwrap();
    let swapped = format!("bio_{}_{other_secret}", one.id.0.simple());
    let unknown = text.replace(&one.id.0.simple().to_string(), &"0".repeat(32));
    let wrong = [
        "",
        "bio_",
        "bio__",
        &text[1..],
        &text[..text.len() - 1],
        &format!("{text}x"),
        &format!(" {text}"),
        &text.to_uppercase(),
        &swapped,
        &unknown,
        &format!("{text}{}", "x".repeat(100_000)),
    ];
    for text in wrong {
        assert!(matches!(enter(&deps, text).await, Err(service::Error::Unauthorized)), "{text:.100}");
    }
}

async fn an_expired_key_lets_nobody_in(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let expires = Some(deps.clock.now().plus(TimeDelta::seconds(60)));
    let made = create(&deps, NewKey { expires, ..new("sp") }).await;
    deps.clock.advance(TimeDelta::seconds(50));
    enter(&deps, made.text.expose_secret()).await.unwrap();
    deps.clock.advance(TimeDelta::seconds(10));
    assert!(matches!(enter(&deps, made.text.expose_secret()).await, Err(service::Error::Unauthorized)));
}

async fn a_revoked_key_lets_nobody_in_at_once(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let (ended, other) = (create(&deps, new("sp")).await, create(&deps, new("sp")).await);
    enter(&deps, ended.text.expose_secret()).await.unwrap();
    let since = keys::revoke(&deps.store, &deps.master, &deps.clock, ended.id).await.unwrap();
    assert!(since.is_some());
    assert!(matches!(enter(&deps, ended.text.expose_secret()).await, Err(service::Error::Unauthorized)));
    enter(&deps, other.text.expose_secret()).await.unwrap();
    deps.clock.advance(TimeDelta::seconds(10));
    assert_eq!(keys::revoke(&deps.store, &deps.master, &deps.clock, ended.id).await.unwrap(), since);
}

async fn a_provider_is_made_once(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let (one, two, other) =
        (create(&deps, new("sp")).await, create(&deps, new("sp")).await, create(&deps, new("x")).await);
    let provider = async |made: &CreatedKey| enter(&deps, made.text.expose_secret()).await.unwrap().provider;
    assert_eq!(provider(&one).await, provider(&two).await);
    assert_ne!(provider(&one).await, provider(&other).await);
    let listed = keys::list(&deps.store).await.unwrap();
    let names: Vec<&str> = listed.iter().map(|key| key.provider.as_str()).collect();
    assert_eq!(names, ["sp", "sp", "x"]);
}

async fn a_key_that_makes_no_sense_is_not_made(settings: Settings) {
    let (deps, _folder) = deps(&settings).await;
    let now = deps.clock.now();
    let refused = async |new: NewKey| keys::create(&deps.store, &deps.master, &deps.clock, new).await.unwrap_err();
    for name in ["", " sp", "a\nb", &"x".repeat(101)] {
        assert!(matches!(refused(new(name)).await, Refusal::ProviderName), "{name}");
    }
    assert!(matches!(refused(NewKey { permissions: vec![], ..new("sp") }).await, Refusal::NoPermission));
    assert!(matches!(refused(NewKey { expires: Some(now), ..new("sp") }).await, Refusal::Expired(_)));
    assert_eq!(keys::list(&deps.store).await.unwrap(), []);
}
