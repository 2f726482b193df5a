package dashboard

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// With a token there is a form, which wants that token, and a session, which ends; by an
// address, and by a name over plain HTTP, where browsers tell less of where a form is from.
func TestLogin(t *testing.T) {
	const token = "correct-horse-battery-staple"
	w := newWorld(t, token)
	w.ask("web", "GET", "/repos/acme/web", "")
	b := newBrowser(t)
	at, err := url.Parse(w.admin)
	if err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string]string{"by address": w.admin, "by name": "http://octopool.example:" + at.Port()} {
		t.Run(name, func(t *testing.T) {
			tab := b.newTab(t)
			tab.run(chromedp.Navigate(base + "/"))
			tab.until("there is a form", `location.pathname === "/login" && document.activeElement.id === "token"`)
			tab.shoot("login-light")
			logIn(tab, "incorrect-horse")
			tab.until("it says no", `document.getElementById("wrong")?.getAttribute("role") === "alert"`)
			tab.forgive("401")
			tab.shoot("login-wrong")
			logIn(tab, token)
			tab.until("it shows figures", `location.pathname === "/" && document.querySelector("#overview:not([hidden])") !== null`)

			if place := eval[string](tab, `location.href + document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`); place != base+"/{}{}" {
				t.Errorf("a script can see %s", place)
			}
			cookies, err := chromedp.Call(tab.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{base}})
			if err != nil || len(cookies.Cookies) != 1 {
				t.Fatalf("cookies: %v %v", cookies.Cookies, err)
			}
			if c := cookies.Cookies[0]; !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || strings.Contains(c.Value, "horse") {
				t.Errorf("the cookie is %+v", c)
			}

			call(tab, network.ClearBrowserCookies, cdp.Empty{})
			eval[string](tab, `location.hash = "#/client/web"`) // and so asks for more
			tab.until("it says that the session has ended", `document.getElementById("banner").innerText.startsWith("Your session has ended.") && document.querySelector("#banner a").pathname === "/login"`)
			tab.forgive("401")
			tab.run(chromedp.Click(chromedp.CSS("#banner a")))
			tab.until("there is a form", `location.pathname === "/login"`)
			logIn(tab, token)
			tab.until("it shows figures", `location.pathname === "/" && document.querySelector("#overview:not([hidden])") !== null`)
			tab.run(chromedp.Click(chromedp.CSS(`form[action="logout"] button`)))
			tab.until("there is a form again", `location.pathname === "/login"`)
			tab.run(chromedp.Navigate(base + "/"))
			tab.until("the session is over", `location.pathname === "/login"`)
		})
	}
}

// logIn types into the form and sends it.
func logIn(b *tab, token string) {
	b.t.Helper()
	b.run(chromedp.SendKeys(chromedp.CSS("#token"), token+"\r"))
}
