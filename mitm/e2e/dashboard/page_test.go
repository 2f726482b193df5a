package dashboard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"octopool/mitm/admin"
)

// The page of one world, which each part finds as the one before has left it.
func TestPage(t *testing.T) {
	w := newWorld(t, "")
	w.work()
	w.exhaust()
	b := newBrowser(t)
	for _, part := range []struct {
		claim string
		show  func(*testing.T, *world, *tab)
	}{
		{"figures are those of the metrics", figures},
		{"it says what needs attention", attention},
		{"a client has a page of its own", clientPage},
		{"tables are sorted by keyboard", sorting},
		{"more traffic is shown without asking", live},
		{"it can be read in the dark, on a phone and by machines", looks},
		{"it says that octopool is gone", gone},
	} {
		t.Run(part.claim, func(t *testing.T) {
			tab := b.newTab(t)
			tab.open(w.admin)
			part.show(t, w, tab)
		})
	}
}

// number is a figure as the page writes it.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Errorf("%q is no number", text)
	}
	return n
}

// quiet waits until GitHub has told octopool whose its tokens are: what that costs is counted.
func (w *world) quiet() admin.Status {
	for {
		var s admin.Status
		if err := json.Unmarshal(w.get("/api/status"), &s); err != nil {
			w.t.Fatal(err)
		}
		known := 0
		for _, c := range s.Pools[0].Credentials {
			if c.Principal != "" || c.Retry != nil {
				known++
			}
		}
		if known == len(s.Pools[0].Credentials) {
			return s
		}
	}
}

func figures(t *testing.T, w *world, b *tab) {
	status := w.quiet()
	spent := w.metrics("octopool_points_spent_total", nil)
	b.until("it shows all points", fmt.Sprintf(`document.querySelector("#points tbody").innerText.includes("%d")`, spent))
	if spent == 0 {
		t.Fatal("nothing was spent")
	}
	b.run(chromedp.Click(chromedp.CSS("#clients button[aria-expanded]")))
	rows := b.table("clients")
	if len(rows) != len(teams())+1 {
		t.Errorf("%d clients: %v", len(rows), rows)
	}
	for _, row := range rows {
		name := map[bool]string{true: "-", false: row["Client"]}[row["Client"] == "nobody registered"]
		of := map[string]string{"client": name}
		for column, metric := range map[string]string{
			"Points 1 h": "octopool_points_spent_total", "Points 24 h": "octopool_points_spent_total", "Saved 24 h": "octopool_points_saved_total",
			"Requests 24 h": "octopool_requests_total", "Refused 24 h": "octopool_refused_total",
		} {
			if got, want := number(t, row[column]), w.metrics(metric, of); got != want {
				t.Errorf("%s of %s: %d, the metrics say %d", column, name, got, want)
			}
		}
		if limit := w.metrics("octopool_client_allowance_limit", of); limit > 0 {
			if want := fmt.Sprintf("%d of %d", w.metrics("octopool_client_allowance_remaining", of), limit); row["Allowance left"] != want {
				t.Errorf("allowance of %s: %q, the metrics say %q", name, row["Allowance left"], want)
			}
		}
	}
	for _, row := range b.table("routes") {
		of := map[string]string{"route": row["Route"]}
		for column, metric := range map[string]string{"Points 24 h": "octopool_route_points_spent_total", "Saved 24 h": "octopool_route_points_saved_total", "Requests 24 h": "octopool_route_requests_total"} {
			if got, want := number(t, row[column]), w.metrics(metric, of); got != want {
				t.Errorf("%s of %s: %d, the metrics say %d", column, row["Route"], got, want)
			}
		}
	}
	for _, row := range b.table("outcomes") {
		outcome, _, _ := strings.Cut(row["Outcome"], " ")
		if got, want := number(t, row["Requests"]), w.metrics("octopool_requests_total", map[string]string{"outcome": outcome}); got != want || want == 0 {
			t.Errorf("%s: %d, the metrics say %d", outcome, got, want)
		}
	}
	for _, row := range b.table("points") {
		if got, want := number(t, row["Last hour"]), w.metrics("octopool_points_"+row["Points"]+"_total", nil); got != want {
			t.Errorf("%s: %d, the metrics say %d", row["Points"], got, want)
		}
	}
	budgets := 0
	for _, c := range status.Pools[0].Credentials {
		for resource := range c.Budgets {
			of := map[string]string{"credential": c.Name, "resource": resource}
			left := strconv.Itoa(w.metrics("octopool_budget_remaining", of))
			budgets++
			if !slices.ContainsFunc(b.table("budgets"), func(row map[string]string) bool {
				return row["Principal"] == c.Principal+" "+resource && strings.HasPrefix(strings.ReplaceAll(row["Left"], ",", ""), left+" of ")
			}) {
				t.Errorf("%s of %s has %s left, which is not in %v", resource, c.Principal, left, b.table("budgets"))
			}
		}
	}
	if rows := b.table("budgets"); len(rows) != budgets || rows[0]["Principal"] != "user octo-bot core" || rows[0]["Outlook"] != "spent" {
		t.Errorf("%d budgets, what is spent first: %v", budgets, rows)
	}
	kept := eval[string](b, `document.querySelector("#store dd").textContent`)
	if want := fmt.Sprintf("%d answers", w.metrics("octopool_store_entries", nil)); !strings.HasPrefix(kept, want) {
		t.Errorf("the store has %q, the metrics say %s", kept, want)
	}
}

