package dashboard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is far beyond what anything here takes.
const patience = 40 * time.Second

// A browser is a running Chromium without a window.
type browser struct{ ctx context.Context }

// newBrowser starts one. Names that end in .example are this machine.
func newBrowser(t *testing.T) browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, // which needs rights that a container seldom gives
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"),
		chromedp.UserDataDir(t.TempDir()),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("these tests run a real chromium: %v", err)
	}
	return browser{ctx}
}

// A tab is a person's: it has cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex // guards what follows
	complaints []string   // of the browser: errors, exceptions, what a policy has blocked
	forgiven   []string   // texts of those that a test expects
}

// newTab opens one. What the browser complains of fails the test in the end, but for what
// the test has forgiven.
func (b browser) newTab(t *testing.T) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	ctx, stop := context.WithTimeout(ctx, 3*patience)
	out := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		stop()
		end()
		for _, text := range out.complaints {
			if !slices.ContainsFunc(out.forgiven, func(part string) bool { return strings.Contains(text, part) }) {
				t.Errorf("the browser complains: %s", text)
			}
		}
	})
	if err := chromedp.Listen(ctx, out.listen); err != nil {
		t.Fatal(err)
	}
	call(out, log.Enable, cdp.Empty{})
	call(out, runtime.Enable, cdp.Empty{})
	out.run(wide())
	return out
}

// call has the browser do what chromedp has no action for.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text = fmt.Sprintf("console: %s", e.Type)
		}
	}
	if text != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, text)
	}
}

// forgive waits for a complaint that has a text in it, and lets all pass that have it.
func (b *tab) forgive(text string) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond) // it may come after what the page shows
	defer tick.Stop()
	for began := time.Now(); !b.complains(text); <-tick.C {
		if time.Since(began) > patience {
			b.t.Fatalf("nobody complains of %q", text)
		}
	}
	b.forgiven = append(b.forgiven, text)
}

func (b *tab) complains(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.complaints, func(c string) bool { return strings.Contains(c, text) })
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// wide and narrow are a desk and a phone.
func wide() chromedp.Action[chromedp.Void]   { return chromedp.EmulateViewport(1280, 900) }
func narrow() chromedp.Action[chromedp.Void] { return chromedp.EmulateViewport(400, 800) }

// scheme has somebody prefer light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// eval is what an expression in the page comes to.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits until an expression in the page is true, whatever pages come meanwhile.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		if is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && is {
			return
		}
		if time.Since(began) > patience {
			b.t.Fatalf("waited in vain until %s; the page says:\n%s", what, eval[string](b, "document.body.innerText"))
		}
	}
}

// open goes to a page and waits until it shows figures.
func (b *tab) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
	b.until("there are figures", `document.querySelector("#overview:not([hidden]), #client:not([hidden])") !== null`)
}

// table is what a table says: a row each, cells by the labels of their columns.
func (b *tab) table(id string) []map[string]string {
	b.t.Helper()
	return eval[[]map[string]string](b, fmt.Sprintf(`(() => {
		const table = document.querySelector("#%s table");
		const heads = [...table.tHead.rows[0].cells].map((th) => th.innerText.trim());
		return [...table.tBodies[0].rows].map((tr) => Object.fromEntries([...tr.cells].map((cell, i) => [heads[i], cell.textContent.trim()])));
	})()`, id))
}

// shoot writes what the page looks like, if somebody wants to look.
func (b *tab) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("OCTOPOOL_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
