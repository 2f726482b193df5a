package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Shells are the formats of [Format], separated by commas.
const Shells = "sh,fish,powershell,github-actions,dotenv"

// Format writes settings as a shell reads them. github-actions is what a step appends to
// the file that GITHUB_ENV names; dotenv is what docker and the dotenv libraries read. The
// last two cannot say everything, and refuse what they cannot.
func Format(shell string, settings []Setting) (string, error) {
	var out strings.Builder
	for _, s := range settings {
		line, err := format(shell, s)
		if err != nil {
			return "", err
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.String(), nil
}

// Append adds what Format wrote for github-actions to the file that GITHUB_ENV names, which
// the runner has made. It begins a line of its own.
func Append(file, text string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("GITHUB_ENV: %w", err)
	}
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end > 0 {
		last := []byte{0}
		if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			text = "\n" + text
		}
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func format(shell string, s Setting) (string, error) {
	if strings.ContainsRune(s.Value, 0) {
		return "", fmt.Errorf("%s: no environment variable can hold a NUL", s.Name)
	}
	switch shell {
	case "sh":
		return "export " + s.Name + "=" + Quote(s.Value), nil
	case "fish":
		return "set -gx " + s.Name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s.Value) + "'", nil
	case "powershell":
		return "$env:" + s.Name + " = " + quotePowerShell(s.Value), nil
	case "github-actions":
		if strings.ContainsAny(s.Value, "\r\n") {
			return "", fmt.Errorf("%s: a line of GITHUB_ENV cannot hold %q", s.Name, s.Value)
		}
		return s.Name + "=" + s.Value, nil
	case "dotenv":
		return formatDotenv(s)
	}
	return "", fmt.Errorf("%q is not one of %s", shell, Shells)
}

// Quote writes a text as one word of a POSIX shell. It leaves what needs no quotes as
// it is, since people read it.
func Quote(text string) string {
	if isPlain(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func isPlain(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/.:_,@+%-", r))
	})
}

// quotePowerShell doubles quotes. PowerShell takes four typographic ones for the plain
// one (its language specification, section 2.3.5.2).
func quotePowerShell(text string) string {
	for _, q := range []string{"'", "\u2018", "\u2019", "\u201a", "\u201b"} {
		text = strings.ReplaceAll(text, q, q+q)
	}
	return "'" + text + "'"
}

// formatDotenv writes no quotes where none are needed: docker would keep them. Readers
// agree on nothing else but that single quotes hold everything but themselves.
func formatDotenv(s Setting) (string, error) {
	if isPlain(s.Value) {
		return s.Name + "=" + s.Value, nil
	}
	if strings.ContainsAny(s.Value, "'\r\n\\") {
		return "", fmt.Errorf("%s: a .env file cannot hold %q", s.Name, s.Value)
	}
	return s.Name + "='" + s.Value + "'", nil
}