func attention(t *testing.T, _ *world, b *tab) {
	text := eval[string](b, `document.getElementById("attention").innerText`)
	for _, want := range []string{
		"core of user octo-bot is spent. It is whole again in 2", "Credential leaver is down: GitHub answered 401 Bad credentials; tried again in ",
		"core of user hubot has 4 % left, ", "docs has nothing left of its allowance of 4 points.", "reader was refused 4 requests in the last hour.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	for _, row := range b.table("troubles") {
		if row["Client"] == "reader" && row["Times"] == "3" && strings.Contains(row["Why"], "client reader may not GET /repos/acme/api/issues") && row["Status"] == "403" {
			return
		}
	}
	t.Errorf("what reader was refused is not in %v", b.table("troubles"))
}

func clientPage(t *testing.T, w *world, b *tab) {
	b.run(chromedp.Click(chromedp.CSS(`#clients a[href="#/client/docs"]`)))
	b.until("it shows the client", `document.activeElement.id === "client-name" && document.activeElement.textContent === "docs" && document.querySelectorAll("#client-routes tbody tr").length > 0`)
	for _, row := range b.table("client-routes") {
		of := map[string]string{"client": "docs", "route": row["Route"]}
		if got, want := number(t, row["Points 24 h"]), w.metrics("octopool_route_points_spent_total", of); got != want {
			t.Errorf("%s costs %d, the metrics say %d", row["Route"], got, want)
		}
		if got, want := number(t, row["Requests 24 h"]), w.metrics("octopool_route_requests_total", of); got != want || want == 0 {
			t.Errorf("%s: %d requests, the metrics say %d", row["Route"], got, want)
		}
	}
	if got := fmt.Sprint(b.table("client-refused")); got != "[map[Reason:allowance Requests:2]]" {
		t.Errorf("refused: %s", got)
	}
	if got := b.table("client-troubles"); len(got) != 1 || got[0]["Times"] != "2" {
		t.Errorf("troubles: %v", got)
	}
	b.shoot("client-light")
	b.run(chromedp.NavigateBack())
	b.until("it is back", `document.querySelector("#overview:not([hidden])") !== null && document.title === "octopool"`)
	b.open(w.admin + "/#/client/%3Cimg%20src=x%20onerror=alert(1)%3E")
	b.until("it knows no such client", `document.getElementById("client-name").textContent === "<img src=x onerror=alert(1)>" && document.getElementById("client-note").innerText.startsWith("No client of this name")`)
}

