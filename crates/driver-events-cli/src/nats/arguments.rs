use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use driver_events_nats::NatsOptions;

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::report::with_causes;

/// Credentials and certificates of NATS connections.
///
/// Passwords, tokens and seeds are not options, as every user of the machine can read the arguments of a process. The
/// variables are those of the `nats` command. They are read only for a NATS URL: wrong values do not affect other commands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct NatsArguments {
    /// Credentials file with the user's JWT and NKey seed [env: NATS_CREDS]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_creds: Option<PathBuf>,

    /// File with the user's NKey seed [env: NATS_NKEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_nkey: Option<PathBuf>,

    /// Username; NATS_PASSWORD contains the password [env: NATS_USER]
    #[arg(long, value_name = "NAME")]
    nats_user: Option<String>,

    /// CA certificates to trust instead of the system's [env: NATS_CA]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_ca: Option<PathBuf>,

    /// Client certificate [env: NATS_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_cert: Option<PathBuf>,

    /// Private key of the client certificate [env: NATS_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_key: Option<PathBuf>,
}

/// Credentials from the command line or the environment.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Credentials {
    File(PathBuf),
    NkeyFile(PathBuf),
    NkeySeed(OsString),
    /// Username; the password is read from NATS_PASSWORD.
    User(OsString),
    Token(OsString),
}

impl NatsArguments {
    /// Returns the connection options for these servers. Credentials are resolved in this order: URL, option, environment.
    pub(crate) fn options(&self, address: &NatsAddress) -> Result<NatsOptions, OpenError> {
        let env = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let mut options = address.options();
        if !address.has_credentials()
            && let Some(credentials) = self.credentials(env)?
        {
            options = credentials.add_to(options, env)?;
        }
        let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| env(name).map(PathBuf::from));
        if let Some(file) = file(&self.nats_ca, "NATS_CA") {
            options = options.root_certificates(file);
        }
        match (file(&self.nats_cert, "NATS_CERT"), file(&self.nats_key, "NATS_KEY")) {
            (Some(certificate), Some(key)) => Ok(options.client_certificate(certificate, key)),
            (None, None) => Ok(options),
            (Some(_), None) => Err(OpenError::usage(
                "missing key of the client certificate: pass --nats-key",
            )),
            (None, Some(_)) => Err(OpenError::usage(
                "missing client certificate for the key: pass --nats-cert",
            )),
        }
    }

    fn credentials(&self, env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Credentials>, OpenError> {
        let file = |path: &Option<PathBuf>, kind: fn(PathBuf) -> Credentials| path.clone().map(kind);
        let user = self.nats_user.clone().map(OsString::from);
        let option = at_most_one([
            ("--nats-creds", file(&self.nats_creds, Credentials::File)),
            ("--nats-nkey", file(&self.nats_nkey, Credentials::NkeyFile)),
            ("--nats-user", user.map(Credentials::User)),
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
}

impl Credentials {
    fn add_to(self, options: NatsOptions, env: impl Fn(&str) -> Option<OsString>) -> Result<NatsOptions, OpenError> {
        Ok(match self {
            Self::File(path) => options.credentials_file(path),
            Self::NkeyFile(path) => options.nkey_seed(read_seed(&path)?),
            Self::NkeySeed(seed) => options.nkey_seed(text(seed, "NATS_NKEY_SEED")?),
            Self::User(name) => {
                let name = text(name, "NATS_USER")?;
                let password = env("NATS_PASSWORD")
                    .ok_or_else(|| OpenError::usage(format!("missing password of user `{name}`: set NATS_PASSWORD")))?;
                options.user_and_password(name, text(password, "NATS_PASSWORD")?)
            }
            Self::Token(token) => options.token(text(token, "NATS_TOKEN")?),
        })
    }
}

/// Returns the given credentials, if any, or an error if there are several.
fn at_most_one<const N: usize>(candidates: [(&str, Option<Credentials>); N]) -> Result<Option<Credentials>, OpenError> {
    let mut given = candidates
        .into_iter()
        .filter_map(|(name, credentials)| Some((name, credentials?)));
    match (given.next(), given.next()) {
        (Some((one, _)), Some((other, _))) => Err(OpenError::usage(format!(
            "conflicting credentials {one} and {other}: remove one"
        ))),
        (one, _) => Ok(one.map(|(_, credentials)| credentials)),
    }
}

fn text(value: OsString, name: &str) -> Result<String, OpenError> {
    value
        .into_string()
        .map_err(|_| OpenError::usage(format!("{name} is not valid UTF-8")))
}

/// Returns the first line that starts like a user seed; other lines may be comments and headers.
fn read_seed(path: &Path) -> Result<String, OpenError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| OpenError::usage(format!("cannot read NKey file `{name}`: {}", with_causes(&error))))?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    seed.map(String::from)
        .ok_or_else(|| OpenError::usage(format!("no NKey seed of a user (SU…) in `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(arguments: &NatsArguments, environment: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
        let env = |name: &str| {
            let value = environment.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        arguments.credentials(env).map_err(|error| error.to_string())
    }

    #[test]
    fn option_precedes_environment() {
        let environment = [("NATS_CREDS", "a.creds")];
        let none = NatsArguments::default();
        assert_eq!(credentials(&none, &[]), Ok(None));
        assert_eq!(
            credentials(&none, &environment),
            Ok(Some(Credentials::File("a.creds".into())))
        );
        let user = NatsArguments {
            nats_user: Some("ada".into()),
            ..NatsArguments::default()
        };
        assert_eq!(
            credentials(&user, &environment),
            Ok(Some(Credentials::User("ada".into())))
        );
    }

    #[test]
    fn conflicting_credentials_are_rejected() {
        let environment = [("NATS_USER", "ada"), ("NATS_TOKEN", "s3cret")];
        let error = credentials(&NatsArguments::default(), &environment).unwrap_err();
        assert_eq!(error, "conflicting credentials NATS_USER and NATS_TOKEN: remove one");
        let two = NatsArguments {
            nats_creds: Some("a.creds".into()),
            nats_nkey: Some("a.nk".into()),
            ..NatsArguments::default()
        };
        let error = credentials(&two, &[]).unwrap_err();
        assert!(
            error.starts_with("conflicting credentials --nats-creds and --nats-nkey"),
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
