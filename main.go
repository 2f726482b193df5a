// Octopool is a forward proxy for GitHub: it answers from what GitHub has just vouched
// for, and spends a pool's budgets where it has to ask.
//
// This file knows what a configuration is written in, and wires. Commands are in
// mitm/command, and what they do in the packages below.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/BurntSushi/toml"

	"octopool/mitm/command"
	"octopool/mitm/config"
)

func main() {
	os.Exit(command.Run(os.Args[1:], read))
}

// read reads a configuration file; the file "" is an empty one.
func read(file string) (config.Source, error) {
	if file == "" {
		return config.NewSource("", "", map[string]any{}), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return config.Source{}, err
	}
	tree := map[string]any{}
	_, err = toml.Decode(string(text), &tree)
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		return config.Source{}, config.Wrong{fmt.Sprintf("%s:%d: %s", file, parse.Position.Line, config.Unquoted(parse.Message))}
	} else if err != nil {
		return config.Source{}, fmt.Errorf("%s: %w", file, err)
	}
	return config.NewSource(file, string(text), tree), nil
}
