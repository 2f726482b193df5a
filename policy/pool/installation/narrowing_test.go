package installation_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"octopool/policy/pool/installation"
)

// A permission that GitHub does not know is an error that names the one that was meant.
func TestCheckPermissions(t *testing.T) {
	for _, tt := range []struct {
		permissions map[string]string
		want        string
	}{
		{nil, ""},
		{map[string]string{"contents": "read", "pull_requests": "write", "organization_projects": "admin", "metadata": "read"}, ""},
		{map[string]string{"content": "read"}, `GitHub Apps have no permission "content"; is contents meant?`},
		{map[string]string{"Contents": "read"}, `GitHub Apps have no permission "Contents"; is contents meant?`},
		{map[string]string{"pull-requests": "read"}, `GitHub Apps have no permission "pull-requests"; is pull_requests meant?`},
		{map[string]string{"Pull requests": "read"}, `GitHub Apps have no permission "Pull requests"; is pull_requests meant?`},
		{map[string]string{"xyzzy": "read"}, `GitHub Apps have no permission "xyzzy"`},
		{map[string]string{"": "read"}, `GitHub Apps have no permission ""`},
		{map[string]string{"contents": "none"}, `permission contents is given as read, write or admin, not "none"`},
		{map[string]string{"contents": "Read"}, `permission contents is given as read, write or admin, not "Read"`},
		{map[string]string{"issues": "read", "contents": ""}, `permission contents is given as read, write or admin, not ""`},
	} {
		got := ""
		if err := installation.CheckPermissions(tt.permissions); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.permissions, got, tt.want)
		}
	}
}

// A narrowing reaches GitHub as it was written, and no narrowing is none.
func TestNarrowingIsSent(t *testing.T) {
	for _, tt := range []struct {
		narrowing installation.Narrowing
		want      string
	}{
		{installation.Narrowing{}, "{}\n"},
		{installation.Narrowing{Repositories: []string{"web", "api"}}, `{"repositories":["web","api"]}` + "\n"},
		{installation.Narrowing{Permissions: map[string]string{"issues": "write", "contents": "read"}}, `{"permissions":{"contents":"read","issues":"write"}}` + "\n"},
		{
			installation.Narrowing{Repositories: []string{"web"}, Permissions: map[string]string{"checks": "write"}},
			`{"repositories":["web"],"permissions":{"checks":"write"}}` + "\n",
		},
	} {
		var sent string
		app := appBy(t, sender(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			sent = string(body)
			if err != nil {
				return nil, err
			}
			return answering(201, minted("ghs_1"))(r)
		}))
		if _, err := app.Mint(t.Context(), 7, tt.narrowing); err != nil || sent != tt.want {
			t.Errorf("%v was sent as %s, %v", tt.narrowing, sent, err)
		}
	}
}

// Every permission that is checked for is sent: one that got lost would widen the token.
func TestNoPermissionIsLost(t *testing.T) {
	for _, name := range installation.PermissionNames() {
		var sent string
		app := appBy(t, sender(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			sent = string(body)
			if err != nil {
				return nil, err
			}
			return answering(201, minted("ghs_1"))(r)
		}))
		want := `{"permissions":{"` + name + `":"read"}}` + "\n"
		if _, err := app.Mint(t.Context(), 7, installation.Narrowing{Permissions: map[string]string{name: "read"}}); err != nil || sent != want {
			t.Errorf("%s was sent as %s, %v", name, sent, err)
		}
	}
}

// A narrowing that GitHub would take for none, or cannot take, is not sent.
func TestNarrowingIsChecked(t *testing.T) {
	app := appBy(t, sender(func(r *http.Request) (*http.Response, error) {
		t.Errorf("GitHub was asked: %s", r.URL)
		return answering(201, minted("ghs_1"))(r)
	}))
	for _, tt := range []struct {
		narrowing installation.Narrowing
		want      string
	}{
		{installation.Narrowing{Repositories: []string{}}, "a token cannot be limited to no repositories"},
		{installation.Narrowing{Permissions: map[string]string{}}, "a token cannot be limited to no permissions"},
		{installation.Narrowing{Repositories: slices.Repeat([]string{"web"}, 501)}, "a token can be limited to 500 repositories, not to 501"},
		{installation.Narrowing{Repositories: []string{"acme/web"}}, `a repository is named without its owner here, not "acme/web"`},
		{installation.Narrowing{Repositories: []string{""}}, `a repository is named without its owner here, not ""`},
		{installation.Narrowing{Permissions: map[string]string{"contnets": "read"}}, `GitHub Apps have no permission "contnets"; is contents meant?`},
	} {
		if _, err := app.Mint(t.Context(), 7, tt.narrowing); err == nil || err.Error() != tt.want {
			t.Errorf("%v: %v, want %s", tt.narrowing, err, tt.want)
		}
	}
}
