use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use driver_events_nats::NatsOptions;

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::report::with_causes;

/// Who connects to NATS, and whom it trusts.
///
/// Where an option is not given, a variable of the environment counts that has its name, as the `nats` command has it
/// too. Passwords, tokens and seeds are no options: the arguments of a process are seen by everybody. The environment is
/// read only when there is something to connect to, so that what is set wrongly there is in nobody else's way.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct NatsArguments {
    /// The credentials file of a user (JWT and NKey seed) [or NATS_CREDS]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_creds: Option<PathBuf>,

    /// A file with the NKey seed of a user [or NATS_NKEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_nkey: Option<PathBuf>,

    /// The user whose password is in NATS_PASSWORD [or NATS_USER]
    #[arg(long, value_name = "NAME")]
    nats_user: Option<String>,

    /// Certificates that are trusted, instead of the system's [or NATS_CA]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_ca: Option<PathBuf>,

    /// The certificate to show [or NATS_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_cert: Option<PathBuf>,

    /// The key of the certificate [or NATS_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_key: Option<PathBuf>,
}

/// What says who connects.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Identity {
    CredentialsFile(PathBuf),
    NkeyFile(PathBuf),
    NkeySeed(OsString),
    /// The name; the password is in the environment.
    User(OsString),
    Token(OsString),
}

impl NatsArguments {
    /// The connection to these servers. What the URL says of the user goes before the options, and they go before the
    /// environment.
    pub(crate) fn options(&self, address: &NatsAddress) -> Result<NatsOptions, OpenError> {
        let env = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let mut options = address.options();
        if !address.has_user()
            && let Some(identity) = self.identity(env)?
        {
            options = identity.add_to(options, env)?;
        }
        let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| env(name).map(PathBuf::from));
        if let Some(file) = file(&self.nats_ca, "NATS_CA") {
            options = options.root_certificates(file);
        }
        match (file(&self.nats_cert, "NATS_CERT"), file(&self.nats_key, "NATS_KEY")) {
            (Some(certificate), Some(key)) => Ok(options.client_certificate(certificate, key)),
            (None, None) => Ok(options),
            (Some(_), None) => Err(OpenError::usage("a certificate needs its key: give --nats-key")),
            (None, Some(_)) => Err(OpenError::usage("a key needs its certificate: give --nats-cert")),
        }
    }

    fn identity(&self, env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Identity>, OpenError> {
        let file = |path: &Option<PathBuf>, identity: fn(PathBuf) -> Identity| path.clone().map(identity);
        let user = self.nats_user.clone().map(OsString::from);
        let option = only_one([
            ("--nats-creds", file(&self.nats_creds, Identity::CredentialsFile)),
            ("--nats-nkey", file(&self.nats_nkey, Identity::NkeyFile)),
            ("--nats-user", user.map(Identity::User)),
        ])?;
        if option.is_some() {
            return Ok(option);
        }
        let file = |name, identity: fn(PathBuf) -> Identity| env(name).map(PathBuf::from).map(identity);
        only_one([
            ("NATS_CREDS", file("NATS_CREDS", Identity::CredentialsFile)),
            ("NATS_NKEY", file("NATS_NKEY", Identity::NkeyFile)),
            ("NATS_NKEY_SEED", env("NATS_NKEY_SEED").map(Identity::NkeySeed)),
            ("NATS_USER", env("NATS_USER").map(Identity::User)),
            ("NATS_TOKEN", env("NATS_TOKEN").map(Identity::Token)),
        ])
    }
}

impl Identity {
    fn add_to(self, options: NatsOptions, env: impl Fn(&str) -> Option<OsString>) -> Result<NatsOptions, OpenError> {
        Ok(match self {
            Self::CredentialsFile(path) => options.credentials_file(path),
            Self::NkeyFile(path) => options.nkey_seed(read_seed(&path)?),
            Self::NkeySeed(seed) => options.nkey_seed(text(seed, "NATS_NKEY_SEED")?),
            Self::User(name) => {
                let name = text(name, "NATS_USER")?;
                let password = env("NATS_PASSWORD")
                    .ok_or_else(|| OpenError::usage(format!("the user {name} needs a password: set NATS_PASSWORD")))?;
                options.user_and_password(name, text(password, "NATS_PASSWORD")?)
            }
            Self::Token(token) => options.token(text(token, "NATS_TOKEN")?),
        })
    }
}

/// The one that is given, if any.
fn only_one<const N: usize>(identities: [(&str, Option<Identity>); N]) -> Result<Option<Identity>, OpenError> {
    let mut given = identities
        .into_iter()
        .filter_map(|(name, identity)| Some((name, identity?)));
    match (given.next(), given.next()) {
        (Some((one, _)), Some((other, _))) => Err(OpenError::usage(format!(
            "{one} and {other} both say who you are: leave one out"
        ))),
        (one, _) => Ok(one.map(|(_, identity)| identity)),
    }
}

fn text(value: OsString, name: &str) -> Result<String, OpenError> {
    value
        .into_string()
        .map_err(|_| OpenError::usage(format!("{name} is no UTF-8 text")))
}

/// The line that begins as the seeds of users do; others may be comments and headings.
fn read_seed(path: &Path) -> Result<String, OpenError> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| OpenError::usage(format!("cannot read the NKey file {shown}: {}", with_causes(&error))))?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    seed.map(String::from)
        .ok_or_else(|| OpenError::usage(format!("{shown} has no line with the NKey seed of a user, SU…")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(arguments: &NatsArguments, environment: &[(&str, &str)]) -> Result<Option<Identity>, String> {
        let env = |name: &str| {
            let value = environment.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        arguments.identity(env).map_err(|error| error.to_string())
    }

    #[test]
    fn options_go_before_the_environment() {
        let environment = [("NATS_CREDS", "a.creds")];
        let none = NatsArguments::default();
        assert_eq!(identity(&none, &[]), Ok(None));
        assert_eq!(
            identity(&none, &environment),
            Ok(Some(Identity::CredentialsFile("a.creds".into())))
        );
        let user = NatsArguments {
            nats_user: Some("ada".into()),
            ..NatsArguments::default()
        };
        assert_eq!(identity(&user, &environment), Ok(Some(Identity::User("ada".into()))));
    }

    #[test]
    fn who_connects_is_said_once() {
        let environment = [("NATS_USER", "ada"), ("NATS_TOKEN", "s3cret")];
        let refused = identity(&NatsArguments::default(), &environment).unwrap_err();
        assert_eq!(refused, "NATS_USER and NATS_TOKEN both say who you are: leave one out");
        let two = NatsArguments {
            nats_creds: Some("a.creds".into()),
            nats_nkey: Some("a.nk".into()),
            ..NatsArguments::default()
        };
        let refused = identity(&two, &[]).unwrap_err();
        assert!(refused.starts_with("--nats-creds and --nats-nkey both"), "{refused}");
    }

    #[test]
    fn a_user_needs_a_password() {
        let user = || Identity::User("ada".into());
        let refused = user().add_to(NatsOptions::new("h"), |_| None).unwrap_err();
        assert_eq!(refused.to_string(), "the user ada needs a password: set NATS_PASSWORD");
        let options = user().add_to(NatsOptions::new("h"), |_| Some("s3cret".into())).unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
