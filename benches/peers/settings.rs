//! The settings of a run: two arguments, and environment variables.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::problem::Problem;

const USAGE: &str =
    "usage: peers <rate|kill> <hookwire|svix|outpost|convoy|hook0>; benches/peers/README.md lists the variables";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Rate,
    Kill,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// The name of an adapter.
    pub(crate) server: String,
    /// The address of the server, without a slash at its end.
    pub(crate) api: String,
    pub(crate) token: String,
    /// The project or application of the events, for servers that need one.
    pub(crate) scope: Option<String>,
    /// Events of the saturated part, or of the kill.
    pub(crate) events: usize,
    pub(crate) warm_up: usize,
    /// Events of the paced part.
    pub(crate) paced: usize,
    /// Events per second in the paced part.
    pub(crate) pace: u32,
    /// Requests to the server at the same time.
    pub(crate) callers: usize,
    /// Bytes of the data of an event.
    pub(crate) payload: usize,
    pub(crate) endpoints: usize,
    /// The time that the receiver takes for each answer.
    pub(crate) receiver_delay: Duration,
    pub(crate) receiver_port: u16,
    /// Waiting for deliveries ends after this time without one.
    pub(crate) quiet: Duration,
    /// Processes whose CPU time is counted.
    pub(crate) processes: Vec<u32>,
    pub(crate) kill: Kill,
}

#[derive(Debug)]
pub(crate) struct Kill {
    /// Processes to kill. Empty: the user kills the server.
    pub(crate) processes: Vec<u32>,
    /// A command line for `sh` that starts the server again.
    pub(crate) restart: Option<String>,
    /// The longest time until the server answers again.
    pub(crate) limit: Duration,
    /// The time that each caller waits between two events.
    pub(crate) pause: Duration,
}

impl Settings {
    /// Reads the arguments after the name of the program, and the environment through `lookup`.
    pub(crate) fn read(arguments: &[String], lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let [mode, server] = arguments else { return Err(Problem::new(USAGE)) };
        let mode = match mode.as_str() {
            "rate" => Mode::Rate,
            "kill" => Mode::Kill,
            _ => return Err(Problem::new(USAGE)),
        };
        let variables = Variables(lookup);
        let is_kill = mode == Mode::Kill;
        let api = variables.required("PEERS_API", "the address of the server, such as http://127.0.0.1:8787")?;
        let settings = Self {
            mode,
            server: server.clone(),
            api: loopback(&api)?,
            token: variables.required("PEERS_TOKEN", "the bearer token that the server accepts")?,
            scope: variables.text("PEERS_SCOPE"),
            events: variables.number("PEERS_EVENTS", if is_kill { 2_000 } else { 10_000 })?,
            warm_up: variables.number("PEERS_WARM_UP", 500)?,
            paced: variables.number("PEERS_PACED_EVENTS", 1_000)?,
            pace: variables.number("PEERS_PACE", 100)?,
            callers: variables.number("PEERS_CALLERS", 64)?,
            payload: variables.number("PEERS_PAYLOAD", 1_024)?,
            endpoints: variables.number("PEERS_ENDPOINTS", 16)?,
            receiver_delay: Duration::from_millis(variables.number("PEERS_RECEIVER_MS", if is_kill { 20 } else { 0 })?),
            receiver_port: variables.number("PEERS_RECEIVER_PORT", 0)?,
            quiet: Duration::from_secs(variables.number("PEERS_QUIET_SECONDS", if is_kill { 120 } else { 30 })?),
            processes: variables.processes("PEERS_PIDS")?,
            kill: variables.kill()?,
        };
        settings.check()?;
        Ok(settings)
    }

    /// The number of events of all parts together.
    pub(crate) const fn all_events(&self) -> usize {
        self.warm_up + self.events + self.paced
    }

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("PEERS_EVENTS", self.events, 1, 10_000_000),
            ("PEERS_WARM_UP", self.warm_up, 0, 1_000_000),
            ("PEERS_PACED_EVENTS", self.paced, 1, 1_000_000),
            ("PEERS_PACE", self.pace as usize, 1, 100_000),
            ("PEERS_CALLERS", self.callers, 1, 4_096),
            ("PEERS_PAYLOAD", self.payload, 128, 262_144),
            ("PEERS_ENDPOINTS", self.endpoints, 1, 1_024),
        ];
        match limits.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((name, value, least, most)) => {
                Err(Problem::new(format!("{name} is {value}; set it to a number from {least} to {most}")))
            }
            None => Ok(()),
        }
    }
}

