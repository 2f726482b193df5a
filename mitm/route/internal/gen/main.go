// Gen writes the table of GitHub's route templates from GitHub's OpenAPI
// description, as npm's @octokit/openapi package carries it. It takes paths,
// methods and which parameters span several segments; none of the texts.
//
// Without -from it fetches the pinned version with npm. The same version
// always gives the same bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// version is the release of @octokit/openapi that the table comes from.
const version = "23.0.2"

// description is the file for github.com inside the package; there is one for
// each Enterprise server too.
const description = "generated/api.github.com.json"

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	from := flag.String("from", "", "an unpacked @octokit/openapi package `folder`, instead of npm")
	to := flag.String("o", "templates.txt", "the table `file` to write")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		log.Fatal(err)
	}
}

func run(from, to string) error {
	if from == "" {
		folder, err := os.MkdirTemp("", "openapi-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if from, err = fetch(folder); err != nil {
			return err
		}
	}
	file, err := os.Open(filepath.Join(from, filepath.FromSlash(description)))
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	table, err := tableOf(text, version)
	if err != nil {
		return err
	}
	return os.WriteFile(to, table, 0o644)
}

// fetch has npm install the package in folder and returns where it is. The
// package has no install scripts; should it get some, they do not run.
func fetch(folder string) (string, error) {
	npm := exec.Command("npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
		"--prefix", folder, "@octokit/openapi@"+version)
	npm.Stdout, npm.Stderr = os.Stderr, os.Stderr
	if err := npm.Run(); err != nil {
		return "", fmt.Errorf("npm install @octokit/openapi@%s: %w", version, err)
	}
	return filepath.Join(folder, "node_modules", "@octokit", "openapi"), nil
}
