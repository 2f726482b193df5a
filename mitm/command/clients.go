package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"octopool/mitm/config"
	"octopool/mitm/learning"
	"octopool/policy"
)

// registered are the clients that a configuration has.
func (f file) registered(read Reader) (src config.Source, all []policy.Registration, err error) {
	if f.Config == "" {
		return src, nil, usage{errors.New("client: name the file that clients are registered in, with --config")}
	}
	if src, err = read(f.Config); err != nil {
		return src, nil, err
	}
	all, problems := src.Registrations(os.Environ())
	return src, all, src.Wrong(problems)
}

type listClients struct{ file }

func (listClients) Help() string {
	return "No secret is needed for it, and octopool need not run.\n\n" + example("octopool client list --config /etc/octopool.toml")
}

// Run prints what the configuration says of each client.
func (l listClients) Run(read Reader) error {
	src, all, err := l.registered(read)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CLIENT\tPOOL\tALLOWANCE\tSCOPES")
	for _, c := range all {
		scopes := []string{"everything"}
		if len(c.Scopes) > 0 {
			scopes = nil
		}
		for _, s := range c.Scopes {
			scopes = append(scopes, s.String())
		}
		if c.ReportOnly {
			scopes = append(scopes, "(reported only)")
		}
		first := fmt.Sprintf("%s\t%s\t%s", c.Name, c.Pool, cmp.Or(src.AllowanceOf(c.Name), "-"))
		for _, scope := range scopes { // one below the other
			fmt.Fprintf(out, "%s\t%s\n", first, scope)
			first = "\t\t"
		}
	}
	return out.Flush()
}

type testClient struct {
	file
	Name   string `arg:"" help:"The client's name."`
	Method string `arg:"" help:"GET, POST and so on; or graphql:query, graphql:mutation, git:read, git:write."`
	Path   string `arg:"" optional:"" help:"A path of the API, or a whole URL; for graphql:mutation its name, for git OWNER/REPO."`
}

func (testClient) Help() string {
	return "Exit status 1 when it would be refused. No secret is needed for it, and octopool need not run.\n\n" +
		example("octopool client test ci POST /repos/acme/web/issues --config /etc/octopool.toml",
			"octopool client test ci graphql:mutation addComment --config /etc/octopool.toml")
}

// Run says which scope decides about a request.
func (c testClient) Run(read Reader) error {
	src, all, err := c.registered(read)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r policy.Registration) bool { return r.Name == c.Name })
	if i < 0 {
		return noClient(c.Name, all)
	}
	places, problems := src.Places(os.Environ())
	if err := src.Wrong(problems); err != nil {
		return err
	}
	var origins []policy.Origin
	for _, g := range places.GitHubs {
		origins = append(origins, g.Origins()...)
	}
	r, err := learning.Request(origins, c.Method, c.Path)
	if err != nil {
		return err
	}
	verdict, err := learning.Judge(all[i], r)
	switch {
	case err != nil:
		return err
	case verdict.Spared:
		return fmt.Errorf("would be refused, and is only reported for now: %s", strings.TrimPrefix(verdict.Why, "octopool: "))
	case !verdict.Allowed:
		return fmt.Errorf("refused: %s", strings.TrimPrefix(verdict.Why, "octopool: "))
	}
	fmt.Println("allowed " + verdict.Why)
	return nil
}

func noClient(name string, all []policy.Registration) error {
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	return fmt.Errorf("no client %q; there is: %s", name, strings.Join(names, ", "))
}
