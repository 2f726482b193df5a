package dashboard

import (
	"testing"
)

func TestLooks(t *testing.T) {
	w := newWorld(t, "")
	w.work()
	w.exhaust()
	b := newBrowser(t).newTab(t)
	b.open(w.admin)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.shoot("overview-" + scheme)
	}
	b.scheme("light")
	b.run(narrow())
	b.shoot("overview-narrow")
	b.run(wide())
	b.open(w.admin + "/#/client/docs")
	b.shoot("client-light")
	for _, row := range b.table("client-routes") {
		t.Log(row)
	}
}
