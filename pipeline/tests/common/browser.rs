//! A real browser for the tests of pages.
#![allow(unreachable_pub, missing_docs, reason = "a module of tests")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::have;
use crate::live::LONG;

/// A browser that is driven through WebDriver (<https://www.w3.org/TR/webdriver2/>), which is JSON over HTTP.
pub struct Browser {
    driver: Child,
    session: String,
    /// Two browsers on a small machine wait for each other longer than one after the other takes.
    _only: MutexGuard<'static, ()>,
}

static ONE_BROWSER: Mutex<()> = Mutex::new(());

impl Browser {
    /// Starts one; `None` where there is none.
    pub fn start() -> Option<Self> {
        let found = |name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
        if !found("chromedriver") {
            println!("skipped: chromedriver not found");
        }
        if !have("chromium", found("chromedriver") && (found("chromium") || found("google-chrome"))) {
            return None;
        }
        let only = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
        let mut driver =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().expect("chromedriver starts");
        let mut lines =
            BufReader::new(driver.stdout.take().expect("its output")).lines().map(|line| line.expect("a line"));
        // "ChromeDriver was started successfully on port 39421."
        let port = lines
            .find_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok());
        std::thread::spawn(move || lines.for_each(drop));
        let session = format!("http://127.0.0.1:{}/session", port.expect("its port"));
        let mut browser = Self { driver, session, _only: only };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
        // A script that meets a page about to be replaced is lost with it, and `wait` asks again.
        let wanted = json!({
            "pageLoadStrategy": "none", "timeouts": { "script": 2000 }, "goog:chromeOptions": { "args": arguments },
        });
        let made = browser.post("", json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{}{path}", self.session)).header("Content-Type", "application/json");
        let text = request
            .send(body.to_string())
            .expect("the driver answers")
            .body_mut()
            .read_to_string()
            .expect("the driver answers");
        serde_json::from_str::<Value>(&text).expect("the driver answers")["value"].take()
    }

    pub fn show(&self, address: &str) {
        self.post("/url", json!({ "url": address }));
    }

    pub fn size(&self, width: u32, height: u32) {
        self.post("/window/rect", json!({ "width": width, "height": height }));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Waits until a script returns something that `is_so`.
    pub fn wait(&self, script: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(script);
            if is_so(&value) {
                return value;
            }
            assert!(start.elapsed() < LONG, "{script}: still {value}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Keeps a picture of what it shows, in the folder that `FROSTGLASS_SCREENSHOTS` names, if any.
    pub fn keep(&self, name: &str) {
        let Some(folder) = std::env::var_os("FROSTGLASS_SCREENSHOTS") else { return };
        let agent: ureq::Agent = ureq::Agent::new_with_defaults();
        let mut response = agent.get(format!("{}/screenshot", self.session)).call().expect("the driver answers");
        let text = response.body_mut().with_config().limit(100_000_000).read_to_string().expect("the driver answers");
        let value: Value = serde_json::from_str(&text).expect("the driver answers");
        let bytes = from_base64(value["value"].as_str().expect("the driver answers"));
        std::fs::write(Path::new(&folder).join(name), bytes).expect("the folder can be written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for value in text.chars().filter_map(|letter| LETTERS.find(letter)) {
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