/// The environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    fn required(&self, name: &str, meaning: &str) -> Result<String, Problem> {
        self.text(name).ok_or_else(|| Problem::new(format!("set the environment variable {name}: {meaning}")))
    }

    fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let wrong = |_| Problem::new(format!("{name} is `{text}`; set it to a whole number, or unset it"));
        text.parse().map_err(wrong)
    }

    fn processes(&self, name: &str) -> Result<Vec<u32>, Problem> {
        let text = self.text(name).unwrap_or_default();
        let wrong = |part: &str| {
            Problem::new(format!(
                "{name} contains `{part}`; set it to ids of processes with commas between, such as 812,9400"
            ))
        };
        let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().ok().filter(|id| *id > 1).ok_or_else(|| wrong(part))).collect()
    }

    fn kill(&self) -> Result<Kill, Problem> {
        let processes = self.processes("PEERS_KILL_PIDS")?;
        let restart = self.text("PEERS_RESTART");
        if processes.is_empty() && restart.is_some() {
            return Err(Problem::new(
                "PEERS_RESTART is set; set PEERS_KILL_PIDS as well: the processes to kill before it",
            ));
        }
        // A user needs some seconds for a kill, so the callers must not be done before.
        let pause = self.number("PEERS_PAUSE_MS", if processes.is_empty() { 1_000 } else { 0 })?;
        Ok(Kill {
            processes,
            restart,
            limit: Duration::from_secs(self.number("PEERS_RESTART_SECONDS", 120)?),
            pause: Duration::from_millis(pause),
        })
    }
}

/// The address, if it is on this machine.
fn loopback(address: &str) -> Result<String, Problem> {
    let remedy = "set it to an `http` address on this machine, such as http://127.0.0.1:8787";
    let wrong = || Problem::new(format!("PEERS_API is `{address}`; {remedy}"));
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if uri.scheme_str() != Some("http") || !is_local || uri.query().is_some() {
        return Err(wrong());
    }
    Ok(address.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mode: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&[mode.to_owned(), "svix".to_owned()], &lookup).map_err(|problem| problem.to_string())
    }

    const API: (&str, &str) = ("PEERS_API", "http://127.0.0.1:8071/");
    const TOKEN: (&str, &str) = ("PEERS_TOKEN", "t");

    #[test]
    fn a_missing_variable_is_named_with_its_remedy() {
        assert!(read("rate", &[]).unwrap_err().contains("set the environment variable PEERS_API"));
        assert!(read("rate", &[API]).unwrap_err().contains("set the environment variable PEERS_TOKEN"));
    }

    #[test]
    fn two_variables_are_enough() {
        let settings = read("rate", &[API, TOKEN]).unwrap();
        assert_eq!((settings.api.as_str(), settings.events), ("http://127.0.0.1:8071", 10_000));
        assert_eq!(read("kill", &[API, TOKEN]).unwrap().events, 2_000);
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        for address in ["http://10.0.0.1:80", "https://127.0.0.1", "http://example.com", "nonsense"] {
            let refused = read("rate", &[("PEERS_API", address), TOKEN]).unwrap_err();
            assert!(refused.contains("PEERS_API") && refused.contains("on this machine"), "{refused}");
        }
        for address in ["http://localhost:1", "http://[::1]:1", "http://127.8.0.1:1/webhooks"] {
            assert!(read("rate", &[("PEERS_API", address), TOKEN]).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_bad_number_is_named() {
        assert!(read("rate", &[API, TOKEN, ("PEERS_EVENTS", "many")]).unwrap_err().contains("PEERS_EVENTS is `many`"));
        assert!(read("rate", &[API, TOKEN, ("PEERS_CALLERS", "0")]).unwrap_err().contains("PEERS_CALLERS is 0"));
        assert!(read("rate", &[API, TOKEN, ("PEERS_PIDS", "12,x")]).unwrap_err().contains("PEERS_PIDS contains `x`"));
        assert!(read("kill", &[API, TOKEN, ("PEERS_KILL_PIDS", "1")]).unwrap_err().contains("PEERS_KILL_PIDS"));
        assert!(read("kill", &[API, TOKEN, ("PEERS_RESTART", "x")]).unwrap_err().contains("set PEERS_KILL_PIDS"));
    }

    #[test]
    fn an_unknown_mode_gets_the_usage() {
        assert!(read("race", &[API, TOKEN]).unwrap_err().starts_with("usage:"));
    }
}