func sorting(t *testing.T, _ *world, b *tab) {
	column := func(name string) (values []string) {
		for _, row := range b.table("clients") {
			values = append(values, row[name])
		}
		return values
	}
	press := func(label, key string) {
		b.run(chromedp.Focus(chromedp.CSS("#clients thead th:nth-child("+label+") button")), chromedp.KeyEvent(key))
	}
	sorted := func(n int) string {
		return eval[string](b, fmt.Sprintf(`document.querySelector("#clients thead th:nth-child(%d)").getAttribute("aria-sort")`, n))
	}
	if points := column("Points 1 h"); sorted(2) != "descending" || number(t, points[0]) < number(t, points[len(points)-1]) || number(t, points[0]) == 0 {
		t.Errorf("to begin with: %s, %v", sorted(2), points)
	}
	press("1", kb.Enter)
	if names := column("Client"); sorted(1) != "ascending" || sorted(2) != "none" || !slices.IsSorted(names) {
		t.Errorf("by name: %s, %v", sorted(1), names)
	}
	press("1", " ")
	if names := column("Client"); sorted(1) != "descending" || names[0] != "web" {
		t.Errorf("by name, turned around: %s, %v", sorted(1), names)
	}
	if got := eval[string](b, `document.activeElement.innerText.trim()`); got != "Client" {
		t.Errorf("the focus went to %q", got)
	}
	// The way through the page is open: what scrolls can be focused, and what is focused shows it.
	b.run(chromedp.KeyEvent(kb.Tab))
	if !eval[bool](b, `getComputedStyle(document.activeElement).outlineStyle === "solid" && document.activeElement.matches("th button")`) {
		t.Errorf("after a tab the focus is on %s", eval[string](b, `document.activeElement.outerHTML`))
	}
	if n := eval[int](b, `[...document.querySelectorAll("table")].filter((t) => !t.caption || [...t.tHead.rows[0].cells].some((th) => th.scope !== "col") || [...t.tBodies[0].rows].some((tr) => tr.cells[0].scope !== "row")).length`); n != 0 {
		t.Errorf("%d tables without a caption or scopes", n)
	}
}

func live(t *testing.T, w *world, b *tab) {
	eval[bool](b, `window.loadedOnce = true`)
	before := w.metrics("octopool_requests_total", map[string]string{"client": "web"})
	for range 25 {
		w.ask("web", "GET", "/repos/acme/web", "")
	}
	w.ask("reader", "GET", "/repos/acme/api/pulls", "")
	b.run(chromedp.Focus(chromedp.CSS(`#clients a[href="#/client/web"]`)))
	b.until("it shows the requests", fmt.Sprintf(`[...document.querySelectorAll("#clients tbody tr")].some((tr) => tr.cells[0].innerText === "web" && tr.cells[4].innerText === "%d")`, before+25))
	b.until("it shows the refusal", `document.getElementById("troubles").innerText.includes("may not GET /repos/acme/api/pulls")`)
	if !eval[bool](b, `window.loadedOnce === true`) {
		t.Error("the page was loaded again")
	}
	if got := eval[string](b, `document.activeElement.innerText`); got != "web" {
		t.Errorf("the focus went to %q", got)
	}
	first := eval[string](b, `document.querySelector("#budgets time").innerText`)
	b.until("the countdown goes on", fmt.Sprintf(`document.querySelector("#budgets time").innerText !== %q`, first))
}

// contrasts are the texts that are hard to read: their contrast with what is behind them, by
// WCAG 2.2, is less than 4.5.
const contrasts = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
	const bad = [];
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || e.closest(".unseen, .skip, noscript") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const style = getComputedStyle(e), a = light(rgba(e.closest("svg") ? style.fill : style.color)), b = light(behind(e));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) bad.push(contrast.toFixed(1) + " " + e.tagName + " " + e.className + ": " + e.textContent.trim().slice(0, 40));
	}
	return bad;
})()`

func looks(t *testing.T, w *world, b *tab) {
	backgrounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		backgrounds[eval[string](b, `getComputedStyle(document.body).backgroundColor`)] = true
		for _, hard := range eval[[]string](b, contrasts) {
			t.Errorf("hard to read when it is %s: %s", scheme, hard)
		}
		b.shoot("overview-" + scheme)
	}
	if len(backgrounds) != 2 {
		t.Errorf("light and dark look the same: %v", backgrounds)
	}
	b.scheme("light")
	b.run(narrow())
	for page, url := range map[string]string{"overview": w.admin + "/#/", "client": w.admin + "/#/client/reader"} {
		b.open(url)
		b.until("it is as wide as the screen", `document.documentElement.clientWidth === 400`)
		if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > 400 {
			t.Errorf("%s is %d wide on a screen of 400", page, wide)
		}
		b.shoot(page + "-narrow")
	}
	if n := eval[int](b, `[...document.querySelectorAll("[role=meter]")].filter((m) => !m.getAttribute("aria-label") || !m.getAttribute("aria-valuetext") || !(Number(m.getAttribute("aria-valuenow")) <= Number(m.getAttribute("aria-valuemax")))).length`); n != 0 {
		t.Errorf("%d bars do not say what they show", n)
	}
}

func gone(t *testing.T, w *world, b *tab) {
	w.stop()
	b.until("it says so", `document.getElementById("banner").innerText.startsWith("octopool does not answer. Figures are of ") && document.getElementById("live").innerText.trim() === "No answer"`)
	b.shoot("gone-light")
	b.forgive("ERR_")
}
