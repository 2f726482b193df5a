// Command gogithub takes steps with go-github and prints what came of each: the net/http of a
// plain Go program reads the proxy and the roots to trust from its environment.
//
//	gogithub STEP…
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-github/v88/github"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit status.
func run(steps []string) int {
	options := []github.ClientOptionsFunc{github.WithAuthToken(os.Getenv("GITHUB_TOKEN"))}
	if api := os.Getenv("API"); api != "https://api.github.com" {
		options = append(options, github.WithEnterpriseURLs(api, api))
	}
	c, err := github.NewClient(options...)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	for _, step := range steps {
		if err := take(context.Background(), c, step); err != nil {
			fmt.Printf("%s: %T %v\n", step, err, err)
			return 1
		}
	}
	return 0
}

func take(ctx context.Context, c *github.Client, step string) error {
	switch step {
	case "user":
		user, _, err := c.Users.Get(ctx, "")
		fmt.Println(user.GetLogin())
		return err
	case "repository":
		repo, r, err := c.Repositories.Get(ctx, "acme", "api")
		fmt.Println(repo.GetFullName(), repo.GetPrivate(), repo.GetPermissions().GetPush(), r.Rate.Limit, r.Rate.Resource)
		return err
	case "issues":
		options := &github.IssueListByRepoOptions{ListOptions: github.ListOptions{PerPage: 10}}
		for {
			issues, r, err := c.Issues.ListByRepo(ctx, "acme", "api", options)
			for _, i := range issues {
				fmt.Print(i.GetNumber(), " ")
			}
			if options.ListOptions.Page = r.NextPage; err != nil || r.NextPage == 0 {
				fmt.Println(r.LastPage, r.PrevPage)
				return err
			}
		}
	case "write":
		issue, _, err := c.Issues.Create(ctx, "acme", "api", &github.IssueRequest{Title: new("New")})
		if err != nil {
			return err
		}
		comment, _, err := c.Issues.CreateComment(ctx, "acme", "api", issue.GetNumber(), &github.IssueComment{Body: new("Indeed.")})
		if err != nil {
			return err
		}
		closed, _, err := c.Issues.Edit(ctx, "acme", "api", issue.GetNumber(), &github.IssueRequest{State: new("closed")})
		fmt.Println(issue.GetNumber(), issue.GetUser().GetLogin(), comment.GetBody(), closed.GetState())
		return err
	case "missing":
		_, r, err := c.Repositories.Get(ctx, "acme", "vault")
		fmt.Println(r.StatusCode)
		return err
	case "search":
		found, r, err := c.Search.Issues(ctx, "repo:acme/api late", nil)
		fmt.Println(found.GetTotal(), r.Rate.Limit, r.Rate.Resource)
		return err
	case "contents":
		return contents(ctx, c)
	case "status":
		status, _, err := c.Repositories.CreateStatus(ctx, "acme", "api", "main", github.RepoStatus{State: new("success"), Context: new("ci")})
		if err != nil {
			return err
		}
		combined, _, err := c.Repositories.GetCombinedStatus(ctx, "acme", "api", "main", nil)
		fmt.Println(status.GetContext(), combined.GetState())
		return err
	case "limits":
		limits, _, err := c.RateLimit.Get(ctx)
		fmt.Println(limits.GetCore().Limit, limits.GetSearch().Limit, limits.GetGraphQL().Limit)
		return err
	case "graphql":
		return graphQL(ctx, c)
	case "asset":
		return asset(ctx, c)
	}
	return errors.New("no such step")
}

func contents(ctx context.Context, c *github.Client) error {
	options := &github.RepositoryContentFileOptions{Message: new("Write"), Content: []byte("one\n")}
	made, _, err := c.Repositories.CreateFile(ctx, "acme", "api", "a.txt", options)
	if err != nil {
		return err
	}
	options.Content, options.SHA = []byte("two\n"), made.Content.SHA
	if _, _, err = c.Repositories.UpdateFile(ctx, "acme", "api", "a.txt", options); err != nil {
		return err
	}
	file, _, _, err := c.Repositories.GetContents(ctx, "acme", "api", "a.txt", nil)
	if err != nil {
		return err
	}
	text, err := file.GetContent()
	fmt.Print(text)
	return err
}

func graphQL(ctx context.Context, c *github.Client) error {
	url := strings.TrimSuffix(c.BaseURL(), "v3/") + "graphql" // an Enterprise Server's is beside its REST API
	req, err := c.NewRequest(ctx, http.MethodPost, url, map[string]string{"query": `{repository(owner:"acme",name:"api"){name}}`})
	if err != nil {
		return err
	}
	_, err = c.Do(req, os.Stdout)
	return err
}

func asset(ctx context.Context, c *github.Client) error {
	release, _, err := c.Repositories.GetLatestRelease(ctx, "acme", "api")
	if err != nil {
		return err
	}
	file, _, err := c.Repositories.DownloadReleaseAsset(ctx, "acme", "api", release.Assets[0].GetID(), http.DefaultClient)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, file)
	fmt.Println(n)
	return cmp.Or(err, file.Close())
}
