//! A browser for pages that only work in one: Debian's chromium, driven over WebDriver.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use mailprov::lab::LabHost;
use serde_json::{Value, json};

/// How WebDriver names a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// A busy machine takes its time.
const LONGEST: Duration = Duration::from_secs(120);
/// Where the next driver listens. Nothing of a host's does there.
static PORT: AtomicU16 = AtomicU16::new(9515);
const PAUSE: Duration = Duration::from_millis(100);

/// A window of a browser of its own. Gone when dropped.
pub struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A browser that finds `name` at the host, and takes its certificate as it is. It has the host's network: when
    /// another lab comes or goes, one that sees this machine's drops its connections ("a network change was detected").
    pub fn open(name: &str, host: &LabHost) -> Self {
        super::machine::ensure(&["chromium", "chromedriver"], &["chromium", "chromium-driver"]);
        let profile = tempfile::tempdir().unwrap();
        let network = host.inner_root().unwrap().with_file_name("ns/net");
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        let driver = Command::new("nsenter")
            .arg(format!("--net={}", network.display()))
            .args(["chromedriver", "--allowed-ips", "--allowed-origins=*"])
            .arg(format!("--port={port}"))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut browser = Self {
            driver,
            session: format!("http://{}:{port}", host.address()),
            _profile: profile,
        };
        super::until("chromedriver answers", || {
            minreq::get(format!("{}/status", browser.session)).send().is_ok()
        });
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--lang=en-US",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", browser._profile.path().display()),
            &format!(
                "--host-resolver-rules=MAP {name} {}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                host.address()
            ),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"args": arguments},
        }}});
        // A browser that is slow to start is refused once or twice.
        let end = Instant::now() + LONGEST;
        let made = loop {
            match browser.ask("/session", &wanted) {
                Ok(made) => break made,
                Err(error) => assert!(Instant::now() < end, "no browser: {error}"),
            }
            std::thread::sleep(PAUSE);
        };
        let id = made["sessionId"].as_str().unwrap();
        browser.session = format!("{}/session/{id}", browser.session);
        browser
    }

    /// A command of WebDriver; its value, or what went wrong.
    fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        let asked = minreq::post(format!("{}{path}", self.session)).with_timeout(LONGEST.as_secs());
        let answer = asked.with_json(body).and_then(minreq::Request::send);
        let answer = answer.map_err(|error| error.to_string())?;
        let said: Value = answer.json().map_err(|error| error.to_string())?;
        match answer.status_code {
            200 => Ok(said["value"].clone()),
            _ => Err(said["value"]["message"].to_string()),
        }
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(path, body)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Loads a page; tries again when the browser gives up on it.
    #[track_caller]
    pub fn go(&self, url: &str) {
        let end = Instant::now() + LONGEST;
        while let Err(error) = self.ask("/url", &json!({ "url": url })) {
            assert!(Instant::now() < end, "{url}: {error}");
            std::thread::sleep(PAUSE);
        }
    }

    /// The elements that a CSS selector finds now.
    fn find(&self, css: &str) -> Vec<String> {
        let found = self.ask("/elements", &json!({"using": "css selector", "value": css}));
        let found = found.unwrap_or_default();
        let elements = found.as_array().into_iter().flatten();
        elements
            .filter_map(|one| Some(one[ELEMENT].as_str()?.to_owned()))
            .collect()
    }

    /// Does `what` to the first element of the selector that takes it, as soon as one does.
    #[track_caller]
    fn with(&self, css: &str, what: &str, body: &Value) {
        let end = Instant::now() + LONGEST;
        loop {
            let mut error = "it is not there".to_owned();
            for element in self.find(css) {
                match self.ask(&format!("/element/{element}/{what}"), body) {
                    Ok(_) => return,
                    Err(said) => error = said,
                }
            }
            assert!(Instant::now() < end, "{what} of {css}: {error}\n{}", self.text());
            std::thread::sleep(PAUSE);
        }
    }

    #[track_caller]
    pub fn click(&self, css: &str) {
        self.with(css, "click", &json!({}));
    }

    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        self.with(css, "value", &json!({ "text": text }));
    }

    /// Waits until the selector finds something.
    #[track_caller]
    pub fn wait(&self, css: &str) {
        let end = Instant::now() + LONGEST;
        while self.find(css).is_empty() {
            assert!(Instant::now() < end, "{css} does not come:\n{}", self.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until the page, and all that its scripts asked for (by jQuery), is there.
    #[track_caller]
    pub fn settles(&self) {
        let calm = || self.run("return document.readyState === 'complete' && !window.jQuery?.active") == true;
        // Scripts begin to ask a moment after the page is complete.
        super::until("the page has all that it asked for", || {
            calm() && {
                std::thread::sleep(3 * PAUSE);
                calm()
            }
        });
    }

    /// Waits until the page says `text`.
    #[track_caller]
    pub fn reads(&self, text: &str) {
        let end = Instant::now() + LONGEST;
        while !self.text().contains(text) {
            assert!(Instant::now() < end, "`{text}` does not come:\n{}", self.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// What a person reads on the page, or in the frame that was entered.
    pub fn text(&self) -> String {
        let text = self.run("return document.body ? document.body.innerText : ''");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a fragment of JavaScript.
    pub fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({"script": script, "args": []}))
            .unwrap_or_default()
    }

    /// What follows happens inside this frame, until [`Browser::leave`]. Waits until it holds what `inside` selects: what
    /// stood there before goes only when the new page comes. False when it doesn't come within `patience`.
    pub fn enters(&self, frame: &str, inside: &str, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            self.leave();
            for frame in self.find(frame) {
                let entered = self.ask("/frame", &json!({"id": {ELEMENT: frame}}));
                if entered.is_ok() && !self.find(inside).is_empty() {
                    return true;
                }
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Back to the whole page.
    #[track_caller]
    pub fn leave(&self) {
        self.post("/frame", &json!({"id": null}));
    }

    /// Keeps a picture of the window, where MAILPROV_SCREENSHOTS names a folder.
    pub fn picture(&self, name: &str) {
        use base64::Engine as _;
        let Some(folder) = std::env::var_os("MAILPROV_SCREENSHOTS") else {
            return;
        };
        let answer = minreq::get(format!("{}/screenshot", self.session))
            .send()
            .unwrap();
        let answer: Value = answer.json().unwrap();
        let png = base64::engine::general_purpose::STANDARD
            .decode(answer["value"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser with the session.
        let _ = minreq::delete(&self.session).with_timeout(30).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
