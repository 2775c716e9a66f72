//! Credentials and certificates of a connection: from the URL, the options or the environment.
//!
//! The variables are those of the `nats` command. They are read when a NATS URL is opened: wrong values do not affect other
//! URLs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use driver_events_core::SetupError;
use driver_events_nats::NatsOptions;

use super::address::NatsAddress;
use crate::options::Options;

/// Credentials from the options or the environment.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Credentials {
    File(PathBuf),
    NkeyFile(PathBuf),
    NkeySeed(OsString),
    /// Username; the password is read from NATS_PASSWORD.
    User(OsString),
    Token(OsString),
}

/// Returns the connection options for these servers. Credentials are resolved in this order: URL, option, environment.
pub(super) fn connection_options(address: &NatsAddress, options: &Options) -> Result<NatsOptions, SetupError> {
    // An empty variable is as good as none, but a password may be empty.
    let env = |name: &str| env::var_os(name).filter(|value| name == "NATS_PASSWORD" || !value.is_empty());
    let mut connection = address.options();
    if !address.has_credentials()
        && let Some(credentials) = credentials(options, env)?
    {
        connection = credentials.add_to(connection, env)?;
    }
    let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| env(name).map(PathBuf::from));
    if let Some(file) = file(&options.nats_ca, "NATS_CA") {
        connection = connection.root_certificates(file);
    }
    match (
        file(&options.nats_cert, "NATS_CERT"),
        file(&options.nats_key, "NATS_KEY"),
    ) {
        (Some(certificate), Some(key)) => Ok(connection.client_certificate(certificate, key)),
        (None, None) => Ok(connection),
        (Some(_), None) => Err(SetupError::invalid(
            "missing key of the client certificate: set the option `nats-key` or NATS_KEY",
        )),
        (None, Some(_)) => Err(SetupError::invalid(
            "missing client certificate for the key: set the option `nats-cert` or NATS_CERT",
        )),
    }
}

fn credentials(options: &Options, env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Credentials>, SetupError> {
    let file = |path: &Option<PathBuf>, kind: fn(PathBuf) -> Credentials| path.clone().map(kind);
    let user = options.nats_user.clone().map(OsString::from);
    let option = at_most_one([
        ("`nats-creds`", file(&options.nats_creds, Credentials::File)),
        ("`nats-nkey`", file(&options.nats_nkey, Credentials::NkeyFile)),
        ("`nats-user`", user.map(Credentials::User)),
    ])?;
    if option.is_some() {
        return Ok(option);
    }
    let file = |name, kind: fn(PathBuf) -> Credentials| env(name).map(PathBuf::from).map(kind);
    at_most_one([
        ("NATS_CREDS", file("NATS_CREDS", Credentials::File)),
        ("NATS_NKEY", file("NATS_NKEY", Credentials::NkeyFile)),
        ("NATS_NKEY_SEED", env("NATS_NKEY_SEED").map(Credentials::NkeySeed)),
        ("NATS_USER", env("NATS_USER").map(Credentials::User)),
        ("NATS_TOKEN", env("NATS_TOKEN").map(Credentials::Token)),
    ])
}

impl Credentials {
    fn add_to(self, options: NatsOptions, env: impl Fn(&str) -> Option<OsString>) -> Result<NatsOptions, SetupError> {
        Ok(match self {
            Self::File(path) => options.credentials_file(path),
            Self::NkeyFile(path) => options.nkey_seed(read_seed(&path)?),
            Self::NkeySeed(seed) => options.nkey_seed(text(seed, "NATS_NKEY_SEED")?),
            Self::User(name) => {
                let name = text(name, "NATS_USER")?;
                let password = env("NATS_PASSWORD").ok_or_else(|| {
                    SetupError::invalid(format!("missing password of user `{name}`: set NATS_PASSWORD"))
                })?;
                options.user_and_password(name, text(password, "NATS_PASSWORD")?)
            }
            Self::Token(token) => options.token(text(token, "NATS_TOKEN")?),
        })
    }
}

/// Returns the given credentials, if any, or an error if there are several.
fn at_most_one<const N: usize>(
    candidates: [(&str, Option<Credentials>); N],
) -> Result<Option<Credentials>, SetupError> {
    let mut given = candidates
        .into_iter()
        .filter_map(|(name, credentials)| Some((name, credentials?)));
    match (given.next(), given.next()) {
        (Some((one, _)), Some((other, _))) => Err(SetupError::invalid(format!(
            "conflicting credentials {one} and {other}: remove one"
        ))),
        (one, _) => Ok(one.map(|(_, credentials)| credentials)),
    }
}

fn text(value: OsString, name: &str) -> Result<String, SetupError> {
    value
        .into_string()
        .map_err(|_| SetupError::invalid(format!("{name} is not valid UTF-8")))
}

/// Returns the first line that starts like a user seed; other lines may be comments and headers.
fn read_seed(path: &Path) -> Result<String, SetupError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| SetupError::invalid(format!("cannot read NKey file `{name}`")).with_source(error))?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    seed.map(String::from)
        .ok_or_else(|| SetupError::invalid(format!("no NKey seed of a user (SU…) in `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(options: &Options, environment: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
        let env = |name: &str| {
            let value = environment.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        credentials(options, env).map_err(|error| error.to_string())
    }

    #[test]
    fn option_precedes_environment() {
        let environment = [("NATS_CREDS", "a.creds")];
        let none = Options::default();
        assert_eq!(found(&none, &[]), Ok(None));
        assert_eq!(
            found(&none, &environment),
            Ok(Some(Credentials::File("a.creds".into())))
        );
        let user = Options {
            nats_user: Some("ada".into()),
            ..Options::default()
        };
        assert_eq!(found(&user, &environment), Ok(Some(Credentials::User("ada".into()))));
    }

    #[test]
    fn conflicting_credentials_are_rejected() {
        let environment = [("NATS_USER", "ada"), ("NATS_TOKEN", "s3cret")];
        let error = found(&Options::default(), &environment).unwrap_err();
        assert_eq!(error, "conflicting credentials NATS_USER and NATS_TOKEN: remove one");
        let two = Options {
            nats_creds: Some("a.creds".into()),
            nats_nkey: Some("a.nk".into()),
            ..Options::default()
        };
        let error = found(&two, &[]).unwrap_err();
        assert!(
            error.starts_with("conflicting credentials `nats-creds` and `nats-nkey`"),
            "{error}"
        );
    }

    #[test]
    fn user_requires_a_password() {
        let user = || Credentials::User("ada".into());
        let error = user().add_to(NatsOptions::new("h"), |_| None).unwrap_err();
        assert_eq!(error.to_string(), "missing password of user `ada`: set NATS_PASSWORD");
        let options = user().add_to(NatsOptions::new("h"), |_| Some("s3cret".into())).unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
