//! A browser without JavaScript, and the page that it shows.

use reqwest::{Method, Response, header::HeaderMap, redirect};

use super::PAGE;
use crate::common::TestApp;

/// A browser that keeps the page's cookie.
pub(super) struct Browser<'a> {
    app: &'a TestApp,
    client: reqwest::Client,
    pub(super) cookie: Option<String>,
}

/// A page with the parts that tests check.
pub(super) struct Shown {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) html: String,
}

pub(super) type Fields<'a> = Vec<(&'a str, String)>;

impl<'a> Browser<'a> {
    pub(super) fn new(app: &'a TestApp) -> Self {
        let client = reqwest::Client::builder().redirect(redirect::Policy::none());
        Self {
            app,
            client: client.build().unwrap(),
            cookie: None,
        }
    }

    /// A browser with this cookie.
    pub(super) fn with_cookie(app: &'a TestApp, cookie: &str) -> Self {
        Self {
            cookie: Some(cookie.to_owned()),
            ..Self::new(app)
        }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.app.address);
        let request = self
            .client
            .request(method, url)
            .header("accept", "text/html,*/*;q=0.8");
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    /// The page as it is now.
    pub(super) async fn look(&self) -> Shown {
        Shown::of(self.request(Method::GET, PAGE).send().await.unwrap()).await
    }

    /// Sends a form of the page, with `typed` filled in.
    pub(super) async fn submit(
        &mut self,
        path: &str,
        page: &Shown,
        typed: &[(&str, &str)],
    ) -> Response {
        let mut fields = page.hidden(path);
        fields.extend(typed.iter().map(|(name, text)| (*name, (*text).to_owned())));
        self.post(path, &fields, &[]).await
    }

    pub(super) async fn post(
        &mut self,
        path: &str,
        fields: &Fields<'_>,
        headers: &[(&str, &str)],
    ) -> Response {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let mut request = self
            .request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get("set-cookie") {
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        response
    }

    /// Begins a conversation and follows the redirect to the page.
    pub(super) async fn start(&mut self, text: &str) -> Shown {
        let page = self.look().await;
        let response = self
            .submit("/support/api/start", &page, &[("initialMessage", text)])
            .await;
        expect_begun(&response);
        self.look().await
    }

    pub(super) async fn send(&mut self, page: &Shown, text: &str) -> Response {
        self.submit("/support/api/send", page, &[("body", text)])
            .await
    }

    /// The session's id and token from the cookie.
    pub(super) fn session(&self) -> (&str, &str) {
        let (_, value) = self.cookie.as_ref().unwrap().split_once('=').unwrap();
        let mut parts = value.split('.');
        (parts.next().unwrap(), parts.next().unwrap())
    }
}

impl Shown {
    pub(super) async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            html: response.text().await.unwrap(),
        }
    }

    /// The HTML of the form that is sent to `path`.
    pub(super) fn form(&self, path: &str) -> &str {
        let start = format!("method=\"post\" action=\"{path}\"");
        // A button may send its form to another address.
        let start = if self.html.contains(&start) {
            start
        } else {
            "method=\"post\" action=\"/support/api/send\"".to_owned()
        };
        let (_, form) = self.html.split_once(&start).expect(path);
        form.split_once("</form>").unwrap().0
    }

    /// The form's hidden fields.
    pub(super) fn hidden(&self, path: &str) -> Fields<'_> {
        let inputs = self.form(path).split("<input type=\"hidden\" name=\"");
        let fields = inputs.skip(1).map(|input| {
            let (name, rest) = input.split_once('"').unwrap();
            let value = rest.split_once("value=\"").unwrap().1;
            (name, value.split_once('"').unwrap().0.to_owned())
        });
        fields.collect()
    }

    /// The text in the field for the message.
    pub(super) fn draft(&self) -> &str {
        let (_, rest) = self.html.split_once("<textarea").expect("a draft");
        let (text, _) = rest.split_once("</textarea>").unwrap();
        text.split_once('>').unwrap().1.strip_prefix('\n').unwrap()
    }

    /// The problem at the top of the page.
    pub(super) fn problem(&self) -> &str {
        let (_, rest) = self.html.split_once("role=\"alert\"").expect("a problem");
        rest.split_once("</div>").unwrap().0
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.html.matches(text).count()
    }
}

pub(super) fn expect_to_page(response: &Response) {
    expect_redirect(response, PAGE);
}

/// After a first message the page checks whether the browser has kept the cookie.
pub(super) fn expect_begun(response: &Response) {
    expect_redirect(response, "/support?begun");
}

fn expect_redirect(response: &Response, to: &str) {
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], to);
    assert_eq!(response.headers()["cache-control"], "no-store");
}
